"""Commands of the daily work: run, audit, transcribe, reaudit, erase, retain, scan."""

import os
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from callaudit.cli.app import DAILY, SOME_FAILED, SOMETHING_LEFT, counted, current_rulebook, given
from callaudit.transcription.errors import InputError, SetupError

if TYPE_CHECKING:
    from callaudit.flows.auditing.ledger import RunSummary
    from callaudit.flows.settings import Settings

commands = typer.Typer()


@commands.command(rich_help_panel=DAILY)
def run(
    folders: Annotated[
        list[Path] | None,
        typer.Argument(metavar="FOLDER", help="Look only here. Without it, in every source of callaudit.toml."),
    ] = None,
    retry_failed: Annotated[
        bool, typer.Option("--retry-failed", help="Also try again what was refused for its audio.")
    ] = False,
    runner: Annotated[
        str, typer.Option(help="here: this machine alone; dask: the workers of a Dask scheduler. As the settings say.")
    ] = "",
    scheduler: Annotated[str, typer.Option(metavar="ADDRESS", help="The Dask scheduler: tcp://HOST:8786.")] = "",
) -> None:
    """Audit every new recording: the nightly run.

    What was audited before is left alone, so a second run does nothing. Exit code 5 says that the run
    finished and some recordings were refused; `callaudit calls refused` says why.

    Example: callaudit run ~/recordings/2026-03-09
    """
    from callaudit.console import shown
    from callaudit.flows.auditing.interrupt import stops_at_once
    from callaudit.flows.settings import sources_of
    from callaudit.run import run_now

    settings = _scheduled(runner, scheduler)
    # Before anything is started, and before anything is made.
    sources_of(settings, *(folders or []))
    with stops_at_once(), shown(quiet=given.quiet):
        # An error is shown once, by `main`, not also as Prefect's trace.
        os.environ["PREFECT_LOGGING_LEVEL"] = "CRITICAL"
        summary = run_now(settings, folders or [], retry_failed=retry_failed)
    if not given.quiet:
        _say_summary(summary)
    if summary.quarantined:
        raise typer.Exit(SOME_FAILED)


def _scheduled(runner: str, scheduler: str) -> "Settings":
    """The settings, with the Dask scheduler that was asked for: "" in it is this machine alone."""
    from callaudit.flows.settings import load_settings, with_scheduler

    settings = load_settings(given.config)
    if runner not in {"", "here", "dask"}:
        raise InputError(f"there is no runner “{runner}”", tries=("callaudit run --runner dask", "--runner here"))
    asked = "" if runner == "here" else scheduler or settings.run.scheduler
    if runner == "dask" and not asked:
        raise SetupError(
            "which Dask scheduler?",
            why="Neither --scheduler nor [run] scheduler names one.",
            tries=("callaudit run --runner dask --scheduler tcp://HOST:8786",),
        )
    return with_scheduler(settings, asked)


def _say_summary(summary: "RunSummary") -> None:
    from callaudit.console import out
    from callaudit.reports.wording import long_time

    waiting = f" {summary.unsettled} still being written." if summary.unsettled else ""
    if summary.erased:
        kept = "1 recording was" if summary.erased == 1 else f"{summary.erased} recordings were"
        waiting += f" {kept} passed over: erased before."
    if not (summary.found or summary.quarantined or summary.already or summary.quarantined_before):
        out.print(f"[bold]Nothing to audit:[/] no recordings were found.{waiting}")
        return
    before = f", {summary.quarantined_before} in quarantine" if summary.quarantined_before else ""
    if not summary.found and not summary.quarantined:
        out.print(f"[bold]Nothing new:[/] {summary.already} recordings audited or refused before{before}.{waiting}")
        return
    if not summary.audited and not summary.quarantined:
        tried = counted(summary.found, "file")
        out.print(f"[bold]Nothing new:[/] {tried} tried again, and refused as before.{waiting}")
        out.print("\nNext: [bold]callaudit calls refused[/]")
        return
    refused = f" {summary.quarantined} refused." if summary.quarantined else ""
    copies = f" {summary.duplicates} copies of another file left out." if summary.duplicates else ""
    times = f" ({summary.times_real_time:.1f}x real time)" if summary.audio_seconds else ""
    speed = f" in {long_time(summary.elapsed_seconds)}{times}" if summary.audited else ""
    total = summary.audited + summary.quarantined
    out.print(f"\n[bold]{summary.audited} of {total} calls audited[/]{speed}.{refused}{copies}{waiting}")
    if summary.rules_judged:
        share = summary.rules_met / summary.rules_judged
        critical = f"{summary.critical_misses} critical miss{'' if summary.critical_misses == 1 else 'es'}"
        out.print(f"Rules met: {share:.1%} on {counted(summary.tense_calls, 'tense call')}. {critical}.")
    if summary.notice:
        out.print(f"[bold yellow]Note:[/] {summary.notice}")
    failed = "[bold]callaudit calls refused[/]   " if summary.quarantined else ""
    out.print(f"\nNext: {failed}[bold]callaudit calls list[/]   [bold]callaudit report --week newest[/]")


@commands.command(rich_help_panel=DAILY)
def audit(
    files: Annotated[list[Path], typer.Argument(metavar="FILE", help="Recordings or exports.", show_default=False)],
    scorecard: Annotated[str, typer.Option(help="The frame of the result.")] = "",
    agent_channel: Annotated[int, typer.Option(help="The agent's channel: 0 left, 1 right.")] = 0,
    agent: Annotated[str, typer.Option(help="What an export calls the agent: a name, ch_1, 2 ...")] = "",
) -> None:
    """Audit one or a few recordings, or exports of transcripts, now and print the scorecard, misses first.

    Nothing is stored.

    Example: callaudit audit call.wav --scorecard six_step_process
    """
    from callaudit.audit_rules.audit import audit as judge
    from callaudit.audit_rules.scorecard import score, unproven, verdicts_of
    from callaudit.console import out, show_error, show_scorecard
    from callaudit.flows.auditing.transcription_pool import choose_engine, read_arrival
    from callaudit.flows.settings import load_settings
    from callaudit.transcription.inbox import arrival_of
    from callaudit.transcription.transcribe import transcribe
    from callaudit.transcription.transcript import SpeakerRole

    settings = load_settings(given.config)
    rulebook = current_rulebook()
    card = rulebook.scorecard(scorecard or settings.report.scorecard)
    speakers = {agent: SpeakerRole.AGENT} if agent else {}
    engine = None
    refused: list[InputError] = []
    for file in files:
        try:
            arrival = arrival_of(file, zone=settings.site.timezone, agent_channel=agent_channel, speakers=speakers)
            if arrival.export:
                transcript = read_arrival(arrival, settings=settings.transcription)
            else:
                engine = engine or choose_engine(settings.engine, fetch=True)
                with out.status(f"listening to {file.name} with {engine.provenance.engine} ..."):
                    transcript = transcribe(arrival, engine, settings=settings.transcription, spill=settings.decoded)
        except InputError as error:
            # One file that cannot be read stops none of the others.
            refused.append(error)
            if len(files) > 1:
                show_error(error)
            continue
        found = judge(transcript, rulebook)
        scored = score(verdicts_of(found.findings), rulebook, card, unproven=unproven(found.findings))
        show_scorecard(file.name, transcript, found, scored, rulebook)
    if len(files) == 1 and refused:
        raise refused[0]
    if refused:
        raise typer.Exit(SOME_FAILED)


@commands.command(rich_help_panel=DAILY)
def transcribe(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A recording or an export.", show_default=False)],
    output: Annotated[str, typer.Option("--format", "-f", help="text, json, vtt or srt.")] = "",
    target: Annotated[
        Path | None, typer.Option("--out", "-o", metavar="FILE", help="Write here; the name's ending tells the format.")
    ] = None,
    agent_channel: Annotated[int, typer.Option(help="The agent's channel: 0 left, 1 right.")] = 0,
    agent: Annotated[str, typer.Option(help="What an export calls the agent: a name, ch_1, 2 ...")] = "",
) -> None:
    """Write down what is said in a recording, with who says it; nothing is stored.

    Personal data is masked ("[card]", "[phone]") unless the settings say redact = false.

    Example: callaudit transcribe call.wav --out call.vtt
    """
    from callaudit.cli.transcript_file import FORMATS, transcript_of
    from callaudit.flows.access import write_whole
    from callaudit.transcription.captions import written

    form = output or (target.suffix.removeprefix(".").lower() if target else "text")
    if form not in FORMATS:
        wrong = "" if output or target is None else f"{target}: the ending does not tell a format."
        raise InputError(
            f"“{form}” is no format", why=wrong, tries=tuple(f"--format {f}" for f in dict.fromkeys(FORMATS.values()))
        )
    said = written(transcript_of(file, config=given.config, agent_channel=agent_channel, agent=agent), FORMATS[form])
    if target is None:
        typer.echo(said, nl=False)
    else:
        write_whole(target, said)


@commands.command(rich_help_panel=DAILY)
def reaudit(
    since: Annotated[datetime | None, typer.Option(formats=["%Y-%m-%d"], help="Only calls from this day on.")] = None,
    week: Annotated[str, typer.Option(help="Only calls of this ISO week.")] = "",
    every: Annotated[bool, typer.Option("--all", help="Every stored call.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say how many calls; change nothing.")] = False,
) -> None:
    """Judge stored calls by changed rules, without their audio; old findings stay beside the new ones.

    Reports show the newest rules that judged a call. `callaudit rules diff` shows beforehand what would turn,
    `callaudit query "from verdict_changes"` afterwards what did.

    Example: callaudit reaudit --week 2026-W10
    """
    from callaudit.console import out, shown
    from callaudit.flows.auditing.reaudit_run import audit_again
    from callaudit.flows.settings import load_settings

    if not (since or week or every):
        raise InputError("which calls?", tries=("--all", "--since 2026-03-01", "--week 2026-W10"))
    settings = load_settings(given.config)
    with shown(quiet=given.quiet):
        done = audit_again(settings, since=since.date() if since else None, week=week or None, dry_run=dry_run)
    if given.quiet:
        return
    if not done.calls:
        out.print(f"Rulebook {done.rulebook} has judged all of them already.")
        return
    before = ", ".join(f"{calls} by {version}" for version, calls in done.former.items())
    if dry_run:
        out.print(f"{counted(done.calls, 'call')} would be judged by rulebook {done.rulebook} (now: {before}).")
        return
    out.print(f"[bold]{counted(done.calls, 'call')}[/] judged by rulebook {done.rulebook} (before: {before}).")
    out.print(f"{counted(done.verdicts_changed, 'verdict')} turned: [bold]callaudit query 'from verdict_changes'[/]")
    if done.weeks:
        weeks = done.weeks[0] if len(done.weeks) == 1 else f"{done.weeks[0]} to {done.weeks[-1]}"
        out.print(f"Pages made before show the old verdicts: [bold]callaudit report --week ...[/] for {weeks}.")


@commands.command(rich_help_panel=DAILY)
def erase(
    call: Annotated[str, typer.Option(metavar="ID", help="One call, as `callaudit calls list` shows it.")] = "",
    customer: Annotated[str, typer.Option(metavar="ID", help="Every call of a customer.")] = "",
    reason: Annotated[str, typer.Option(metavar="TEXT", help="Kept with the count; no names.")] = "",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would go; change nothing.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> None:
    """Remove every trace of a call or a customer: warehouse, published copies, pages, sound, unfinished work.

    What stays is a count in its week and a hash that keeps its recording from being audited again. Your own recordings
    are not touched; they are named, for you to delete. Exit code 1: a search afterwards still found an id or a name.

    Example: callaudit erase --customer K-4711 --reason "request of 3 March"
    """
    from callaudit.cli.erasure_output import show_erased, show_removal
    from callaudit.console import out
    from callaudit.flows.erasure.erase import erase_now, plan_erasure
    from callaudit.flows.erasure.file_search import prefect_history
    from callaudit.flows.erasure.own_files import own_files
    from callaudit.flows.settings import load_settings

    if bool(call) == bool(customer):
        raise InputError("what is to be erased?", tries=("--call ID", "--customer ID"))
    settings = load_settings(given.config)
    if dry_run or not yes:
        planned = plan_erasure(settings, call_id=call, customer_id=customer, reason=reason)
        names = {*planned.gone.names, *planned.gone.calls} - {*planned.shared}
        show_removal(planned, own_files(settings, names))
    if dry_run:
        return
    if not yes and not typer.confirm("Remove all of it for good?"):
        out.print("Nothing was changed.")
        return
    done = erase_now(settings, call_id=call, customer_id=customer, reason=reason, also=prefect_history())
    if not given.quiet:
        show_erased(done)
    if done.rows_left or done.files_left:
        raise typer.Exit(SOMETHING_LEFT)


@commands.command("retain", rich_help_panel=DAILY)
def keep_only_so_long(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="List what is past its age; change nothing.")] = False,
) -> None:
    """Remove audio copies, words and calls that are past their age; every run does it at its end.

    Example: callaudit retain --dry-run
    """
    from callaudit.cli.erasure_output import show_retained
    from callaudit.flows.erasure.retention import retain
    from callaudit.flows.settings import load_settings

    settings = load_settings(given.config)
    found = retain(settings, dry_run=dry_run)
    if not given.quiet:
        show_retained(found, settings.retention)


@commands.command("scan", rich_help_panel=DAILY)
def scan_stored() -> None:
    """Look for personal data that is left in the warehouse, its copies, unfinished work, and every file that was made.

    Says where, never what. Exit code 0: nothing is left; 1: something is.
    """
    from callaudit.console import out, show_rows
    from callaudit.flows.erasure.personal_data_scan import leftovers
    from callaudit.flows.settings import load_settings

    left = leftovers(load_settings(given.config))
    if not left:
        out.print("Nothing personal was found.")
        return
    show_rows(
        [
            {"call or file": one.where, "place": one.place, "kind": one.kind, "in": ", ".join(one.copies)}
            for one in left
        ],
        empty="",
    )
    raise typer.Exit(SOMETHING_LEFT)
