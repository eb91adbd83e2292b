"""Content words: what a sentence is about once the grammar and the stock phrases are taken away."""

from functools import lru_cache

import snowballstemmer

_STEMMER = snowballstemmer.stemmer("english")
_NOTHING = frozenset({""})

# English function words, and the words that any service call is made of: sharing them shows no listening.
STOP = frozenset(
    """a about above after again all also am an and any anything are as at back be because been before being but
    by can could did do does doing done down each even ever every few for from further get getting give given
    go goes going gone got had has have having he her here hers him his how i if in into is it its just know
    let like look make many may me mean might more most much must my need never no nor not now of off oh okay
    on once one only or other our ours out over own please put really right said same say saying see seem
    shall she should so some still such sure take tell than thank thanks that the their theirs them then there
    these they thing things think this those though through to today told too try trying two under until up us
    use very want was way we well were what when where which while who whom why will with would yes yet you
    your yours yourself 's hello hi hey sir madam maam call calling called customer agent service help helping
    helped everything something nothing someone anyone everybody sorry apologize apology understand hear
    hearing feel feeling happen happened happening able first last lot little bit good great kind maybe moment
    important importance minute actually already always around away ask asking asked come coming came
    work time thought keep""".split()
)
# Said of any complaint, so naming them names no issue.
_STOCK = frozenset(
    """inconvenience inconveniences trouble troubles problem problems issue issues situation experience
    experienced frustration frustrating frustrated upset upsetting annoying annoyed confusion concern concerns
    matter caused causing cause hassle disappointment disappointed difficulty difficulties bother patience
    error misunderstanding""".split()
)


@lru_cache(maxsize=65536)
def stem(word: str) -> str:
    """The word's stem (Porter 2001, "Snowball: English")."""
    return str(_STEMMER.stemWord(word))


@lru_cache(maxsize=65536)
def _content(word: str) -> str:
    """The stem of a content word, "" for any other."""
    is_content = len(word) > 2 and word[0] != "[" and word not in STOP and word not in _STOCK
    return stem(word) if is_content else ""


def content_stems(text: str) -> frozenset[str]:
    """Stems of the content words of a normalised text: no function words, no stock words of complaint handling.

    No masks either: "[phone]" and "[phone]" may have been two numbers.
    """
    return frozenset(map(_content, text.split())) - _NOTHING
