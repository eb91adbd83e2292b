"""What is agreed with an agent: a step to work on, kept in the warehouse and shown on the agent's page."""

import re
from collections.abc import Sequence
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

from callaudit.audit_rules.rule_files.yaml_document import suggest
from callaudit.flows.access import for_readers
from callaudit.flows.report_files import remake_places
from callaudit.flows.review import written
from callaudit.flows.settings import Settings
from callaudit.reports.weekly.edition import choose_edition
from callaudit.transcription.errors import InputError
from callaudit.transcription.transcript import Seconds
from callaudit.warehouse.agreements import Agreement, drop_agreement, keep_agreement
from callaudit.warehouse.published import Published, open_published

_PLACE = re.compile(r"(?P<call>.+?)(?:@(?P<minutes>\d+):(?P<seconds>[0-5]\d))?")


@for_readers
def agree(
    settings: Settings,
    agent: str,
    step: str,
    *,
    by: str,
    on: date | None = None,
    note: str = "",
    moments: Sequence[str] = (),
) -> Agreement:
    """Keep what was agreed, and make the agent's page anew; `moments` are written `C-1004` or `C-1004@1:38`.

    `on` is the day by the site's clock, as calls are counted; None for today.

    Raises InputError for an agent whom no call names, a step that the scorecard of the settings does not have, a day
    that is still to come and a moment in a call that is not this agent's.
    """
    scorecard = settings.report.scorecard
    with open_published(settings.published) as published:
        whom = choose_edition(published, agent=agent)
        agreement = Agreement(
            agent_id=whom.agent, scorecard=scorecard, step=_known_step(published, scorecard, step),
            agreed_on=_past(on, settings.site.timezone),
            agreed_by=by, note=note, moments=tuple(_moment(published, whom.agent, one) for one in moments),
        )  # fmt: skip
    with written(settings) as con:
        keep_agreement(con, agreement, at=datetime.now(UTC))
    with open_published(settings.published) as published:
        remake_places(settings, published)
    return agreement


@for_readers
def withdraw(settings: Settings, agreement_id: str) -> Agreement:
    """Take back what was agreed, by its id or the beginning of it, and make the pages anew; returns what it was.

    Raises InputError where no agreement has that id, or several begin with it.
    """
    with open_published(settings.published) as published:
        rows = published.rows(
            "select * from agreements where agreement_id ^@ $id and $id <> '' order by agreement_id",
            {"id": agreement_id},
        )
    if len(rows) != 1:
        found = "several agreements begin" if rows else "no agreement begins"
        raise InputError(f"{found} with the id “{agreement_id}”", tries=("callaudit coaching list",))
    (row,) = rows
    with written(settings) as con:
        drop_agreement(con, row["agreement_id"])
    with open_published(settings.published) as published:
        remake_places(settings, published)
    return Agreement(
        agent_id=row["agent_id"], scorecard=row["scorecard"], step=row["step"], agreed_on=row["agreed_on"],
        agreed_by=row["agreed_by"], note=row["note"], moments=tuple((m["call_id"], m["at_s"]) for m in row["moments"]),
    )  # fmt: skip


def _past(on: date | None, timezone: str) -> date:
    today = datetime.now(ZoneInfo(timezone)).date()
    if on is not None and on > today:
        raise InputError(f"{on} is still to come", tries=("--on with the day it was agreed on",))
    return on or today


def _known_step(published: Published, scorecard: str, step: str) -> str:
    rows = published.rows(
        "select distinct step_number, step, step_title from scorecard_rules where scorecard = $card order by all",
        {"card": scorecard},
    )
    for row in rows:
        if step.casefold() in (str(row["step"]).casefold(), str(row["step_title"]).casefold()):
            return str(row["step"])
    names = [str(row["step"]) for row in rows]
    raise InputError(
        f"the scorecard {scorecard} has no step “{step}”{suggest(step, names)}", why=f"It has: {', '.join(names)}."
    )


def _moment(published: Published, agent_id: str, told: str) -> tuple[str, Seconds | None]:
    # An id may hold an @ itself, so the whole of it is tried first.
    place = _PLACE.fullmatch(told)
    for call_id in dict.fromkeys((told, place["call"] if place else told)):
        if published.rows(
            "select 1 from calls where call_id = $call and agent_id = $agent", {"call": call_id, "agent": agent_id}
        ):
            timed = place is not None and place["minutes"] is not None and call_id != told
            return call_id, 60.0 * int(place["minutes"]) + int(place["seconds"]) if timed and place else None
    raise InputError(f"no call of this agent is called “{told}”", tries=("--moment C-1004@1:38",))
