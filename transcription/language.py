"""Languages of calls: one spelling for what recognisers, exports and settings call them."""

# Codes and names as Whisper has them, which is also how exports of its kin name a language.
_TABLE = """
af Afrikaans, am Amharic, ar Arabic, as Assamese, az Azerbaijani, ba Bashkir, be Belarusian, bg Bulgarian, bn Bengali,
bo Tibetan, br Breton, bs Bosnian, ca Catalan, cs Czech, cy Welsh, da Danish, de German, el Greek, en English,
es Spanish, et Estonian, eu Basque, fa Persian, fi Finnish, fo Faroese, fr French, gl Galician, gu Gujarati, ha Hausa,
haw Hawaiian, he Hebrew, hi Hindi, hr Croatian, ht Haitian Creole, hu Hungarian, hy Armenian, id Indonesian,
is Icelandic, it Italian, ja Japanese, jw Javanese, ka Georgian, kk Kazakh, km Khmer, kn Kannada, ko Korean, la Latin,
lb Luxembourgish, ln Lingala, lo Lao, lt Lithuanian, lv Latvian, mg Malagasy, mi Maori, mk Macedonian, ml Malayalam,
mn Mongolian, mr Marathi, ms Malay, mt Maltese, my Myanmar, ne Nepali, nl Dutch, nn Nynorsk, no Norwegian, oc Occitan,
pa Punjabi, pl Polish, ps Pashto, pt Portuguese, ro Romanian, ru Russian, sa Sanskrit, sd Sindhi, si Sinhala,
sk Slovak, sl Slovenian, sn Shona, so Somali, sq Albanian, sr Serbian, su Sundanese, sv Swedish, sw Swahili, ta Tamil,
te Telugu, tg Tajik, th Thai, tk Turkmen, tl Tagalog, tr Turkish, tt Tatar, uk Ukrainian, ur Urdu, uz Uzbek,
vi Vietnamese, yi Yiddish, yo Yoruba, yue Cantonese, zh Chinese
"""

NAMES: dict[str, str] = {
    entry.partition(" ")[0]: entry.partition(" ")[2] for entry in " ".join(_TABLE.split()).split(", ")
}
"""The English name of each language by its code: "de" is "German"."""

_CODES = {name.lower(): code for code, name in NAMES.items()}


def code_of(written: str | None) -> str | None:
    """The code of a language however it is written: "en-GB", "en_us" and "english" are "en".

    A code that is not in `NAMES` is kept; what is no code ("multi") and no name is None: unknown, never guessed.
    """
    plain = (written or "").strip().lower()
    code = plain.replace("_", "-").split("-", maxsplit=1)[0]
    if plain in _CODES:
        return _CODES[plain]
    return code if code in NAMES or (code.isascii() and code.isalpha() and len(code) in {2, 3}) else None


def shared(languages: list[str | None]) -> str | None:
    """The one language that all parts of a call are in; None where they differ or one is not known."""
    return languages[0] if languages and len(set(languages)) == 1 else None
