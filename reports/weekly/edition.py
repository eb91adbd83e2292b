"""Which calls a report is of: everybody's, or those of one team, one queue, one agent."""

import difflib
from typing import TYPE_CHECKING, Any

import msgspec

from callaudit.reports.page import file_stem
from callaudit.transcription.errors import InputError

if TYPE_CHECKING:
    # Not to run: `WHOLE` lives as long as the process, and what its module names with it. DuckDB's module, kept so
    # long, says on standard error that all its objects leaked.
    from callaudit.warehouse.published import Published


class Edition(msgspec.Struct, frozen=True, kw_only=True):
    """What a report is narrowed to; an empty field narrows nothing.

    `agent` is an id, `agent_name` how the agent is called on the page and `agent_team` whom they are compared with.
    `pseudonyms` says that agents and calls stand under pseudonyms (`reports.weekly.pseudonyms`).
    """

    team: str = ""
    queue: str = ""
    agent: str = ""
    agent_name: str = ""
    agent_team: str = ""
    pseudonyms: bool = False

    @property
    def is_whole(self) -> bool:
        """Whether every call is in it."""
        return not (self.team or self.queue or self.agent)

    @property
    def told(self) -> str:
        """`team Billing, queue refunds`, "" of everybody."""
        parts = (("agent", self.agent_name), ("team", self.team), ("queue", self.queue))
        return ", ".join(f"{what} {name}".removeprefix("agent ") for what, name in parts if name)

    @property
    def label(self) -> str:
        """What the index of all reports calls it: `team Billing`, "" of everybody."""
        return ", ".join(filter(None, (self.told, "under pseudonyms" if self.pseudonyms else "")))

    @property
    def suffix(self) -> str:
        """What a file name says of it: `-team-Billing`, "" of everybody."""
        parts = (("team", self.team), ("queue", self.queue), ("agent", self.agent))
        named = "".join(f"-{what}-{file_stem(name)}" for what, name in parts if name)
        return f"{named}-pseudonyms" if self.pseudonyms else named

    def where(self, table: str, *, colleagues: bool = False) -> tuple[str, dict[str, Any]]:
        """The condition on `table` ("and t.team = $team ...", its values); `colleagues` takes in the agent's team."""
        wanted = {"team": self.team, "queue": self.queue}
        if self.agent and colleagues and self.agent_team:
            wanted["team"] = self.agent_team
        elif self.agent:
            wanted["agent_id"] = self.agent
        given = {column: value for column, value in wanted.items() if value}
        return "".join(f" and {table}.{column} = ${column}" for column in given), given


WHOLE = Edition()
"""Every call."""


def choose_edition(published: "Published", *, team: str = "", queue: str = "", agent: str = "") -> Edition:
    """The edition that is meant; `agent` is an id, or a name that only one agent has.

    Raises InputError for a team, queue or agent that no call names, with those that are spelled alike, and for a name
    that several agents have.
    """
    chosen = Edition(
        team=_known(published, "team", team),
        queue=_known(published, "queue", queue),
    )
    return _of_agent(published, chosen, agent) if agent else chosen


def _of_agent(published: "Published", edition: Edition, agent: str) -> Edition:
    rows = published.rows(
        """
        select agent_id, arg_max(coalesce(agent_name, agent_id), started_at) as agent_name,
            coalesce(arg_max(team, started_at) filter (team is not null), '') as team
        from calls where agent_id is not null group by agent_id order by agent_id
        """
    )
    found = [row for row in rows if row["agent_id"] == agent]
    found = found or [row for row in rows if row["agent_name"].casefold() == agent.casefold()]
    if not found:
        raise _unknown("agent", agent, [name for row in rows for name in (row["agent_name"], row["agent_id"])])
    if len(found) > 1:
        ids = [row["agent_id"] for row in found]
        raise InputError(
            f"several agents are called “{agent}”",
            why=f"Their ids: {', '.join(ids)}.",
            tries=tuple(f"--agent {one}" for one in ids[:3]),
        )
    return msgspec.structs.replace(
        edition, agent=found[0]["agent_id"], agent_name=found[0]["agent_name"], agent_team=found[0]["team"]
    )


def _known(published: "Published", what: str, name: str) -> str:
    if not name:
        return ""
    rows = published.rows(f"select distinct {what} as name from calls where {what} is not null order by all")  # noqa: S608  A word of ours.
    names = [str(row["name"]) for row in rows]
    if name in names:
        return name
    alike = [known for known in names if known.casefold() == name.casefold()]
    if len(alike) == 1:
        return alike[0]
    raise _unknown(what, name, names)


_NAMED_AT_MOST = 12


def _unknown(what: str, name: str, names: list[str]) -> InputError:
    folded = {known.casefold(): known for known in names}
    close = [folded[near] for near in difflib.get_close_matches(name.casefold(), folded, n=3, cutoff=0.5)]
    distinct = list(dict.fromkeys(names))
    if close:
        why = f"Spelled alike: {', '.join(close)}."
    elif not distinct:
        why = f"No call in the warehouse names a{'n' if what == 'agent' else ''} {what}."
    else:
        more = len(distinct) - _NAMED_AT_MOST
        why = f"There are: {', '.join(distinct[:_NAMED_AT_MOST])}{f' and {more} more' if more > 0 else ''}."
    return InputError(f"no {what} is called “{name}”", why=why, tries=tuple(f'--{what} "{one}"' for one in close[:1]))
