"""Who works where since when: a CSV file with a row for each agent, and one more for each change.

    agent_id,name,team,shift,started_on,language,from
    A17,Ines Okafor,Billing,early,2024-05-01,en,
    A17,Ines Okafor,Retention,late,2024-05-01,en,2026-03-02

A row holds from its day on (`from`; empty: from the beginning) until the agent's next one, so that a call has the team
that its agent was in on that day, by the site's clock. Only `agent_id` must be there; what the recording's own metadata
say goes first.
"""

import csv
import io
from collections.abc import Mapping
from datetime import date
from functools import cached_property
from pathlib import Path
from zoneinfo import ZoneInfo

import msgspec

from callaudit.transcription.errors import SetupError
from callaudit.transcription.transcript import Call

COLUMNS = ("agent_id", "name", "team", "shift", "started_on", "language", "from")


class Post(msgspec.Struct, frozen=True, kw_only=True, order=True):
    """What is true of an agent from a day on."""

    agent_id: str
    since: date
    name: str | None = None
    team: str | None = None
    shift: str | None = None
    started_on: date | None = None
    language: str | None = None


class Roster(msgspec.Struct, frozen=True, dict=True):
    """All posts, in order of agent and day."""

    posts: tuple[Post, ...] = ()

    def of(self, call: Call, zone: ZoneInfo) -> Post | None:
        """The post of the call's agent on its day in the zone; by name where there is no id and one agent alone has it.

        None for an agent who is not on the roster, or not yet, and for an undated call of one whose post changed.
        """
        ids = self._ids.get(call.agent_name or "", set())
        agent_id = call.agent_id or (next(iter(ids)) if len(ids) == 1 else "")
        theirs = self._of_agent.get(agent_id, [])
        if call.started_at is None:
            return theirs[0] if len(theirs) == 1 else None
        day = call.started_at.astimezone(zone).date()
        return next((p for p in reversed(theirs) if p.since <= day), None)

    # Asked for every recording of an inbox.
    @cached_property
    def _of_agent(self) -> dict[str, list[Post]]:
        found: dict[str, list[Post]] = {}
        for post in self.posts:
            found.setdefault(post.agent_id, []).append(post)
        return found

    @cached_property
    def _ids(self) -> dict[str, set[str]]:
        found: dict[str, set[str]] = {}
        for post in self.posts:
            found.setdefault(post.name or "", set()).add(post.agent_id)
        found.pop("", None)
        return found


def read_roster(path: Path) -> Roster:
    """The roster in a file. Raises SetupError naming the line and the column that cannot be."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise SetupError(f"the roster {path} cannot be read", why=str(error), tries=_TRIES) from error
    head = text.partition("\n")[0]
    rows = csv.DictReader(io.StringIO(text), delimiter=";" if head.count(";") > head.count(",") else ",", strict=True)
    try:
        unknown = [name for name in rows.fieldnames or () if name not in COLUMNS]
        if unknown or "agent_id" not in (rows.fieldnames or ()):
            what = f"no column is called “{unknown[0]}”" if unknown else "the column agent_id is missing"
            raise SetupError(f"{path}: {what}", why=f"There are: {', '.join(COLUMNS)}.", tries=_TRIES)
        posts: dict[tuple[str, date], Post] = {}
        for row in rows:
            post = _post(row, f"{path}:{rows.line_num}")
            if (post.agent_id, post.since) in posts:
                raise SetupError(f"{path}:{rows.line_num}: {post.agent_id} has two rows from that day on", tries=_TRIES)
            posts[post.agent_id, post.since] = post
    except csv.Error as error:
        raise SetupError(f"{path}:{rows.line_num} is no CSV", why=str(error), tries=_TRIES) from error
    return Roster(tuple(sorted(posts.values(), key=lambda post: (post.agent_id, post.since))))


_TRIES = ("docs/inbox.md  (what a roster looks like)",)


def _post(row: Mapping[str | None, str | None], place: str) -> Post:
    if None in row or None in row.values():
        raise SetupError(f"{place} has not as many fields as the first line", tries=_TRIES)
    told = {name: text.strip() for name, text in row.items() if name and text and text.strip()}
    if "agent_id" not in told:
        raise SetupError(f"{place}: agent_id is empty", tries=_TRIES)
    return Post(
        agent_id=told["agent_id"],
        since=_day(told, "from", place) or date.min,
        name=told.get("name"),
        team=told.get("team"),
        shift=told.get("shift"),
        started_on=_day(told, "started_on", place),
        language=told.get("language"),
    )


def _day(told: Mapping[str, str], column: str, place: str) -> date | None:
    try:
        return date.fromisoformat(told[column]) if column in told else None
    except ValueError as error:
        raise SetupError(f"{place}: {column} is “{told[column]}”", why="A day is 2026-03-02.", tries=_TRIES) from error


def with_roster(call: Call, roster: Roster, queues: Mapping[str, str], *, zone: ZoneInfo) -> Call:
    """The call with what its metadata leave open of its agent, and its queue under the name people know it by.

    `zone` is the site's: its clock says on which day a call was.
    """
    post = roster.of(call, zone)
    named = msgspec.structs.replace(call, queue=queues.get(call.queue, call.queue)) if call.queue else call
    if post is None:
        return named
    return msgspec.structs.replace(
        named,
        agent_id=call.agent_id or post.agent_id,
        agent_name=call.agent_name or post.name,
        team=call.team or post.team,
    )
