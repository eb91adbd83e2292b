"""`callaudit rules`: list, explain, check, test, compare and measure the rules."""

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from callaudit.cli.app import FLIPPED, counted, current_rulebook, given
from callaudit.transcription.errors import SetupError

if TYPE_CHECKING:
    from callaudit.audit_rules.authoring.examples import Outcome
    from callaudit.audit_rules.rulebook import Rulebook
    from callaudit.flows.settings import Settings

commands = typer.Typer(name="rules", help="List, explain, check and test the rules.", no_args_is_help=True)


@commands.command("list")
def rules_list(
    scorecard: Annotated[str, typer.Option(help="Only the rules of this scorecard, by its steps.")] = "",
) -> None:
    """One line per rule."""
    from callaudit.console import show_rows

    rulebook = current_rulebook(recogniser=False)
    asks = {r.id: r for r in rulebook.rules}
    if scorecard:
        card = rulebook.scorecard(scorecard)
        rows: list[dict[str, object]] = [
            {
                "step": f"{s.id} {s.title}",
                "rule": r,
                "weight": w,
                "critical": "critical" if r in card.critical else "",
                "asks": asks[r].asks,
            }
            for s in card.steps
            for r, w in s.rules.items()
        ]
    else:
        rows = [{"rule": r.id, "status": r.status, "applies": r.applies, "asks": r.asks} for r in rulebook.rules]
    show_rows(rows, empty="No rules.")


@commands.command("show")
def rules_show(rule_id: Annotated[str, typer.Argument(help="For example apology.given.")]) -> None:
    """Print a rule as YAML, ready to be pasted into a rule file of your own; what it extends is worked in.

    A pasted rule is yours from then on. To add a phrase and keep getting the shipped rule's fixes, write
    `extends:` instead: docs/scorecards.md.
    """
    from callaudit.audit_rules.written import rule_text

    typer.echo(rule_text(current_rulebook(recogniser=False).rule(rule_id)), nl=False)


@commands.command("lint")
def rules_lint(
    strict: Annotated[bool, typer.Option("--strict", help="Fail on warnings too.")] = False,
) -> None:
    """Check the rule files; every problem with file:line:column, then warnings.

    A warning is about a phrase that finds nothing or too much, a missing example, a form not filled in, a word list
    that replaces a shipped one. With rules of your own only those are warned about.
    """
    from callaudit.audit_rules.authoring.lint import advice
    from callaudit.console import out
    from callaudit.flows.settings import load_settings
    from callaudit.transcription.language import NAMES

    settings = load_settings(given.config)
    rulebook = linted(settings)
    own = _own(rulebook) if settings.rule_folders else set()
    warnings = [a for a in advice(rulebook) if a.rule_id in own] if own else []
    for warning in warnings:
        out.print(f"[yellow]warning:[/] [bold]{warning.rule_id}[/]", end=" ")
        out.print(warning.message, markup=False)
    many = counted(len(warnings), "warning") if warnings else "no problems"
    languages = " and ".join(NAMES[code] for code in rulebook.languages)
    out.print(
        f"{len(rulebook.rules)} rules, {len(rulebook.scorecards)} scorecards, in {languages}, "
        f"version {rulebook.version}: {many}."
    )
    if strict and warnings:
        raise typer.Exit(SetupError.exit_code)


def _own(rulebook: "Rulebook") -> set[str]:
    """What is not shipped as it stands, named as advice names it."""
    from callaudit.audit_rules.authoring.lint import own_wordings
    from callaudit.audit_rules.rulebook import load_rulebook

    shipped = load_rulebook(recogniser=False)
    return {
        *(rule.id for rule in rulebook.rules if rule not in shipped.rules),
        *(name for name, act in rulebook.acts.items() if act != shipped.acts.get(name)),
        *own_wordings(rulebook),
        *(f"<{name}>" for name, entries in rulebook.words.items() if entries != shipped.words.get(name)),
    }


def linted(settings: "Settings") -> "Rulebook":
    """The rules of the settings with the shipped ones; mistakes are printed, all of them, and that is the end."""
    from callaudit.audit_rules.rulebook import read_rulebook
    from callaudit.console import out

    rulebook, problems = read_rulebook(*settings.rule_folders, hours=settings.business_time)
    if rulebook is None:
        for problem in problems:
            out.print(f"[bold]{problem.file}:{problem.line}:{problem.column}[/]", end=" ")
            out.print(problem.message, markup=False)
        out.print(f"[bold red]{counted(len(problems), 'problem')}.[/]")
        raise typer.Exit(SetupError.exit_code)
    return rulebook


@commands.command("new")
def rules_new(rule_id: Annotated[str, typer.Argument(metavar="STEP.CRITERION", show_default=False)]) -> None:
    """Put a form for a new rule, on trial and explained line by line, into your rules folder.

    Example: callaudit rules new solution.offers_a_choice
    """
    from callaudit.audit_rules.authoring.new_rule import new_rule
    from callaudit.console import out
    from callaudit.flows.settings import load_settings

    path = new_rule(load_settings(given.config).rules, rule_id, current_rulebook())
    out.print(f"Wrote a form for {rule_id} to {path}: put your own words where it says FILL-IN.", markup=False)
    out.print(f"Next: [bold]callaudit rules lint[/]   and   [bold]callaudit rules test {rule_id}[/]")


@commands.command("schema")
def rules_schema() -> None:
    """Print the JSON Schema of rule files, for editors."""
    from callaudit.audit_rules.rule_files.schema import rule_schema

    typer.echo(rule_schema(), nl=False)


@commands.command("diff")
def rules_diff(
    old: Annotated[str, typer.Argument(metavar="OLD", help="shipped, . (your settings' rules), or a folder.")],
    new: Annotated[str, typer.Argument(metavar="NEW", help="The same; a folder adds to the shipped rules.")],
    golden: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Verdicts that must hold: call_id, rule_id, verdict as CSV or JSON lines."),
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Judge the stored calls by two rulebooks and show every verdict that flips; nothing is changed.

    Exit code 0: nothing flipped; 1: something did. With --golden only the golden verdicts decide: 0 if they hold,
    3 if the new rules break one.

    What people decided makes a golden file: callaudit query "select call_id, rule_id, verdict from reviews" -f csv

    Example: callaudit rules diff shipped . --golden golden.csv
    """
    import msgspec

    from callaudit.cli.rules_diff import compare_rulebooks, show_backtest
    from callaudit.flows.settings import load_settings

    found = compare_rulebooks(load_settings(given.config), old, new, golden=golden)
    if json:
        typer.echo(msgspec.json.format(msgspec.json.encode(found)))
    elif not given.quiet:
        show_backtest(found)
    if found.broken:
        raise typer.Exit(SetupError.exit_code)
    if found.flips and golden is None:
        raise typer.Exit(FLIPPED)


@commands.command("test")
def rules_test(
    rule_ids: Annotated[list[str] | None, typer.Argument(metavar="RULE", help="Only these.")] = None,
) -> None:
    """Run each rule on its own examples."""
    from callaudit.audit_rules.authoring.examples import run_examples

    rulebook = current_rulebook()
    for rule_id in rule_ids or []:
        rulebook.rule(rule_id)
    if not show_outcomes(run_examples(rulebook, *(rule_ids or []))):
        raise typer.Exit(SetupError.exit_code)


def show_outcomes(found: "Iterable[Outcome]") -> bool:
    """Print the examples that do not hold, and how many do; returns whether all do."""
    from callaudit.audit_rules.sentences import reason_of
    from callaudit.console import out

    outcomes = list(found)
    failed = [o for o in outcomes if not o.passed]
    for outcome in failed:
        judged = f"found {outcome.finding.verdict}: {reason_of(outcome.finding)}"
        out.print(f"[bold red]{outcome.rule_id}[/] claims {outcome.expected}, {judged}")
        out.print("".join(f"    {line}\n" for line in outcome.text.strip().splitlines()), markup=False, end="")
    out.print(f"{len(outcomes) - len(failed)} of {len(outcomes)} examples pass.")
    return not failed


@commands.command("evaluate")
def rules_evaluate(
    labelled: Annotated[
        Path | None,
        typer.Argument(metavar="FILE|DIR", help="Labelled utterances: CHECK.jsonl, or a folder of such files."),
    ] = None,
    *,
    calls: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Whole calls that people judged, as .csv or .jsonl.")
    ] = None,
    check: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="Only this check; may be given several times.")
    ] = None,
    mapping: Annotated[
        Path | None, typer.Option(metavar="FILE", help="YAML that maps further checks to rules.")
    ] = None,
    show_errors: Annotated[int, typer.Option(metavar="N", min=0, help="List the N worst errors of each kind.")] = 0,
    json: Annotated[
        bool, typer.Option("--json", help="Print one row for each utterance, or each call and rule, as JSON lines.")
    ] = False,
) -> None:
    """Measure the rules against people: precision, recall and F1, or agreement on whole calls.

    A line of FILE has conversation_id, turn, speaker, context, text, label, and sample, "random" where drawn blindly.

    A line of --calls has call_id, rule_id, verdict, reviewer; the rules' verdicts are those of the published copy.

    Example: callaudit rules evaluate labelled/ --check apology --show-errors 5
    """
    from callaudit.cli.evaluation import evaluate_calls, evaluate_utterances
    from callaudit.flows.settings import load_settings

    if labelled is None and calls is None:
        raise typer.BadParameter("give labelled utterances (FILE or DIR), or --calls FILE")
    if labelled is not None and calls is not None and json:
        raise typer.BadParameter("--json takes the rows of one kind: give either labelled utterances or --calls FILE")
    if show_errors and json:
        raise typer.BadParameter(
            "--show-errors lists errors below the table, and --json prints rows instead: give one of them"
        )
    if labelled is not None:
        evaluate_utterances(
            labelled, current_rulebook(), only=check or (), mapping=mapping, json_lines=json, errors=show_errors
        )
    if calls is not None:
        evaluate_calls(calls, load_settings(given.config).published, json_lines=json)
