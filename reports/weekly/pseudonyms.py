"""A report in which nobody can be recognised by name: agents and calls under pseudonyms, stable under one key.

Pseudonyms are HMAC-SHA-256 of the id under a key (the keyed hash of ENISA, "Pseudonymisation techniques and best
practices", 2019, 5.1.3): who has the key can make them again, nobody else can tell or try out who is meant. That is not
anonymity: somebody who knows a call may know it again by its words.
"""

import base64
import hashlib
import hmac
import re
from collections.abc import Iterable
from typing import TypeVar

import msgspec

from callaudit.reports.weekly.names import name_words, names_one_of
from callaudit.reports.weekly.queries import Readings
from callaudit.transcription.errors import InputError

FEWEST = 3
"""A team or queue of fewer agents is not named: the group would name the person."""

_GROUP = 4
_Row = TypeVar("_Row", bound=msgspec.Struct)
# Where somebody says who they are, the recogniser may have written the name in any way.
_INTRODUCES = re.compile(r"\b(name|speaking|this is)\b", re.IGNORECASE)


def pseudonymised(readings: Readings, key: bytes) -> Readings:
    """The same figures with agents and calls under pseudonyms, no clock times, and no link to a call's page.

    A quote is left out where it holds a word of any agent's name, or somebody says who they are. Teams and queues keep
    their names, except those with fewer than `FEWEST` agents. Raises InputError where the report is of a team or queue
    as small as that.
    """
    edition = readings.edition
    calls = readings.calls
    teams = _small([*((row.team, row.agent_id) for row in readings.agents), *((c.team, c.agent_id) for c in calls)])
    queues = _small((row.queue, row.agent_id) for row in calls)
    for what, name, small in (("team", edition.team, teams), ("queue", edition.queue, queues)):
        if name in small:
            raise InputError(
                f"a pseudonym would hide nobody in {what} “{name}”",
                why=f"It has fewer than {FEWEST} agents.",
                tries=("leave out --pseudonyms, or the filter",),
            )
    hidden = _Hidden(readings, key, teams, queues)
    own = hidden.code("agent", edition.agent) if edition.agent else ""
    return msgspec.structs.replace(
        readings,
        edition=msgspec.structs.replace(
            edition,
            agent=own,
            agent_name=f"Agent {own}" if own else "",
            agent_team=hidden.group("team", edition.agent_team),
            pseudonyms=True,
        ),
        # The order of names would show them.
        agents=sorted(hidden.rows(readings.agents), key=lambda row: (row.team, row.agent_name)),
        agent_weeks=hidden.rows(readings.agent_weeks),
        agent_steps=hidden.rows(readings.agent_steps),
        agent_calls=hidden.rows(readings.agent_calls),
        agent_moments=[row for row in hidden.rows(readings.agent_moments) if row.quote],
        calls=sorted(hidden.rows(readings.calls), key=lambda row: row.call_id),
        moments=[row for row in hidden.rows(readings.moments) if row.quote],
        funnel=hidden.rows(readings.funnel),
        calmed=hidden.rows(readings.calmed),
        reviews=hidden.rows(readings.reviews),
        rule_reviews=hidden.rows(readings.rule_reviews),
        names=[],
    )


class _Hidden:
    """What stands for each agent, call and small group."""

    def __init__(self, readings: Readings, key: bytes, teams: frozenset[str], queues: frozenset[str]) -> None:
        self._key = key
        self._small = {"team": teams, "queue": queues}
        self._codes: dict[tuple[str, str], str] = {}
        self._names = name_words(readings.names)

    def code(self, what: str, name: str) -> str:
        """`7KQF-M4XP`: forty bits, so that two of a thousand agents meet once in two million centres."""
        known = self._codes.get((what, name))
        if known is None:
            digest = hmac.digest(self._key, f"{what}\0{name}".encode("utf-8", "surrogatepass"), hashlib.sha256)
            letters = base64.b32encode(digest[:5]).decode()
            known = self._codes[what, name] = f"{letters[:_GROUP]}-{letters[_GROUP:]}"
        return known

    def group(self, what: str, name: str) -> str:
        """The name of a team or queue, or what stands for a small one."""
        return f"small {what} {self.code(what, name)}" if name in self._small[what] else name

    def rows(self, rows: Iterable[_Row]) -> list[_Row]:
        """The rows with what stands for people in place of them."""
        return [self._row(row) for row in rows]

    def _row(self, row: _Row) -> _Row:
        known = msgspec.structs.asdict(row)
        changed: dict[str, str | None] = {}
        if known.get("agent_id"):
            changed["agent_id"] = self.code("agent", known["agent_id"])
        if "agent_name" in known:
            changed["agent_name"] = f"Agent {changed['agent_id']}" if known["agent_id"] else None
        if "call_id" in known:
            changed["call_id"] = self.code("call", known["call_id"])
        changed |= {what: self.group(what, known[what]) for what in self._small if known.get(what)}
        if "started_local" in known:
            changed["started_local"] = None
        if "reason" in known:
            # Another call's id would tell which call it was.
            changed["reason"] = "" if known["other_call_id"] else known["reason"]
            if self._tells(f"{known['quote']} {changed['reason']}"):
                changed["quote"] = ""
        return msgspec.structs.replace(row, **changed)

    def _tells(self, text: str) -> bool:
        return _INTRODUCES.search(text) is not None or names_one_of(self._names, text)


def _small(groups: Iterable[tuple[str | None, str | None]]) -> frozenset[str]:
    """Of teams or queues, each with an agent, those of fewer than `FEWEST` agents."""
    people: dict[str, set[str]] = {}
    for group, agent in groups:
        if group:
            people.setdefault(group, set()).add(agent or "")
    return frozenset(name for name, agents in people.items() if len(agents) < FEWEST)
