"""The phrase language: what a QA lead writes, read into a small tree.

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

The trees of a whole rulebook are searched at once; see `audit_rules/phrases/automaton.py`.
"""

import difflib
import re
from collections.abc import Mapping, Sequence
from functools import lru_cache

import msgspec

from callaudit.audit_rules.phrases.normalise import TOKEN, normalise, spelt, with_apostrophes


class PhraseError(ValueError):
    """A phrase that cannot be read; `column` is 0-based within the phrase."""

    def __init__(self, message: str, column: int) -> None:
        super().__init__(message)
        self.column = column


# What one word of a text must be: "sorry" that word, "frustrat*" a word that begins so, NUMBER a number, ANY any word
# but the end of a sentence. No word of a normalised text looks like the signs of the last three.
NUMBER = "#"
ANY = "_"
STARS = "*"


class InOrder(msgspec.Struct, frozen=True, cache_hash=True):
    """One after the other."""

    parts: "tuple[Node, ...]"


class OneOf(msgspec.Struct, frozen=True, cache_hash=True):
    """Any of them."""

    branches: "tuple[Node, ...]"


class Repeated(msgspec.Struct, frozen=True, cache_hash=True):
    """So often in a row; `most` is None where nothing limits it."""

    what: "Node"
    least: int
    most: int | None


Node = str | InOrder | OneOf | Repeated


class Phrase(msgspec.Struct, frozen=True):
    """A phrase that was read; with `begins` it is found only where a turn or a sentence begins."""

    node: Node
    begins: bool = False


# A phrase that stands for more words than this, its word lists written out, is a mistake.
_LARGEST = 100_000
_LONGEST_GAP = 20
_DEEPEST = 20
_BEGINS = "^"
_SYNTAX = re.compile(
    r"\s+|_(?P<gap>\d+)|<(?P<list>[a-z_]+)>|(?P<word>[^\s()|?*#_<>^]+)(?P<prefix>\*)?|(?P<mark>[()|?#*^])"
)

_LIST = re.compile(r"<([a-z_]+)>")


def language_of(words: Mapping[str, Sequence[str]]) -> "Language":
    """The language with these word lists. The same lists give the same one, which reads no phrase twice."""
    return _language_of(tuple((name, tuple(entries)) for name, entries in words.items()))


@lru_cache(maxsize=4)
def _language_of(words: tuple[tuple[str, tuple[str, ...]], ...]) -> "Language":
    return Language(dict(words))


class Language:
    """Reads phrases; `words` holds the word lists that `<name>` may refer to."""

    def __init__(self, words: Mapping[str, Sequence[str]]) -> None:
        self.words = words
        self._read: dict[str, Phrase] = {}
        self._lists: dict[str, Node] = {}
        self._sizes: dict[Node, int] = {}
        self._reading: list[str] = []

    def read(self, phrase: str) -> Phrase:
        """The phrase as a tree.

        Raises PhraseError for a phrase that cannot be read, that matches the empty text, that begins or ends with a
        gap, or that is too large to search for.
        """
        if phrase not in self._read:
            read = _Parser(phrase, self).phrase()
            if _size(read.node, self._sizes) > _LARGEST:
                raise PhraseError("this phrase is too large to search for", 0)
            self._read[phrase] = read
        return self._read[phrase]

    def word_list(self, name: str, column: int) -> Node:
        """The entries of a word list as a choice; `column` is where the phrase names it."""
        if name not in self.words:
            near = ", ".join(difflib.get_close_matches(name, self.words))
            raise PhraseError(f"there is no word list <{name}>{near and f' (near it: {near})'}", column)
        if name in self._reading:
            raise PhraseError(f"the word list <{name}> refers to itself", column)
        if name not in self._lists:
            self._reading.append(name)
            try:
                self._lists[name] = OneOf(tuple(self._entry(entry, name, column) for entry in self.words[name]))
            finally:
                self._reading.pop()
        return self._lists[name]

    def _entry(self, entry: str, name: str, column: int) -> Node:
        try:
            return _Parser(entry, self).phrase(inside=True).node
        except PhraseError as error:
            raise PhraseError(f"in “{entry}” of the word list <{name}>: {error}", column) from error


def lists_in(phrases: Sequence[str], words: Mapping[str, Sequence[str]]) -> list[str]:
    """The word lists that the phrases name, and the lists that those name, each once, the first named first."""
    named: dict[str, None] = {}
    waiting = list(phrases)
    for said in waiting:
        for name in _LIST.findall(said):
            if name in words and name not in named:
                named[name] = None
                waiting += words[name]
    return list(named)


class _Parser:
    """Recursive descent over one phrase: alternatives of sequences of items."""

    def __init__(self, phrase: str, language: Language) -> None:
        self.language = language
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

    def phrase(self, *, inside: bool = False) -> Phrase:
        """All of it; `inside` a word list it may begin or end with a gap, but not ask for a beginning."""
        begins = not inside and self.peek() == _BEGINS
        self.at += begins
        node, may_be_empty = self.choice()
        if self.at < len(self.items):
            raise PhraseError("this “)” closes nothing", self.items[self.at][2])
        if may_be_empty:
            raise PhraseError("this phrase can match nothing at all, so it would match everything", 0)
        if not inside and "gap" in (self.items[0][0], self.items[-1][0]):
            raise PhraseError("a phrase may not begin or end with a gap", 0)
        return Phrase(node, begins)

    def choice(self) -> tuple[Node, bool]:
        branches = [self.sequence()]
        while self.peek() == "|":
            self.at += 1
            branches.append(self.sequence())
        if len(branches) == 1:
            return branches[0]
        return OneOf(tuple(b for b, _ in branches)), any(empty for _, empty in branches)

    def sequence(self) -> tuple[Node, bool]:
        parts: list[Node] = []
        empty = True
        while self.at < len(self.items) and self.peek() not in ("|", ")"):
            is_word = self.items[self.at][0] == "word"
            part, part_empty = self.item()
            # Texts are without immediate repetitions, so phrases must be too.
            if not (is_word and parts and parts[-1] == part):
                parts.append(part)
            empty = empty and part_empty
        return (parts[0] if len(parts) == 1 else InOrder(tuple(parts))), empty

    def item(self) -> tuple[Node, bool]:
        kind, value, column = self.items[self.at]
        self.at += 1
        if kind in ("word", "prefix"):
            return (_literal if kind == "word" else _beginning)(value, column), False
        if kind == "gap":
            if not 1 <= int(value) <= _LONGEST_GAP:
                raise PhraseError(f"a gap is 1 to {_LONGEST_GAP} words", column)
            return Repeated(ANY, 0, int(value)), True
        if kind == "list":
            return self.language.word_list(value, column), False
        if value == NUMBER:
            return Repeated(NUMBER, 1, None), False
        if value == "?":
            return "?", False
        if value == _BEGINS:
            raise PhraseError("“^” stands only at the beginning of a phrase", column)
        if value == "*":
            raise PhraseError("“*” stands right after a word's beginning or a closing bracket", column)
        return self.group(column)

    def group(self, column: int) -> tuple[Node, bool]:
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
            return Repeated(inside, 0, None if after == "*" else 1), True
        return inside, empty

    def peek(self) -> str | None:
        if self.at >= len(self.items):
            return None
        kind, value, _ = self.items[self.at]
        return value if kind == "mark" else kind


def _size(node: Node, known: dict[Node, int]) -> int:
    """In how many places of a text's word the phrase may be: its words, with word lists and gaps written out."""
    if isinstance(node, str):
        return 1
    if node not in known:
        if isinstance(node, Repeated):
            known[node] = _size(node.what, known) * (node.most or 1)
        else:
            known[node] = sum(_size(n, known) for n in (node.parts if isinstance(node, InOrder) else node.branches))
    return known[node]


def _literal(word: str, column: int) -> Node:
    node = _words(word)
    if node is None:
        raise PhraseError(f"“{word}” is left out of every text (a filler or a sign), so it can never match", column)
    return node


@lru_cache(maxsize=1 << 14)
def _words(word: str) -> Node | None:
    words = normalise(word).split()
    return None if not words else words[0] if len(words) == 1 else InOrder(tuple(words))


def _beginning(word: str, column: int) -> Node:
    """`word*`: its last part is no word yet, so it is not written out ("im*" is not "i am")."""
    *whole, last = TOKEN.findall(with_apostrophes(word)) or [""]
    if not last or last[0] in ".?!…":
        raise PhraseError(f"“{word}*” begins no word", column)
    *before, beginning = (normalise(" ".join(whole)) + spelt(last.casefold())).split(" ")
    return InOrder((*before, beginning + STARS)) if before else beginning + STARS
