"""Rulebooks by version: their rules, scorecards and targets, and the roster beside them."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Protocol

import duckdb
import msgspec

from callaudit.audit_rules.rule import Rule, Scorecard
from callaudit.transcription.errors import InputError
from callaudit.transcription.inbox.roster import Roster
from callaudit.warehouse.session import disk_full_as_setup_error, insert_rows, texts, transaction


class LoadedRulebook(Protocol):
    """What the warehouse keeps of a rulebook."""

    @property
    def version(self) -> str: ...  # noqa: D102  As the class says.
    @property
    def rules(self) -> tuple[Rule, ...]: ...  # noqa: D102  As the class says.
    @property
    def scorecards(self) -> Mapping[str, Scorecard]: ...  # noqa: D102  As the class says.


@disk_full_as_setup_error()
def store_rulebook(
    con: duckdb.DuckDBPyConnection, rulebook: LoadedRulebook, *, loaded_at: datetime | None = None
) -> None:
    """Make a rulebook the one in force; an older one comes back. Storing the one in force again changes its aims only.

    What scorecards aim at, and how they call scores, is kept as it is now: a target is no part of how a call is judged.
    """
    with transaction(con):
        _store_aims(con, rulebook.scorecards.values())
        newest = con.execute(
            "select rulebook_version, load_number from core.rulebooks order by load_number desc limit 1"
        ).fetchone()
        if newest is not None and newest[0] == rulebook.version:
            return
        load_number = newest[1] + 1 if newest is not None else 1
        for table in ("rulebooks", "rules", "scorecard_steps"):
            con.execute(f"delete from core.{table} where rulebook_version = ?", [rulebook.version])  # noqa: S608  Names of ours.
        con.execute("insert into core.rulebooks values (?, ?, ?)", [rulebook.version, load_number, loaded_at])
        rules = [
            [
                rulebook.version, r.id, r.step, r.asks, r.why, list(r.sources), r.status, r.applies, _definition(r),
                r.matcher, r.speaker, r.milestone or None, r.missed,
            ]
            for r in sorted(rulebook.rules, key=lambda rule: rule.id)
        ]  # fmt: skip
        steps = [
            [
                rulebook.version, card.name, card.title, number, step.id, step.title, rule_id, weight,
                rule_id in card.critical, card.critical_fails_call and rule_id in card.critical,
            ]
            for _, card in sorted(rulebook.scorecards.items())
            for number, step in enumerate(card.steps, start=1)
            for rule_id, weight in step.rules.items()
        ]  # fmt: skip
        insert_rows(con, "rules", rules)
        insert_rows(con, "scorecard_steps", steps)


def _store_aims(con: duckdb.DuckDBPyConnection, cards: Iterable[Scorecard]) -> None:
    con.execute("delete from core.targets; delete from core.bands")
    for card in cards:
        aims: list[tuple[str | None, str | None, float | None]] = [
            (None, None, card.target),
            *((None, step.id, step.target) for step in card.steps),
            *((team, None, asked.target) for team, asked in card.teams.items()),
            *((team, step, target) for team, asked in card.teams.items() for step, target in asked.steps.items()),
        ]
        given = [[card.name, team, step, target, card.least_calls] for team, step, target in aims if target is not None]
        insert_rows(con, "targets", given)
        insert_rows(con, "bands", [[card.name, band, lowest] for band, lowest in card.bands.items()])


@disk_full_as_setup_error()
def store_roster(con: duckdb.DuckDBPyConnection, roster: Roster) -> None:
    """Keep the roster as it is now, in place of the one before."""
    with transaction(con):
        con.execute("delete from core.roster")
        insert_rows(con, "roster", map(msgspec.structs.astuple, roster.posts))


def _definition(rule: Rule) -> str:
    """What the rule looks for, as JSON; its examples are its tests and change nothing."""
    told = {"id", "asks", "why", "sources", "status", "applies", "milestone", "missed", "examples"}
    fields = {k: v for k, v in msgspec.structs.asdict(rule).items() if k not in told and v is not None}
    return msgspec.json.encode(fields, order="deterministic").decode()


def check_rulebooks_stored(con: duckdb.DuckDBPyConnection, versions: set[str]) -> None:
    """Raise InputError where one of these rulebooks is not in the warehouse."""
    missing = versions - texts(con, "select rulebook_version from core.rulebooks")
    if missing:
        raise InputError(
            f"rulebook {min(missing)} is not in the warehouse",
            why="Its scorecards and weights are needed to score the calls it judged.",
            tries=("store_rulebook(con, rulebook) before load",),
        )
