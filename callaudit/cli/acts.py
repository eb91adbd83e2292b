"""`callaudit acts`: what turns do, as the rules hear it: list, explain, measure, and learn from your own calls."""

from pathlib import Path
from typing import Annotated

import typer

from callaudit.cli.app import current_rulebook, given
from callaudit.transcription.errors import InputError

commands = typer.Typer(
    name="acts", help="List, explain, measure and teach the acts that rules speak of.", no_args_is_help=True
)


@commands.command("list")
def acts_list() -> None:
    """One line per act: who does it, its tag in the corpus, and what it means."""
    from callaudit.console import show_rows

    acts = current_rulebook().acts.values()
    rows: list[dict[str, object]] = [
        {"act": a.name, "who": a.who, "tag": a.tag, "means": a.means}
        for who in ("agent", "customer")
        for a in acts
        if a.who == who
    ]
    show_rows(rows, empty="No acts.")


@commands.command("show")
def acts_show(act: Annotated[str, typer.Argument(help="For example apologises_for.")]) -> None:
    """An act in words, with its phrases, the word lists they name, its examples, and the rules that ask for it."""
    from callaudit.audit_rules.phrases.language import lists_in
    from callaudit.console import out
    from callaudit.flows.acts import act_called, rules_asking_for

    rulebook = current_rulebook()
    found = act_called(rulebook, act)
    out.print(f"[bold]{found.name}[/]  {found.means}", end="\n")
    out.print(f"Not: {found.is_not}\n", markup=False)
    for title, lines in (("It is", found.examples), ("It is not", found.near_misses), ("Phrases", found.phrases)):
        for line in lines:
            out.print(f"  {title}: {line}", markup=False)
    for name in lists_in(found.phrases, rulebook.words):
        out.print(f"  <{name}>: {', '.join(rulebook.words[name])}", markup=False)
    out.print(f"\nRules: {', '.join(rules_asking_for(rulebook, found.name)) or 'none'}", markup=False)


@commands.command("explain")
def acts_explain(
    turn: Annotated[str, typer.Argument(metavar="TURN", help="What was said, in quotation marks.")],
    *,
    customer: Annotated[bool, typer.Option("--customer", help="The customer says it; otherwise the agent.")] = False,
    after: Annotated[
        list[str] | None,
        typer.Option(
            metavar="LINE", help="A line said before it, as “C: ...” or “A: ...”; may be given several times."
        ),
    ] = None,
    language: Annotated[str, typer.Option(metavar="CODE", help="What it is said in; es for Spanish.")] = "en",
) -> None:
    """Say what a turn does, how surely, by which witness, and which known line is nearest.

    Example: callaudit acts explain "no wonder you're cross, four calls" --after "C: nobody ever rings me back"
    """
    from callaudit.console import show_rows
    from callaudit.flows.acts import explain

    rows = explain(turn, current_rulebook(), customer=customer, before=after or (), language=language)
    show_rows(rows, empty="Nothing was recognised.")


@commands.command("evaluate")
def acts_evaluate(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Tagged calls: one file a call, one folder an author.")],
) -> None:
    """Measure how well acts are recognised in calls whose turns people tagged.

    The lines of a call look like “A[apolS own]: I'm sorry the van never came, I'll ring the depot”; the first line is
    “# accent: ... | industry: ... | quality: 1-5 | upset: no/mild/clear”. `callaudit acts list` has the tags.

    Example: callaudit acts evaluate tagged/
    """
    from callaudit.console import out, show_rows
    from callaudit.flows.acts import evaluate

    found, mean = evaluate(folder, current_rulebook())
    rows: list[dict[str, object]] = [
        {
            "act": a.act,
            "cases": a.cases,
            "precision": f"{a.precision:.2f}",
            "recall": f"{a.recall:.2f}",
            "F1": f"{a.f1:.2f}",
        }
        for a in found
    ]
    show_rows(rows, empty="No act has cases enough to say anything (8).")
    out.print(f"Mean F1 of {len(found)} acts: [bold]{mean:.3f}[/]")


@commands.command("learn")
def acts_learn(
    folder: Annotated[
        Path | None, typer.Argument(metavar="DIR", help="Your own tagged calls; or --reviews.", show_default=False)
    ] = None,
    *,
    reviews: Annotated[bool, typer.Option("--reviews", help="Learn from the reviews in the warehouse.")] = False,
    switch_on: Annotated[bool, typer.Option("--switch-on", help="Use what was learnt from the next run on.")] = False,
) -> None:
    """Recalibrate the recogniser on your own tagged calls or on reviews, with before and after on those held back.

    Half of the calls teach, the other half measures. What people overturned is listed with what it would become.
    Nothing is used until you say --switch-on; the rulebook's version then changes, and stored calls keep their verdicts
    until `callaudit reaudit`. The recogniser's words are learnt anew only by scripts/train_acts.py.

    Examples: callaudit acts learn tagged/     callaudit acts learn --reviews
    """
    from callaudit.console import out, show_rows
    from callaudit.flows.acts import learn, learn_from_people
    from callaudit.flows.settings import load_settings

    settings = load_settings(given.config)
    if reviews == (folder is not None):
        raise InputError("learn from what?", tries=("callaudit acts learn DIR", "callaudit acts learn --reviews"))
    if folder is not None:
        before, after, path = learn(folder, current_rulebook(), settings.rules, switch_on=switch_on)
        out.print(f"On the calls that were held back: mean F1 {before:.3f} before, [bold]{after:.3f}[/] after.")
    else:
        learnt, path = learn_from_people(settings, current_rulebook(), switch_on=switch_on)
        rows: list[dict[str, object]] = [
            {
                "call": c.reviewed.call_id,
                "rule": c.reviewed.rule_id,
                "act": c.reviewed.act,
                "was": c.reviewed.rule_verdict.value,
                "person": c.reviewed.verdict.value,
                "would be": c.would_be.value,
                "words": c.reviewed.quote,
            }
            for c in learnt.overturned
        ]
        show_rows(rows, empty="Nobody overturned a verdict that rests on an act.")
        out.print(
            f"On {learnt.measured_on} reviews that were held back: agreement {learnt.before:.1%} before, "
            f"[bold]{learnt.after:.1%}[/] after."
        )
    if path is not None:
        out.print(f"Switched on: {path} is used from the next run on.", markup=False)
    else:
        out.print("Nothing is changed yet; --switch-on uses it.")
