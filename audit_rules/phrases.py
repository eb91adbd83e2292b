"""The phrase language: what a QA lead writes, turned into linear-time patterns.

    words         i am sorry          in this order; case, commas and apostrophes do not matter
    (a|b c)       (i|we) understand   a choice
    ( ... )?      (very )?            may be missing
    ( ... )*      (so|really)*        may be missing, or come several times in a row
    word*         frustrat*           a word that begins so
    _3            how _3 feel         up to three words between, within one sentence
    #             order #             a number, in digits or words, or masked ("[phone]")
    <name>        how <upset> you     a word list defined in the rules folder's words.yaml
    ?             any other ?         the sentence ends here as a question (only where punctuation shows it)
    ^             ^ relax             a turn or a sentence begins here; only at the beginning of a phrase

Text and phrases pass through the same `normalise`, so "I'm", "I’m", "im" and "I am" are one thing. The
patterns of a whole rulebook go into one RE2 set that names the candidates for a text at once; only those
are then searched for their places. RE2 runs in linear time whatever a user writes.
"""

import re
import unicodedata
from collections.abc import Mapping, Sequence
from functools import cached_property, lru_cache

import msgspec
import re2

from transcription.redaction import KINDS

# RE2's set is slow when its automaton is evicted; this much holds several thousand phrases.
_SET_MEMORY = 256 << 20

_TOKEN = re.compile(
    # The full stop of a title ends no sentence.
    r"(?:[Mm](?:[Rr][Ss]?|[Ss])|[Dd][Rr]|[Ss][Tt])\."
    # What was masked is a word of its own: "[card]" is not the word "card".
    rf"|\[(?:{'|'.join(KINDS)})\]"
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
    "cos": "because", "o'clock": "oclock", "ok": "okay", "pls": "please", "plz": "please",
    "thx": "thanks", "u": "you", "ur": "your", "sry": "sorry", "thru": "through", "bout": "about", "alright": "all right",
    "cancelled": "canceled", "cancelling": "canceling",
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

_NUMBER_WORDS = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen "
    "eighteen nineteen twenty thirty forty fifty sixty seventy eighty ninety hundred thousand couple"
).split()


def normalise(text: str) -> str:
    """The text as patterns see it: lower-case words and sentence ends, each followed by one space.

    Contractions are written out, fillers ("um") and immediate repetitions ("I I'm") dropped, commas and
    quotation marks and "..." gone; "." and "!" become ". " and "?" becomes "? ".
    """
    return Spoken(text).normal


class Spoken:
    """A text with its normal form, and the way back from the one to the other."""

    def __init__(self, text: str) -> None:
        self._text = _plain(text)
        self._said = _said(_TOKEN.findall(self._text))
        self.normal = "".join([piece for _, piece in self._said])

    def original(self, start: int, end: int) -> tuple[int, int]:
        """Where in the text the words stand that are characters `start` to `end` of the normal form."""
        first = self.normal.count(" ", 0, start)
        last = first + self.normal.count(" ", start, end - 1)
        return self._words[first][0], self._words[last][1]

    @cached_property
    def _words(self) -> list[tuple[int, int]]:
        places = [token.span() for token in _TOKEN.finditer(self._text)]
        return [places[n] for n, piece in self._said for _ in range(piece.count(" "))]


def _plain(text: str) -> str:
    return text if text.isascii() and "`" not in text else text.translate(_APOSTROPHES)


def _said(tokens: list[str]) -> list[tuple[int, str]]:
    """What the tokens stand for, each with the number of its token.

    The recogniser and the speaker both stammer; a repeated word or sentence end says nothing new.
    """
    said: list[tuple[int, str]] = []
    before = last = ""
    for n, (piece, first, final) in enumerate(map(_PIECES.__getitem__, tokens)):
        if first != last:
            if piece and piece != before:
                said.append((n, piece))
                before, last = piece, final
        elif piece not in (first, before):
            said.append((n, piece[len(first) :]))
            before, last = piece, final
    return said


class _Pieces(dict[str, tuple[str, str, str]]):
    """What a token stands for: all of it, its first word and its last; remembered, because words come again."""

    def __missing__(self, token: str) -> tuple[str, str, str]:
        if len(self) > 1 << 16:
            self.clear()
        words = _words_of(token)
        self[token] = pieces = ("".join(words), words[0], words[-1]) if words else ("", "", "")
        return pieces


_PIECES = _Pieces()


def _words_of(token: str) -> list[str]:
    """The words that a token stands for, each with its space; none for a filler."""
    if token[0] in ".?!…":
        # Three dots are a pause inside a sentence: "I'm... so sorry".
        if "?" in token:
            return ["? "]
        return [] if token.startswith(("..", "…")) and "!" not in token else [". "]
    word = unicodedata.normalize("NFC", token).casefold().rstrip(".")
    if word in _FILLERS:
        return []
    return [f"{w} " for w in (_CONTRACTIONS.get(word) or _spelt(word)).split()]


def _spelt(word: str) -> str:
    head, apostrophe, tail = word.rpartition("'")
    if apostrophe and tail == "t" and head.endswith("n") and len(head) > 1:
        return f"{head[:-1]} not"
    if apostrophe and tail in _ENDINGS and head:
        return f"{head.replace(apostrophe, '')} {_ENDINGS[tail]}"
    for spelling, common in _SPELLINGS:
        word = spelling.sub(common, word) if spelling.match(word) else word
    return word.replace("'", "")


class PhraseError(ValueError):
    """A phrase that cannot be read; `column` is 0-based within the phrase."""

    def __init__(self, message: str, column: int) -> None:
        super().__init__(message)
        self.column = column


def to_pattern(phrase: str, words: Mapping[str, Sequence[str]] | None = None) -> str:
    """The phrase as a regular expression over normalised text.

    `words` holds the word lists that `<name>` may refer to. Raises PhraseError for a phrase that cannot be
    read, that matches the empty text, or that begins or ends with a gap.
    """
    return _Parser(phrase, words or {}).pattern()


def check_phrase(phrase: str, words: Mapping[str, Sequence[str]]) -> None:
    """Raise PhraseError unless the phrase can be searched for."""
    pattern = to_pattern(phrase, words)
    try:
        _compiled(pattern)
    except re2.error as error:
        raise PhraseError(f"this phrase is too large to search for ({error})", 0) from error


# Sentence ends are words of their own, "." and "?"; a point inside a word is a decimal's.
_WORD = r"[^ .?][^ ]* "
_MASKED = "|".join(kind for kind in KINDS if kind not in {"email", "address"})
_NUMBER = rf"(?:(?:\d[^ ]*|\[(?:{_MASKED})\]|{'|'.join(_NUMBER_WORDS)}) )+"
_SIGNS = {"#": _NUMBER, "?": r"\? "}
_BEGINS = "^"
_DEEPEST = 20
_SYNTAX = re.compile(
    r"\s+|_(?P<gap>\d+)|<(?P<list>[a-z_]+)>|(?P<word>[^\s()|?*#_<>^]+)(?P<prefix>\*)?|(?P<mark>[()|?#*^])"
)


class _Parser:
    """Recursive descent over one phrase: alternatives of sequences of items."""

    def __init__(self, phrase: str, words: Mapping[str, Sequence[str]], depth: int = 0) -> None:
        self.phrase = phrase
        self.words = words
        self.depth = depth
        self.items: list[tuple[str, str, int]] = []
        at = 0
        while at < len(phrase):
            match = _SYNTAX.match(phrase, at)
            if match is None:
                raise PhraseError(f"“{phrase[at]}” has no meaning here", at)
            kind = match.lastgroup
            if kind == "prefix":
                self.items.append(("prefix", match["word"], at))
            elif kind is not None:
                self.items.append((kind, match[kind], at))
            at = match.end()
        self.at = 0
        self.nesting = 0

    def pattern(self) -> str:
        start = ""
        if self.depth == 0 and self.peek() == _BEGINS:
            start = _BEGINS
            self.at += 1
        pattern, may_be_empty = self.choice()
        if self.at < len(self.items):
            raise PhraseError("this “)” closes nothing", self.items[self.at][2])
        if may_be_empty:
            raise PhraseError("this phrase can match nothing at all, so it would match everything", 0)
        kinds = [kind for kind, _, _ in self.items]
        if self.depth == 0 and "gap" in (kinds[0], kinds[-1]):
            raise PhraseError("a phrase may not begin or end with a gap", 0)
        return start + pattern

    def choice(self) -> tuple[str, bool]:
        branches = [self.sequence()]
        while self.peek() == "|":
            self.at += 1
            branches.append(self.sequence())
        if len(branches) == 1:
            return branches[0]
        return f"(?:{'|'.join(b for b, _ in branches)})", any(empty for _, empty in branches)

    def sequence(self) -> tuple[str, bool]:
        parts: list[str] = []
        empty = True
        while self.at < len(self.items) and self.peek() not in ("|", ")"):
            is_word = self.items[self.at][0] == "word"
            part, part_empty = self.item()
            # Texts are without immediate repetitions, so phrases must be too.
            if not (is_word and parts and parts[-1] == part):
                parts.append(part)
            empty = empty and part_empty
        return "".join(parts), empty

    def item(self) -> tuple[str, bool]:
        kind, value, column = self.items[self.at]
        self.at += 1
        if kind == "word":
            return _literal(value, column), False
        if kind == "prefix":
            return _beginning(value, column), False
        if kind == "gap":
            if not 1 <= int(value) <= 20:
                raise PhraseError("a gap is 1 to 20 words", column)
            return f"(?:{_WORD}){{0,{value}}}", True
        if kind == "list":
            return self.word_list(value, column), False
        if value in _SIGNS:
            return _SIGNS[value], False
        if value == _BEGINS:
            raise PhraseError("“^” stands only at the beginning of a phrase", column)
        if value == "*":
            raise PhraseError("“*” stands right after a word's beginning or a closing bracket", column)
        return self.group(column)

    def group(self, column: int) -> tuple[str, bool]:
        self.nesting += 1
        if self.nesting > _DEEPEST:
            raise PhraseError(f"brackets stand in brackets more than {_DEEPEST} deep", column)
        inside, empty = self.choice()
        self.nesting -= 1
        if self.peek() != ")":
            raise PhraseError("this “(” is never closed", column)
        end = self.items[self.at][2]
        self.at += 1
        # "(very)?" makes an option; "(very) ?" would be a question mark of its own.
        after = self.peek()
        if after in ("?", "*") and self.items[self.at][2] == end + 1:
            if after == "*" and empty:
                raise PhraseError("what is in the brackets may be missing already, so “*” says nothing", end + 1)
            self.at += 1
            return f"(?:{inside}){after}", True
        return f"(?:{inside})", empty

    def word_list(self, name: str, column: int) -> str:
        if name not in self.words:
            known = ", ".join(sorted(self.words)) or "none"
            raise PhraseError(f"there is no word list <{name}> (known: {known})", column)
        if self.depth > 4:
            raise PhraseError(f"the word list <{name}> refers to itself", column)
        patterns: list[str] = []
        for entry in self.words[name]:
            try:
                patterns.append(_Parser(entry, self.words, self.depth + 1).pattern())
            except PhraseError as error:
                raise PhraseError(f"in “{entry}” of the word list <{name}>: {error}", column) from error
        return f"(?:{'|'.join(patterns)})"

    def peek(self) -> str | None:
        if self.at >= len(self.items):
            return None
        kind, value, _ = self.items[self.at]
        return value if kind == "mark" else kind


def _literal(word: str, column: int) -> str:
    normal = normalise(word)
    if not normal:
        raise PhraseError(f"“{word}” is left out of every text (a filler or a sign), so it can never match", column)
    return _escaped(normal)


def _beginning(word: str, column: int) -> str:
    """The pattern of `word*`: its last part is no word yet, so it is not written out ("im*" is not "i am")."""
    *whole, last = _TOKEN.findall(word.translate(_APOSTROPHES)) or [""]
    if not last or last[0] in ".?!…":
        raise PhraseError(f"“{word}*” begins no word", column)
    return _escaped(normalise(" ".join(whole)) + _spelt(last.casefold())) + "[^ ]* "


def _escaped(normal: str) -> str:
    return re.escape(normal).replace(r"\ ", " ")


def _options() -> re2.Options:
    options = re2.Options()
    options.log_errors = False
    options.never_capture = True
    return options


def by_lines(pattern: str) -> str:
    """The pattern over a text that has each word on a line of its own; see `PhraseSet`."""
    begins, words = (r"(?:\A|^[.?]\n)", pattern[1:]) if pattern.startswith(_BEGINS) else ("^", pattern)
    return "(?m)" + begins + words.replace(" ", "\n")


@lru_cache(maxsize=16384)
def _compiled(pattern: str) -> re2._Regexp:
    return re2.compile(by_lines(pattern), _options())


# What a pattern without these tries at one place is bounded by its own length, so that Python's `re` is linear too;
# and for a few words `re` is asked and answered three times as fast.
_REPEATS = re.compile(r"\)[*+]|\{0,")


class PhraseSet:
    """Many phrases searched at once.

    `candidates(text)` names the phrases found somewhere in a normalised text; `places(number, text)` says where.
    Both search the text with each word on a line of its own: the beginning of a line is the only word boundary
    of RE2 that holds for every alphabet.
    """

    def __init__(self, patterns: Sequence[str]) -> None:
        options = _options()
        options.max_mem = _SET_MEMORY
        self._set = re2.Set.SearchSet(options)
        self._patterns = [_compiled(p) for p in patterns]
        self._short = [None if _REPEATS.search(p) else re.compile(by_lines(p)) for p in patterns]
        for pattern in patterns:
            self._set.Add(by_lines(pattern))
        if patterns:
            self._set.Compile()

    def __len__(self) -> int:
        return len(self._patterns)

    def candidates(self, text: str) -> list[int]:
        """Numbers of the phrases that occur in the text, ascending."""
        return sorted(self._set.Match(text.replace(" ", "\n")) or ()) if self._patterns else []

    def places(self, number: int, text: str) -> list[tuple[int, int]]:
        """Start and end (last word included, its space not) of each place where the phrase occurs."""
        lines = text.replace(" ", "\n")
        short = self._short[number]
        if short is not None:
            places = [m.span() for m in short.finditer(lines)]
        else:
            # Of bytes RE2 counts places itself; in ASCII they are those of the characters.
            found = self._patterns[number].finditer(lines.encode() if text.isascii() else lines)
            places = [m.span() for m in found]
        # A sentence end before the words is no part of the hit.
        return [(a + 2 if text[a] in ".?" else a, b - 1) for a, b in places]


class Place(msgspec.Struct, frozen=True, array_like=True, order=True):
    """Where words were found: a turn and characters of its normalised text."""

    turn: int
    start: int
    end: int
