"""What is said, in one form: however it is written, transcribed or stammered, the same words are the same.

Texts and phrases pass through the same `normalise`, so "I'm", "I’m", "im" and "I am" are one thing.
"""

import re
import unicodedata
from bisect import bisect_right
from functools import lru_cache
from itertools import accumulate, repeat
from operator import add, eq

TOKEN = re.compile(
    # Nearly all words are plain, and read fastest as such.
    r"[A-Za-z]+(?=[ ,])"
    # The full stop of a title ends no sentence.
    r"|(?:[Mm](?:[Rr][Ss]?|[Ss])|[Dd][Rr]|[Ss][Tt])\."
    # What was masked, by us or by an exporting system, is a word of its own: "[card]" is not the word "card".
    r"|\[[^\W\d][^\W]*\]"
    # An accent may be written as a sign of its own.
    r"|[^\W\d_][^\W_]*(?:(?:'|[\u0300-\u036f]+)[^\W_]+)*[\u0300-\u036f]*"
    r"|\d+(?:(?i:st|nd|rd|th)\b|(?:[.,:]\d+)*)"
    r"|[.?!…]+"
)
_APOSTROPHES = str.maketrans(dict.fromkeys("’‘ʼ`´\u2032\uff07", "'"))
_FILLERS = frozenset("um umm uh uhh er err erm ah eh hmm hm mm".split())

_CONTRACTIONS: dict[str, str] = {
    "can't": "can not", "cannot": "can not", "won't": "will not", "shan't": "shall not", "ain't": "is not",
    "let's": "let us", "y'all": "you all", "gonna": "going to", "wanna": "want to", "gotta": "got to",
    "gimme": "give me", "lemme": "let me", "kinda": "kind of", "dunno": "do not know", "cuz": "because",
    "cos": "because", "o'clock": "oclock", "ok": "okay", "pls": "please", "plz": "please", "thru": "through",
    "thx": "thanks", "u": "you", "ur": "your", "sry": "sorry", "bout": "about",
    "alright": "all right", "cancelled": "canceled", "cancelling": "canceling",
    # Written without the apostrophe, where that is no other word ("well", "were", "ill", "id" are).
    "im": "i am", "ive": "i have", "youre": "you are", "youve": "you have", "youll": "you will", "youd": "you would",
    "theyre": "they are", "theyve": "they have", "theyll": "they will", "weve": "we have", "itll": "it will",
    "its": "it is", "thats": "that is", "whats": "what is", "theres": "there is", "heres": "here is", "hes": "he is",
    "shes": "she is", "whos": "who is", "hows": "how is", "wheres": "where is", "lets": "let us", "aint": "is not",
    "cant": "can not", "wont": "will not",
}  # fmt: skip
_CONTRACTIONS |= {f"{w}'s": f"{w} is" for w in "it that what he she there here who how where when this".split()}
_CONTRACTIONS |= {
    f"{verb}n{mark}t": f"{verb} not"
    for verb in "do does did is are was were has have had would could should might must need".split()
    for mark in ("'", "")
}
_CONTRACTIONS |= dict(
    zip(
        "1st 2nd 3rd 4th 5th 6th 7th 8th 9th 10th".split(),
        "first second third fourth fifth sixth seventh eighth ninth tenth".split(),
        strict=True,
    )
)
_ENDINGS = {"ll": "will", "ve": "have", "re": "are", "m": "am", "d": "would", "s": "s"}
_SPELLINGS = (
    (re.compile(r"(apolog|real|recogn|sympath|empath|organ|priorit|final|custom)is(?=e|ing|ation|$)"), r"\1iz"),
    (re.compile(r"(fav|hon|behavi|col)our"), r"\1or"),
)

_PLAIN = {code: plain[0] for code in range(0xC0, 0x250) if len(plain := unicodedata.normalize("NFD", chr(code))) > 1}

NUMBER_WORDS = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen "
    "eighteen nineteen twenty thirty forty fifty sixty seventy eighty ninety hundred thousand couple"
).split()


def normalise(text: str) -> str:
    """The text as patterns see it: lower-case words and sentence ends, each followed by one space.

    Contractions are written out, fillers ("um") and immediate repetitions ("I I'm") dropped, commas and
    quotation marks and "..." gone; "." and "!" become ". " and "?" becomes "? ".
    """
    return Spoken(text).normal


def without_accents(text: str) -> str:
    """The text with plain letters, one for each: "está" and "esta" become the same, and so do "año" and "ano"."""
    return text if text.isascii() else unicodedata.normalize("NFC", text).translate(_PLAIN)


class Spoken:
    """A text with its normal form, and the way back from the one to the other.

    Without `accents` the normal form has plain letters only.
    """

    __slots__ = ("_by_token", "_counts", "_said", "_starts", "_text", "_written", "normal", "words")

    def __init__(self, text: str, *, accents: bool = True) -> None:
        self._text = text
        # No token holds a space, so what is written between spaces is looked up whole.
        self._written = text.split()
        self._said = [*map(_WRITTEN.__getitem__, self._written)]
        self._starts: list[int] = []
        self._counts: list[int] = []
        self.normal = "".join(self._said)
        # With "" at the end, as the search wants them.
        self.words = words = self.normal.split(" ")
        said = [*filter(None, self._said)]
        self._by_token = any(map(eq, said, said[1:])) or any(map(eq, words, words[1:])) or _INTRICATE in self.normal
        if self._by_token:
            self._written = TOKEN.findall(with_apostrophes(text))
            self._said = _without_repetitions(self._written)
            self.normal = "".join(self._said)
            self.words = self.normal.split(" ")
        if not accents:
            self.normal = without_accents(self.normal)
            self.words = self.normal.split(" ")

    def original(self, start: int, end: int) -> tuple[int, int]:
        """Where in the text the words stand that are characters `start` to `end` of the normal form."""
        if not self._starts:
            self._starts = self._places()
            self._counts = [*accumulate(map(str.count, self._said, repeat(" ")))]
        first = self.normal.count(" ", 0, start)
        last = first + self.normal.count(" ", start, end - 1)
        return self._place(first)[0], self._place(last)[1]

    def _place(self, word: int) -> tuple[int, int]:
        """Where a word of the normal form stands in the text."""
        at = bisect_right(self._counts, word)
        written, begin = self._written[at], self._starts[at]
        left = word - (self._counts[at - 1] if at else 0)
        tokens = TOKEN.finditer(with_apostrophes(written)) if not self._by_token else ()
        for token in tokens:
            left -= len(_words_of(token.group()))
            if left < 0:
                return begin + token.start(), begin + token.end()
        return begin, begin + len(written)

    def _places(self) -> list[int]:
        """Where each piece that was written begins."""
        if not self._by_token and " ".join(self._written) == self._text:
            return [*map(add, accumulate(map(len, self._written), initial=0), range(len(self._written)))]
        starts: list[int] = []
        text = with_apostrophes(self._text)
        at = 0
        for written in self._written:
            starts.append(text.index(with_apostrophes(written), at))
            at = starts[-1] + len(written)
        return starts


def with_apostrophes(text: str) -> str:
    """The text with one kind of apostrophe."""
    return text if text.isascii() and "`" not in text else text.translate(_APOSTROPHES)


def _without_repetitions(tokens: list[str]) -> list[str]:
    """What each token adds to what was said.

    The recogniser and the speaker both stammer; a repeated word or sentence end says nothing new.
    """
    added: list[str] = []
    before = last = ""
    for words in map(_words_of, tokens):
        new = written = "".join(words)
        if written == before or words == [last]:
            new = ""
        elif words and words[0] == last:
            new = written[len(last) :]
        if new:
            before, last = written, words[-1]
        added.append(new)
    return added


class _Written(dict[str, str]):
    """What is written between two spaces, in the words it stands for; remembered, because it comes again."""

    def __missing__(self, written: str) -> str:
        if len(self) > 1 << 17:
            self.clear()
        words = [*filter(None, map(_words_of, TOKEN.findall(with_apostrophes(written))))]
        # Of several tokens one may repeat what stands before or after: "I'm I'm." is seen token by token.
        several = len(words) > 1 and any(len(w) > 1 for w in words)
        said = self[written] = "".join(map("".join, words)) + (_INTRICATE if several else "")
        return said


_INTRICATE = "\0"
_WRITTEN = _Written()


@lru_cache(maxsize=1 << 16)
def _words_of(token: str) -> list[str]:
    """The words that a token stands for, each with its space; none for a filler."""
    if token[0] in ".?!…":
        # Three dots are a pause inside a sentence: "I'm... so sorry".
        if "?" in token:
            return ["? "]
        return [] if token.startswith(("..", "…")) and "!" not in token else [". "]
    word = unicodedata.normalize("NFC", token).casefold().rstrip(".")
    said = _CONTRACTIONS.get(word) or spelt(word)
    # Without an apostrophe that does not belong there it may be another word: "pl'z".
    said = _CONTRACTIONS.get(said, said)
    return [] if word in _FILLERS or said in _FILLERS else [f"{w} " for w in said.split()]


def spelt(word: str) -> str:
    """A word in small letters as it is commonly spelt, its ending ("'ll") written out."""
    head, apostrophe, tail = word.rpartition("'")
    if apostrophe and tail == "t" and head.endswith("n") and len(head) > 1:
        return f"{head[:-1]} not"
    if apostrophe and tail in _ENDINGS and head:
        return f"{head.replace(apostrophe, '')} {_ENDINGS[tail]}"
    for spelling, common in _SPELLINGS:
        word = spelling.sub(common, word) if spelling.match(word) else word
    return word.replace("'", "")
