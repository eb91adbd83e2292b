"""A rule or a scorecard as the text of a file: what `show` prints can be pasted, and says the same when read again."""

import re

import msgspec
import yaml

from callaudit.audit_rules.rule import Rule, Scorecard

_WIDTH = 118


def rule_text(rule: Rule) -> str:
    """The rule as a block of its `<step>.yaml`."""
    return _text([_said(rule)])


def card_text(card: Scorecard, asks: dict[str, str]) -> str:
    """The card as `<name>.yaml`, with the question of each rule beside its weight; `asks` holds them by rule id."""
    # A weight is the only number that stands behind the id of a rule.
    return re.sub(
        r"^( +([a-z_]+\.[a-z_]+): [\d.e+-]+)$",
        lambda line: f"{line[1]:<44}  # {asks[line[2]]}" if line[2] in asks else line[1],
        _text(_said(card)),
        flags=re.MULTILINE,
    )


def _said(value: object) -> object:
    """What is said in a struct: all but what stands at its default."""
    if isinstance(value, msgspec.Struct):
        fields = msgspec.structs.fields(value)
        given = ((f.encode_name, f.default, getattr(value, f.name)) for f in fields)
        return {name: _said(one) for name, default, one in given if one != default and one not in (None, (), {})}
    if isinstance(value, dict):
        return {key: _said(one) for key, one in value.items()}
    if isinstance(value, tuple):
        return [_said(one) for one in value]
    return value


class _Dumper(yaml.SafeDumper):
    """Calls are written line by line, and a list one step in, as people write them."""

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        super().increase_indent(flow, False)


def _string(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


def _number(dumper: yaml.SafeDumper, number: float) -> yaml.ScalarNode:
    # A weight of 2 is written as people write it, not as 2.0.
    return dumper.represent_int(int(number)) if number.is_integer() else dumper.represent_float(number)


_Dumper.add_representer(str, _string)
_Dumper.add_representer(float, _number)


def _text(value: object) -> str:
    return yaml.dump(value, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=_WIDTH)
