"""Two rulebooks on the calls of this installation, and what the terminal shows of it."""

from collections.abc import Iterator
from itertools import groupby
from pathlib import Path

from rich.markup import escape

from callaudit.audit_rules.evaluation.backtest import Backtest, Broken, Flip, Words, backtest
from callaudit.audit_rules.evaluation.golden_verdicts import Golden, read_golden
from callaudit.audit_rules.finding import Verdict
from callaudit.audit_rules.rule import Scorecard
from callaudit.audit_rules.rule_files.yaml_document import suggest
from callaudit.audit_rules.rulebook import Rulebook, load_rulebook
from callaudit.audit_rules.scorecard import ScoresCompared, compared, score
from callaudit.console import err, out, show_rows
from callaudit.flows.settings import Settings
from callaudit.transcription.errors import InputError
from callaudit.warehouse.published import open_published
from callaudit.warehouse.stored_calls import stored_calls

_LONGEST = 160
_SCORES = 20


def rulebook_named(name: str, settings: Settings) -> Rulebook:
    """The rulebook that `shipped`, `.` (the settings' own) or a folder stands for; a folder adds to the shipped rules.

    Raises InputError for a folder that is not there or holds no rules, RulebookError for rules with mistakes.
    """
    if name == "shipped":
        return load_rulebook(hours=settings.business_time)
    if name == ".":
        return load_rulebook(*settings.rule_folders, recogniser=settings.run.acts, hours=settings.business_time)
    folder = Path(name)
    if not any(folder.glob("*.y*ml")) and not any(folder.glob("scorecards/*.y*ml")):
        state = "holds no rules" if folder.is_dir() else "is no folder"
        raise InputError(
            f"“{name}” {state}",
            why="Name a folder of rule files, shipped for the rules that come with callaudit, or . for your own.",
            tries=("callaudit rules diff shipped .",),
        )
    return load_rulebook(folder, hours=settings.business_time)


def compare_rulebooks(settings: Settings, old: str, new: str, *, golden: Path | None = None) -> Backtest:
    """Judge every stored call by both rulebooks; nothing is written.

    Raises InputError where nothing is stored, or where no golden verdict can be checked.
    """
    before, after = rulebook_named(old, settings), rulebook_named(new, settings)
    must = read_golden(golden) if golden else ()
    _check_rules(must, before, after, golden)
    with stored_calls(settings.published, settings.warehouse) as calls, err.status(f"judging {calls.count} calls ..."):
        found = backtest(
            calls.transcripts,
            before,
            after,
            scorecard=settings.report.scorecard,
            golden=must,
            contacts=calls.contacts,
            known_until=calls.known_until,
        )
    if must and len(found.not_stored) == len(must):
        raise InputError(
            f"no golden verdict of {golden} can be checked",
            why=f"None of its calls is stored, for example {must[0].call_id}.",
            tries=("callaudit calls list",),
        )
    return found


def compare_scorecards(
    settings: Settings, rulebook: Rulebook, old: Scorecard, new: Scorecard, *, week: str = ""
) -> ScoresCompared:
    """Score every call of the published copy by both cards, by the verdicts that count.

    Raises InputError where nothing is published.
    """
    rows = _verdicts(settings, week)
    return compared(
        old.name,
        new.name,
        (
            (
                call_id,
                agent,
                score(found, rulebook, old, unproven=loose),
                score(found, rulebook, new, unproven=loose),
            )
            for (call_id, agent), found, loose in rows
        ),
    )


def _verdicts(settings: Settings, week: str) -> Iterator[tuple[tuple[str, str], dict[str, Verdict], frozenset[str]]]:
    """Call and agent, the verdicts and the rules whose miss is not proven, of one call after another."""
    asked = """
        select call_id, coalesce(agent_name, agent_id, '') as agent, rule_id, verdict, is_proven
        from findings where $week = '' or iso_week = $week order by call_id
        """
    with (
        open_published(settings.published) as published,
        published.batches(asked, {"week": week}) as (_, batches),
    ):
        rows = (row for batch in batches for row in batch.to_pylist())
        for call, group in groupby(rows, key=lambda row: (row["call_id"], row["agent"])):
            found = list(group)
            loose = frozenset(row["rule_id"] for row in found if not row["is_proven"])
            yield call, {row["rule_id"]: Verdict(row["verdict"]) for row in found}, loose


def show_scores(found: ScoresCompared, *, limit: int, rest: str) -> None:
    """The means, and the calls whose score changes most; `rest` is the option that shows those left out."""
    means = " -> ".join("none" if m is None else f"{m:.1f}" for m in (found.mean_before, found.mean_after))
    cards = f"{found.old} to {found.new}" if found.old != found.new else found.old
    changed = f"{len(found.changes)} of {found.calls} scores change"
    out.print(f"[bold]{changed}[/], {escape(cards)}; mean score {means}.")
    rows = [
        {
            "call_id": c.call_id,
            "agent": c.agent,
            "before": _score(c.before),
            "after": _score(c.after) + (" failed" if c.failed else ""),
            "change": "" if c.before is None or c.after is None else f"{c.after - c.before:+.0f}",
        }
        for c in found.changes[:limit]
    ]
    if rows:
        show_rows(rows, empty="")
    if len(found.changes) > limit:
        out.print(f"... and {len(found.changes) - limit} more: {rest}")


def _score(value: float | None) -> str:
    return "none" if value is None else f"{value:.0f}"


def _check_rules(must: tuple[Golden, ...], before: Rulebook, after: Rulebook, path: Path | None) -> None:
    known = {r.id for book in (before, after) for r in book.rules}
    for verdict in must:
        if verdict.rule_id not in known:
            raise InputError(
                f"{path}: there is no rule {verdict.rule_id}",
                why=f"It is named for {verdict.call_id}{suggest(verdict.rule_id, known)}",
                tries=("callaudit rules list",),
            )


def show_backtest(found: Backtest) -> None:
    """Flips with their words, then the sums, then what became of the golden verdicts."""
    if found.old == found.new:
        out.print(f"Both rulebooks say the same (version {found.old}).")
    else:
        flips = len(found.flips)
        out.print(
            f"[bold]{flips} verdict{'' if flips == 1 else 's'} flipped[/] on {found.calls} calls, "
            f"from rulebook {found.old} to {found.new}."
        )
    for (rule_id, before, after), flips_of in groupby(found.flips, key=lambda f: (f.rule_id, f.before, f.after)):
        out.print(f"\n[bold]{rule_id}[/]  {_change(before, after)}")
        for flip in flips_of:
            _show_flip(flip)
    if found.flips:
        out.print("\n[bold]By rule[/]")
        rows = [{"rule": s.rule_id, "change": _change(s.before, s.after), "calls": s.calls} for s in found.by_rule]
        show_rows(rows, empty="")
        out.print("\n[bold]By agent[/]")
        show_rows(
            [
                {
                    "agent": s.agent or "not known", "flips": s.flips, "now missed": s.now_missed, "now met": s.now_met,
                    "now unsure": s.now_unsure,
                }
                for s in found.by_agent
            ],
            empty="",
        )  # fmt: skip
    for what, rules in (("Only the new rules judge", found.added), ("Only the old rules judge", found.removed)):
        for rule_id, verdicts in rules.items():
            said = ", ".join(f"{_plain(v)} {n}" for v, n in verdicts.items())
            out.print(f"\n{what} [bold]{rule_id}[/]: {said}.")
    if found.scores is not None and found.scores.changes:
        out.print(f"\n[bold]Scores[/] by {escape(found.scores.new)}")
        show_scores(found.scores, limit=_SCORES, rest="--json")
    if found.golden:
        _show_golden(found)


def _show_flip(flip: Flip) -> None:
    who = f"  {escape(flip.agent)}" if flip.agent else ""
    out.print(f"  {escape(flip.call_id)}{who}  [dim]{escape(flip.reason)}[/]")
    if flip.words is not None:
        at = "" if flip.words.start is None else f"{int(flip.words.start) // 60}:{int(flip.words.start) % 60:02} "
        out.print(f"      {at}{flip.words.role or ''}: “{_marked(flip.words)}”")


def _show_golden(found: Backtest) -> None:
    checked = found.golden - len(found.not_stored)
    out.print(f"\n[bold]{checked - len(found.broken)} of {checked} golden verdicts hold.[/]")
    for broken in found.broken:
        out.print(f"  [bold red]broken[/] {_broken(broken)}")
    for missing in found.not_stored:
        out.print(f"  [yellow]not checked[/] {escape(missing.call_id)} is not stored ({escape(missing.rule_id)})")


def _broken(broken: Broken) -> str:
    must = broken.golden
    found = "not judged" if broken.found is None else _plain(broken.found)
    before = "" if broken.held_before else "; the old rules broke it too"
    return (
        f"{escape(must.call_id)} [bold]{escape(must.rule_id)}[/] must be {_plain(must.verdict)}, is {found}{before}  "
        f"[dim]{escape(broken.reason)}[/]"
    )


def _marked(words: Words) -> str:
    """The sentence with the found words in bold; of a long one only what stands around them."""
    at = words.sentence.find(words.quote)
    if at < 0:
        return escape(words.quote[:_LONGEST])
    room = max(0, _LONGEST - len(words.quote)) // 2
    before, after = words.sentence[:at], words.sentence[at + len(words.quote) :]
    if len(before) > room:
        before = f"...{before[len(before) - room :]}"
    if len(after) > room:
        after = f"{after[:room]}..."
    return f"{escape(before)}[bold]{escape(words.quote)}[/]{escape(after)}"


def _change(before: Verdict, after: Verdict) -> str:
    return f"{_plain(before)} -> {_plain(after)}"


def _plain(verdict: Verdict) -> str:
    return verdict.replace("_", " ")
