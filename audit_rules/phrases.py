"""The phrase language: what a QA lead writes, turned into linear-time patterns.

    words         i am sorry          in this order; case, commas and apostrophes do not matter
    (a|b c)       (i|we) understand   a choice
    ( ... )?      (very )?            may be missing
    word*         frustrat*           a word that begins so
    _3            how _3 feel         up to three words between, within one sentence
    #             order #             a number, in digits or words
    <name>        how <upset> you     a word list defined in the rules folder's words.yaml
    ?             any other ?         the sentence ends here as a question (only where punctuation shows it)

Text and phrases pass through the same `normalise`, so "I'm", "I’m", "im" and "I am" are one thing. The
patterns of a whole rulebook go into one RE2 set that names the candidates for a text at once; only those
are then searched for their places. RE2 runs in linear time whatever a user writes.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache

import msgspec
import re2

# RE2's set is slow when its automaton is evicted; 64 MB holds several thousand phrases.
_SET_MEMORY = 256 << 20

_TOKEN = re.compile(r"\d+(?:[.,:]\d+)*|[^\W_]+(?:'[^\W_]+)*|[.?!…]+")
_CURLY = str.maketrans({"’": "'", "‘": "'", "ʼ": "'", "`": "'", "´": "'"})
_FILLERS = frozenset("um umm uh uhh er err erm ah eh hmm hm mm".split())

_TITLES = frozenset({"mr ", "mrs ", "ms ", "dr ", "st "})

_PRONOUN_IS = "it that what he she there here who how where when this".split()
_CONTRACTIONS: dict[str, str] = {
    "can't": "can not", "cannot": "can not", "won't": "will not", "shan't": "shall not", "ain't": "is not",
    "let's": "let us", "y'all": "you all", "gonna": "going to", "wanna": "want to", "gotta": "got to",
    "gimme": "give me", "lemme": "let me", "kinda": "kind of", "dunno": "do not know", "cuz": "because",
    "cos": "because", "'cause": "because", "o'clock": "oclock", "ok": "okay", "pls": "please", "plz": "please",
    "thx": "thanks", "im": "i am", "ive": "i have", "id": "id", "youre": "you are", "youve": "you have",
    "theyre": "they are", "weve": "we have", "thats": "that is", "whats": "what is", "theres": "there is",
    "heres": "here is", "hes": "he is", "shes": "she is", "u": "you", "ur": "your", "sry": "sorry",
    "alright": "all right", "apologise": "apologize", "apologises": "apologizes", "apologised": "apologized",
    "apologising": "apologizing", "realise": "realize", "sympathise": "sympathize", "cancelled": "canceled",
    "favour": "favor", "honour": "honor", "behaviour": "behavior",
}  # fmt: skip
_CONTRACTIONS |= {f"{w}'s": f"{w} is" for w in _PRONOUN_IS}
_CONTRACTIONS |= {
    f"{verb}n{mark}t": f"{verb} not"
    for verb in "do does did is are was were has have had would could should might must need".split()
    for mark in ("'", "")
}
_CONTRACTIONS |= {"cant": "can not", "wont": "will not"}
_ENDINGS = {"ll": "will", "ve": "have", "re": "are", "m": "am", "d": "would", "s": "'s"}

_NUMBER_WORDS = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen "
    "eighteen nineteen twenty thirty forty fifty sixty seventy eighty ninety hundred thousand couple"
).split()


def normalise(text: str) -> str:
    """The text as patterns see it: lower-case words and sentence ends, each followed by one space.

    Contractions are written out, fillers ("um") and immediate repetitions ("I I") dropped, commas and
    quotation marks gone; ".", "!" and "…" become ". " and "?" becomes "? ".
    """
    return "".join(normal for normal, _, _ in _tokens(text.translate(_CURLY)))


def normalise_with_places(text: str) -> tuple[str, list[int], list[int]]:
    """`normalise(text)`, and for each of its characters where the original piece starts and ends."""
    starts: list[int] = []
    ends: list[int] = []
    pieces: list[str] = []
    for normal, start, end in _tokens(text.translate(_CURLY)):
        pieces.append(normal)
        starts.extend([start] * len(normal))
        ends.extend([end] * len(normal))
    return "".join(pieces), starts, ends


def _tokens(text: str) -> Iterable[tuple[str, int, int]]:
    last = ""
    for match in _TOKEN.finditer(text):
        normal = _normal_word(match.group())
        if normal == ". " and last in _TITLES:
            continue
        # The recogniser and the speaker both stammer; a repeated word or sentence end says nothing new.
        if normal and normal != last:
            yield normal, match.start(), match.end()
            last = normal


@lru_cache(maxsize=65536)
def _normal_word(token: str) -> str:
    if token[0] in ".?!…":
        return "? " if "?" in token else ". "
    word = token.lower()
    if word in _FILLERS:
        return ""
    if word in _CONTRACTIONS:
        return _CONTRACTIONS[word] + " "
    if "'" in word:
        head, _, tail = word.rpartition("'")
        if tail == "t" and head.endswith("n") and len(head) > 1:
            return f"{head[:-1]} not "
        if tail in _ENDINGS and head:
            return f"{head.replace(chr(39), '')} {_ENDINGS[tail]} "
        return word.replace("'", "") + " "
    return word + " "


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


_WORD = r"[^ .?]+ "
_NUMBER = rf"(?:(?:\d[^ ]*|{'|'.join(_NUMBER_WORDS)}) )+"
_SYNTAX = re.compile(
    r"\s+|_(?P<gap>\d+)|<(?P<list>[a-z_]+)>|(?P<word>[^\s()|?*#_<>]+)(?P<prefix>\*)?|(?P<mark>[()|?#])"
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
                raise PhraseError(f"“{phrase[at]}” has no meaning in a phrase", at)
            kind = match.lastgroup
            if kind == "prefix":
                self.items.append(("prefix", match["word"], at))
            elif kind is not None:
                self.items.append((kind, match[kind], at))
            at = match.end()
        self.at = 0

    def pattern(self) -> str:
        pattern, may_be_empty = self.choice()
        if self.at < len(self.items):
            raise PhraseError("this “)” closes nothing", self.items[self.at][2])
        if may_be_empty:
            raise PhraseError("this phrase can match nothing at all, so it would match everything", 0)
        kinds = [kind for kind, _, _ in self.items]
        if self.depth == 0 and "gap" in (kinds[0], kinds[-1]):
            raise PhraseError("a phrase may not begin or end with a gap", 0)
        return pattern

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
            part, part_empty = self.item()
            parts.append(part)
            empty = empty and part_empty
        return "".join(parts), empty

    def item(self) -> tuple[str, bool]:
        kind, value, column = self.items[self.at]
        self.at += 1
        if kind == "word":
            return _literal(value, column), False
        if kind == "prefix":
            literal = _literal(value, column)
            return literal[:-1] + "[^ .?]* ", False
        if kind == "gap":
            if not 1 <= int(value) <= 20:
                raise PhraseError("a gap is 1 to 20 words", column)
            return f"(?:{_WORD}){{0,{value}}}", True
        if kind == "list":
            return self.word_list(value, column), False
        if value == "#":
            return _NUMBER, False
        if value == "?":
            return r"\? ", False
        return self.group(column)

    def group(self, column: int) -> tuple[str, bool]:
        inside, empty = self.choice()
        if self.peek() != ")":
            raise PhraseError("this “(” is never closed", column)
        end = self.items[self.at][2]
        self.at += 1
        # "(very)?" makes an option; "(very) ?" would be a question mark of its own.
        if self.peek() == "?" and self.items[self.at][2] == end + 1:
            self.at += 1
            return f"(?:{inside})?", True
        return f"(?:{inside})", empty

    def word_list(self, name: str, column: int) -> str:
        if name not in self.words:
            known = ", ".join(sorted(self.words)) or "none"
            raise PhraseError(f"there is no word list <{name}> (known: {known})", column)
        if self.depth > 4:
            raise PhraseError(f"the word list <{name}> refers to itself", column)
        return f"(?:{'|'.join(_Parser(w, self.words, self.depth + 1).pattern() for w in self.words[name])})"

    def peek(self) -> str | None:
        if self.at >= len(self.items):
            return None
        kind, value, _ = self.items[self.at]
        return value if kind == "mark" else kind


def _literal(word: str, column: int) -> str:
    normal = normalise(word)
    if not normal:
        raise PhraseError(f"“{word}” is left out of every text (a filler or a sign), so it can never match", column)
    return re.escape(normal).replace(r"\ ", " ").replace("\\'", "'")


class PhraseSet:
    """Many phrases searched at once.

    `candidates(text)` names the phrases found somewhere in a normalised text; `places(number, text)` says where.
    """

    def __init__(self, patterns: Sequence[str]) -> None:
        options = re2.Options()
        options.max_mem = _SET_MEMORY
        options.log_errors = False
        self._set = re2.Set.SearchSet(options)
        self._patterns = [re2.compile(r"\b" + p, options) for p in patterns]
        for pattern in patterns:
            self._set.Add(r"\b" + pattern)
        if patterns:
            self._set.Compile()

    def __len__(self) -> int:
        return len(self._patterns)

    def candidates(self, text: str) -> list[int]:
        """Numbers of the phrases that occur in the text, ascending."""
        if not self._patterns:
            return []
        return sorted(self._set.Match(text) or ())

    def places(self, number: int, text: str) -> list[tuple[int, int]]:
        """Start and end (last word included, its space not) of each place where the phrase occurs."""
        return [(m.start(), m.end() - 1) for m in self._patterns[number].finditer(text)]


class Place(msgspec.Struct, frozen=True, array_like=True, order=True):
    """Where words were found: a turn and characters of its normalised text."""

    turn: int
    start: int
    end: int
