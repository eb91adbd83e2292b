"""`callaudit scorecards`: list, show, begin, check, test and compare the forms that calls are scored by."""

from typing import TYPE_CHECKING, Annotated

import typer

from callaudit.cli.app import counted, current_rulebook, given
from callaudit.transcription.errors import SetupError

if TYPE_CHECKING:
    from callaudit.audit_rules.rule import Scorecard

commands = typer.Typer(
    name="scorecards",
    help="List, show, begin, check and compare scorecards.\n\n"
    "A scorecard says which rules make which steps, how much each weighs, which misses are critical, and what is "
    "aimed at. Your own lie in scorecards/ and may change a shipped one: docs/scorecards.md.",
    no_args_is_help=True,
)


@commands.command("list")
def scorecards_list() -> None:
    """One line per scorecard; the one of your reports is marked."""
    from callaudit.audit_rules.rulebook import SHIPPED
    from callaudit.console import show_rows
    from callaudit.flows.settings import load_settings

    settings = load_settings(given.config)
    places = [place for folder in settings.rule_folders for place in (folder, folder / "scorecards")]
    own = {p.stem for place in places for p in place.glob("*.y*ml")}
    shipped = {p.stem for p in (SHIPPED / "scorecards").glob("*.yaml")}
    whose = {True: {True: "shipped, changed by you", False: "yours"}, False: {True: "shipped"}}
    rows = [
        {
            "scorecard": card.name,
            "title": card.title,
            "steps": len(card.steps),
            "rules": len(card.rules),
            "target": "" if card.target is None else f"{card.target:g}",
            "whose": whose[card.name in own][card.name in shipped],
            "reports": "this one" if card.name == settings.report.scorecard else "",
        }
        for card in current_rulebook(recogniser=False).scorecards.values()
    ]
    show_rows(rows, empty="No scorecards.")


@commands.command("show")
def scorecards_show(name: Annotated[str, typer.Argument(help="As `callaudit scorecards list` names it.")]) -> None:
    """Print a scorecard as YAML, with each rule's question; what it extends is worked in.

    Example: callaudit scorecards show house
    """
    from callaudit.audit_rules.written import card_text

    rulebook = current_rulebook(recogniser=False)
    typer.echo(card_text(rulebook.scorecard(name), {r.id: r.asks for r in rulebook.rules}), nl=False)


@commands.command("new")
def scorecards_new(
    name: Annotated[str, typer.Argument(metavar="NAME", help="In small letters: acme_care.", show_default=False)],
    extends: Annotated[str, typer.Option(metavar="CARD", help="The scorecard to start from.")] = "house",
) -> None:
    """Put a scorecard of your own into scorecards/: a form, explained line by line, that changes another one.

    Example: callaudit scorecards new acme_care --extends six_step_process
    """
    from callaudit.audit_rules.authoring.new_rule import new_scorecard
    from callaudit.console import out
    from callaudit.flows.settings import load_settings

    path = new_scorecard(load_settings(given.config).scorecards, name, extends, current_rulebook(recogniser=False))
    out.print(f"Wrote {path}: it scores as “{extends}” does until you change it.", markup=False)
    out.print(
        f"Next: [bold]callaudit scorecards lint[/]   and   [bold]callaudit scorecards diff {extends} {name}[/]   "
        f'then set [bold]scorecard = "{name}"[/] below \\[report] in callaudit.toml'
    )


@commands.command("lint")
def scorecards_lint(
    strict: Annotated[bool, typer.Option("--strict", help="Fail on warnings too.")] = False,
) -> None:
    """Check scorecards and rules: every mistake with file:line:column, then what is allowed and seldom meant."""
    from callaudit.audit_rules.authoring.lint import card_advice
    from callaudit.cli.rules import linted
    from callaudit.console import out
    from callaudit.flows.settings import load_settings

    rulebook = linted(load_settings(given.config))
    warnings = card_advice(rulebook)
    for warning in warnings:
        out.print(f"[yellow]warning:[/] [bold]{warning.rule_id}[/]", end=" ")
        out.print(warning.message, markup=False)
    said = counted(len(warnings), "warning") if warnings else "no problems"
    out.print(f"{counted(len(rulebook.scorecards), 'scorecard')}, version {rulebook.version}: {said}.")
    if strict and warnings:
        raise typer.Exit(SetupError.exit_code)


@commands.command("test")
def scorecards_test(
    name: Annotated[str, typer.Argument(metavar="[NAME]", help="Only this one.", show_default=False)] = "",
) -> None:
    """Score each scorecard's own example calls, and run the examples of every rule that stands on it.

    An example call stands in the scorecard's file, with the limits that its score must keep to: docs/scorecards.md.
    """
    from callaudit.audit_rules.authoring.examples import run_card_examples, run_examples
    from callaudit.cli.rules import show_outcomes
    from callaudit.console import out

    rulebook = current_rulebook()
    cards = [rulebook.scorecard(name)] if name else list(rulebook.scorecards.values())
    outcomes = [o for card in cards for o in run_card_examples(rulebook, card)]
    for outcome in (o for o in outcomes if not o.passed):
        asked = f"{outcome.example.at_least:g} to {outcome.example.at_most:g}{_failed(outcome.example.failed)}"
        value = "no score" if outcome.score is None else f"{outcome.score:.0f}"
        out.print(f"[bold red]{outcome.scorecard}[/] asks for {asked}, found {value}{_failed(outcome.failed)}")
        out.print("".join(f"    {line}\n" for line in outcome.example.call.strip().splitlines()), markup=False, end="")
    passed = sum(o.passed for o in outcomes)
    out.print(f"{passed} of {counted(len(outcomes), 'example call')} of {_named(cards)} pass.")
    rules_hold = show_outcomes(run_examples(rulebook, *dict.fromkeys(r for card in cards for r in card.rules)))
    if passed < len(outcomes) or not rules_hold:
        raise typer.Exit(SetupError.exit_code)


def _failed(failed: bool) -> str:
    return " and failed" if failed else ""


def _named(cards: "list[Scorecard]") -> str:
    return cards[0].name if len(cards) == 1 else counted(len(cards), "scorecard")


@commands.command("diff")
def scorecards_diff(
    old: Annotated[str, typer.Argument(metavar="OLD", help="A scorecard's name.")],
    new: Annotated[str, typer.Argument(metavar="NEW", help="Another one's.")],
    *,
    week: Annotated[str, typer.Option(help="Only the calls of this ISO week.")] = "",
    limit: Annotated[int, typer.Option(min=0, help="So many calls, the largest change first.")] = 20,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Score the calls you have by two scorecards and show what changes; verdicts stay as they are, nothing is stored.

    To see what a changed rule does: callaudit rules diff.

    Example: callaudit scorecards diff house acme_care --week 2026-W10
    """
    import msgspec

    from callaudit.cli.rules_diff import compare_scorecards, show_scores
    from callaudit.flows.settings import load_settings

    rulebook = current_rulebook(recogniser=False)
    found = compare_scorecards(
        load_settings(given.config), rulebook, rulebook.scorecard(old), rulebook.scorecard(new), week=week
    )
    if json:
        typer.echo(msgspec.json.format(msgspec.json.encode(found)))
    elif not given.quiet:
        show_scores(found, limit=limit, rest=f"--limit {len(found.changes)}")
