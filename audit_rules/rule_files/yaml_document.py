"""A YAML file that knows the line and column of everything in it, and says what is wrong there."""

import difflib
import re
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import yaml
from msgspec import inspect

Keys = tuple[str | int, ...]
T = TypeVar("T")

_UNKNOWN = re.compile(r"Object contains unknown field `(?P<key>[^`]*)`")
_MISSING = re.compile(r"Object missing required field `(?P<key>[^`]*)`")
_NOT_ONE_OF = re.compile(r"Invalid enum value '(?P<found>.*)'", re.DOTALL)
_AT = re.compile(r"(?P<message>.*?)(?: - at `(?:key in )?\$(?P<path>[^`]*)`)?", re.DOTALL)
_STEP = re.compile(r"\.([^.\[]+)|\[(\d+|\.\.\.)\]")
_PLAIN_WORDS = {"object": "a mapping (key: value)", "array": "a list", "str": "text", "int": "a whole number",
                "float": "a number", "bool": "true or false", "null": "nothing"}  # fmt: skip


class Problem(msgspec.Struct, frozen=True, order=True):
    """What is wrong in a rule file; `line` and `column` count from 1."""

    file: str
    line: int
    column: int
    message: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column} {self.message}"


class _Read:
    """What a YAML text says, and by path where each of it stands and where within its quotation marks text begins."""

    def __init__(self, text: str) -> None:
        self.value: Any = None
        self.marks: dict[Keys, tuple[int, int]] = {(): (0, 0)}
        self.text_from: dict[Keys, int] = {}
        self.doubled: list[tuple[tuple[int, int], str]] = []
        self._scalars = yaml.SafeLoader("")
        node = yaml.compose(text, Loader=yaml.CSafeLoader)
        if node is not None:
            self.value = self._plain(node, ())

    def _plain(self, node: yaml.Node, path: Keys) -> object:
        self.marks.setdefault(path, (node.start_mark.line, node.start_mark.column))
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, path)
        if isinstance(node, yaml.SequenceNode):
            return [self._plain(value, (*path, n)) for n, value in enumerate(node.value)]
        if isinstance(node, yaml.ScalarNode) and node.style in ('"', "'"):
            self.text_from[path] = 1
        if node.tag == "tag:yaml.org,2002:bool" and node.value.lower() not in ("true", "false"):
            # YAML 1.1 takes these for yes and no; in a list of phrases they are words.
            return node.value
        return self._scalars.construct_object(node)

    def _mapping(self, node: yaml.MappingNode, path: Keys) -> dict[str, object]:
        mapping: dict[str, object] = {}
        for key, value in node.value:
            if not isinstance(key, yaml.ScalarNode):
                raise yaml.MarkedYAMLError(problem="a key must be a word", problem_mark=key.start_mark)
            here = (*path, key.value)
            place = (key.start_mark.line, key.start_mark.column)
            if key.value in mapping:
                self.marks[here] = place
                self.doubled.append((place, key.value))
            if not isinstance(value, yaml.ScalarNode):
                self.marks[here] = place
            mapping[key.value] = self._plain(value, here)
        return mapping


# The shipped files are read again for each rulebook of a process. Nobody changes what was read.
_read = lru_cache(maxsize=256)(_Read)


def suggest(word: str, known: Iterable[str]) -> str:
    """The sentence “Did you mean ...?”, or nothing where no known word is near."""
    near = difflib.get_close_matches(word, list(known), n=1)
    return f". Did you mean “{near[0]}”?" if near else ""


class Document:
    """One file. `value` is None where it is empty or is not YAML; problems are added to the list it was given."""

    def __init__(self, path: Path, shown: str, problems: list[Problem]) -> None:
        self.path = path
        self.value: Any = None
        self._shown = shown
        self._problems = problems
        self._marks: Mapping[Keys, tuple[int, int]] = {(): (0, 0)}
        self._text_from: Mapping[Keys, int] = {}
        try:
            read = _read(path.read_text(encoding="utf-8-sig"))
        except yaml.MarkedYAMLError as error:
            mark = error.problem_mark
            line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
            problems.append(Problem(shown, line, column, f"this is not YAML: {error.problem}"))
        except (yaml.YAMLError, UnicodeDecodeError, ValueError, RecursionError) as error:
            problems.append(Problem(shown, 1, 1, f"this is not YAML: {error}"))
        else:
            self.value, self._marks, self._text_from = read.value, read.marks, read.text_from
            for at, key in read.doubled:
                problems.append(Problem(shown, at[0] + 1, at[1] + 1, f"“{key}” stands here twice"))

    def problem(self, at: Keys, message: str, column: int | None = None) -> None:
        """Add a problem at the nearest place that the file names; `column` counts from 0 within the text there."""
        while at not in self._marks:
            at = at[:-1]
        line, start = self._marks[at]
        within = 0 if column is None else column + self._text_from.get(at, 0)
        self._problems.append(Problem(self._shown, line + 1, start + within + 1, message))

    def blocks(self) -> Iterator[tuple[Keys, object]]:
        """The items of a file that is a list, each with its path."""
        if not isinstance(self.value, list):
            self.problem((), "a rule file is a list: begin each rule with “- id: ...”")
            return
        for n, block in enumerate(self.value):
            yield (n,), block

    def convert(self, value: object, shape: type[T], at: Keys = ()) -> T | None:
        """The value as that type, or None with every mistake in it noted."""
        mended = value
        places: set[Keys] = set()
        for _ in range(_MOST_MISTAKES):
            try:
                converted = msgspec.convert(mended, shape)
            except msgspec.ValidationError as error:
                match = _AT.fullmatch(str(error))
                found, path = (match["message"], _path(match["path"])) if match else (str(error), ())
                path = _with_keys(mended, path, shape, str(error))
                here = _inside(inspect.type_info(shape), path)
                unknown, missing = _UNKNOWN.fullmatch(found), _MISSING.fullmatch(found)
                key = unknown or missing
                place = (*path, key["key"]) if key else path
                if place in places:
                    # The stand-in is wrong as well: what follows is its mistake, not the file's.
                    return None
                places.add(place)
                self._explain(found, (*at, *path), here)
                # With a stand-in for what is wrong, the next mistake comes to light.
                if unknown:
                    mended = _without(mended, place)
                elif missing and isinstance(here, inspect.StructType):
                    wanted = next(f.type for f in here.fields if f.encode_name == missing["key"])
                    mended = _with(mended, place, _stand_in(wanted))
                else:
                    mended = _with(mended, path, _stand_in(here))
            else:
                return converted if mended is value else None
        return None

    def _explain(self, found: str, at: Keys, here: inspect.Type) -> None:
        if unknown := _UNKNOWN.fullmatch(found):
            key = unknown["key"]
            self.problem((*at, key), f"“{key}” is not a key here{suggest(key, _keys(here))}")
        elif missing := _MISSING.fullmatch(found):
            self.problem(at, f"“{missing['key']}” is missing here")
        elif wrong := _NOT_ONE_OF.fullmatch(found):
            allowed = [str(v) for v in here.values] if isinstance(here, inspect.LiteralType) else []
            message = f"“{wrong['found']}” is not one of {', '.join(allowed)}{suggest(wrong['found'], allowed)}"
            self.problem(at, message)
        else:
            self.problem(at, _in_plain_words(found))


# A file with more is not a file with mistakes but another kind of file.
_MOST_MISTAKES = 50


def _entry(value: object, key: str | int) -> object:
    if isinstance(value, dict):
        return value.get(key)
    return value[key] if isinstance(value, list) and isinstance(key, int) else None


def _with(value: object, path: Keys, stand_in: object) -> object:
    """A copy of the value with something else at the path."""
    if not path:
        return stand_in
    key, rest = path[0], path[1:]
    inner = _with(_entry(value, key), rest, stand_in)
    if isinstance(value, list):
        return [inner if n == key else one for n, one in enumerate(value)]
    return {**value, key: inner} if isinstance(value, dict) else value


def _without(value: object, path: Keys) -> object:
    """A copy of the value without what is at the path, which ends in a key."""
    within = _at(value, path[:-1])
    left = {name: one for name, one in within.items() if name != path[-1]} if isinstance(within, dict) else within
    return _with(value, path[:-1], left)


_STAND_INS: dict[type[inspect.Type], object] = {
    inspect.StrType: "",
    inspect.BoolType: False,
    inspect.IntType: 0,
    inspect.FloatType: 0.0,
    inspect.DictType: {},
    inspect.VarTupleType: [],
}


def _stand_in(wanted: inspect.Type) -> object:
    """A value of that type, which nobody will read."""
    if isinstance(wanted, inspect.UnionType):
        return _stand_in(wanted.types[0])
    if isinstance(wanted, inspect.StructType):
        return {f.encode_name: _stand_in(f.type) for f in wanted.fields if f.required}
    if isinstance(wanted, inspect.LiteralType):
        return wanted.values[0]
    if isinstance(wanted, inspect.EnumType):
        return next(iter(wanted.cls)).value
    return _STAND_INS.get(type(wanted))


def _path(text: str | None) -> Keys:
    steps = _STEP.findall(text or "")
    return tuple(name or (int(number) if number.isdigit() else _SOME_KEY) for name, number in steps)


# msgspec does not say at which key of a mapping a value is wrong.
_SOME_KEY = "..."


def _with_keys(value: object, path: Keys, shape: object, message: str) -> Keys:
    """The path with the keys that msgspec leaves out: those whose entry alone is wrong in the same way."""
    for n, step in enumerate(path):
        within = _at(value, path[:n])
        if step != _SOME_KEY or not isinstance(within, dict):
            continue
        for key, entry in within.items():
            try:
                msgspec.convert(_with(value, path[:n], {key: entry}), shape)
            except msgspec.ValidationError as error:
                if str(error) == message:
                    return _with_keys(value, (*path[:n], key, *path[n + 1 :]), shape, message)
    return path


def _at(value: object, path: Keys) -> object:
    for key in path:
        value = _entry(value, key)
    return value


def _inside(info: inspect.Type, path: Keys) -> inspect.Type:
    """The type at a path of msgspec's, or AnyType where it cannot be told."""
    if isinstance(info, inspect.UnionType):
        info = next(t for t in info.types if not isinstance(t, inspect.NoneType))
    if not path:
        return info
    if isinstance(info, inspect.StructType):
        field = next((f for f in info.fields if f.encode_name == path[0]), None)
        return inspect.AnyType() if field is None else _inside(field.type, path[1:])
    if isinstance(info, inspect.DictType):
        return _inside(info.value_type, path[1:])
    if isinstance(info, inspect.VarTupleType):
        return _inside(info.item_type, path[1:])
    return inspect.AnyType()


def _keys(info: inspect.Type) -> list[str]:
    return [f.encode_name for f in info.fields] if isinstance(info, inspect.StructType) else []


def _in_plain_words(message: str) -> str:
    # That it may also be left out is nothing to tell of what stands there.
    without_null = message.replace(" | null`", "`")
    return re.sub(r"`([a-z]+)`", lambda m: _PLAIN_WORDS.get(m[1], m[0]), without_null).replace(" | ", " or ")
