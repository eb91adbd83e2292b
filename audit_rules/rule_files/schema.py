"""The format of rule files as JSON Schema, so that an editor completes keys and marks mistakes while one writes."""

import inspect
from typing import Any

import msgspec

from callaudit.audit_rules.rule import MATCHERS, Rule
from callaudit.audit_rules.rule_files.checks import RULE_ID

SCHEMA_NAME = "rule.schema.json"


def rule_schema() -> bytes:
    """The schema of a `<step>.yaml`, made from the structs that read it; the same bytes every time."""
    schema: dict[str, Any] = msgspec.json.schema(list[Rule])
    for definition in schema["$defs"].values():
        definition["description"] = inspect.cleandoc(definition["description"])
    rule = schema["$defs"]["Rule"]
    rule["properties"]["id"]["pattern"] = f"^{RULE_ID.pattern}$"
    # The structs cannot say it: of all these keys a rule has exactly one.
    rule["oneOf"] = [{"required": [matcher]} for matcher in MATCHERS]
    head = {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "callaudit rules"}
    return msgspec.json.format(msgspec.json.encode({**head, **schema}), indent=2) + b"\n"
