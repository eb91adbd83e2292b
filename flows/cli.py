"""The command line: parse, call, print. Every command imports what it needs, so that --help answers at once."""

import atexit
import os
import sys
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from transcription.errors import CallauditError, InputError, SetupError

if TYPE_CHECKING:
    from audit_rules.rule import Scorecard
    from audit_rules.rulebook import Rulebook
    from flows.audit_run import RunSummary
    from reports import Format

app = typer.Typer(
    name="callaudit",
    help="Audit call recordings for de-escalation steps and report on them.\n\n"
    "Start:   callaudit init  then  callaudit doctor  then  callaudit audit call.wav\n\n"
    "Nightly: callaudit run\n\n"
    "Weekly:  callaudit report --week last",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
rules_app = typer.Typer(name="rules", help="List, explain, check and test the rules.", no_args_is_help=True)
calls_app = typer.Typer(
    name="calls", help="Find calls, see why one was refused, open a call's page.", no_args_is_help=True
)
models_app = typer.Typer(name="models", help="List or fetch Whisper weights.", no_args_is_help=True)
review_app = typer.Typer(
    name="review", help="Have people judge findings, and compare them with the rules.", no_args_is_help=True
)
app.add_typer(rules_app, rich_help_panel="Daily work")
app.add_typer(review_app, rich_help_panel="Daily work")
app.add_typer(calls_app, rich_help_panel="Reading results")
app.add_typer(models_app, rich_help_panel="Setting up")

SETUP, DAILY, READING = "Setting up", "Daily work", "Reading results"
FLIPPED = 1
SOMETHING_LEFT = 1
SOME_FAILED = 5
STOPPED = 130


class _Global:
    config: Path | None = None
    quiet: bool = False


def _version(asked: bool) -> None:
    if asked:
        from importlib.metadata import version

        typer.echo(f"callaudit {version('call-audit')}")
        raise typer.Exit


@app.callback()
def options(
    config: Annotated[
        Path | None,
        typer.Option(
            "--config",
            "-c",
            metavar="FILE",
            envvar="CALLAUDIT_CONFIG",
            help="Use this file instead of ./callaudit.toml.",
        ),
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print errors only.")] = False,
    version: Annotated[
        bool, typer.Option("--version", "-V", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Options that come before the command."""
    _Global.config = config
    _Global.quiet = quiet


@app.command(rich_help_panel=SETUP)
def init(
    show: Annotated[bool, typer.Option("--show", help="Print the example instead of writing it.")] = False,
    preset: Annotated[
        str, typer.Option(help="The recorder: amazon-connect, asterisk, genesys-cloud, puzzel, twilio, twilio-flex.")
    ] = "",
) -> None:
    """Make callaudit.toml, an inbox, a rules folder and the warehouse."""
    from flows.console import out
    from flows.settings import FILE_NAME, load_settings
    from transcription.inbox import presets
    from warehouse.connect import open_writer

    example = (Path(__file__).parent / "example.toml").read_text(encoding="utf-8")
    if preset:
        if preset not in presets():
            raise InputError(f"there is no preset “{preset}”", why=f"There are: {', '.join(presets())}.")
        example = example.replace('# preset = ""  ', f'preset = "{preset}"', 1)
    if show:
        typer.echo(example)
        return
    file = _Global.config or Path(FILE_NAME)
    if file.exists():
        raise SetupError(f"{file} is already there", tries=("callaudit doctor", "callaudit init --show  (an example)"))
    file.write_text(example, encoding="utf-8")
    settings = load_settings(file)
    for folder in (settings.root / "inbox", settings.root / settings.paths.rules):
        folder.mkdir(exist_ok=True)
    open_writer(settings.warehouse).close()
    out.print(f"Wrote {file}, inbox/, rules/ and {settings.warehouse}.")
    out.print("Next: [bold]callaudit doctor[/]   then put recordings into inbox/ and   [bold]callaudit run[/]")


@app.command(rich_help_panel=SETUP)
def doctor() -> None:
    """Check that everything a run needs is in place."""
    from rich.markup import escape

    from flows.console import out
    from flows.doctor import examine

    colour = {"ok": "green", "warn": "yellow", "FAIL": "bold red"}
    checks = list(examine(_Global.config))
    for check in checks:
        out.print(f"[{colour[check.state]}]{check.state:<4}[/] {check.name:<16} {escape(check.says)}")
    problems = [c for c in checks if c.state == "FAIL"]
    warnings = [c for c in checks if c.state == "warn"]
    out.print(f"\n{_counted(len(problems), 'problem')}, {_counted(len(warnings), 'warning')}.")
    for step in dict.fromkeys(c.next_step for c in (*problems, *warnings) if c.next_step):
        out.print(f"  [cyan]try:[/] {escape(step)}")
    if problems:
        raise typer.Exit(SetupError.exit_code)


@app.command(name="inbox", rich_help_panel=SETUP)
def look_into_inbox(
    folders: Annotated[
        list[Path] | None,
        typer.Argument(metavar="FOLDER", help="Look only here. Without it, in every source of callaudit.toml."),
    ] = None,
    show: Annotated[int, typer.Option(min=0, help="How many files of each source to explain.")] = 5,
) -> None:
    """Show what each source holds and how its files would be understood; nothing is audited or stored.

    Example: callaudit inbox --show 20
    """
    from flows.console import out, show_source
    from flows.settings import load_settings
    from transcription.inbox import preview

    sources = load_settings(_Global.config).inbox_sources(*(folders or ()))
    if not sources:
        raise InputError("no source of recordings is set", tries=("callaudit inbox FOLDER", "callaudit init --show"))
    refused = 0
    for source in sources:
        seen = preview(source, show=show)
        show_source(source, seen)
        refused += sum(one.refused is not None for one in seen.first)
    out.print("\nHow to describe a source: docs/inbox.md" if refused else "\nNext: [bold]callaudit run[/]")


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


@app.command(rich_help_panel=DAILY)
def run(
    folders: Annotated[
        list[Path] | None,
        typer.Argument(metavar="FOLDER", help="Look only here. Without it, in every source of callaudit.toml."),
    ] = None,
    retry_failed: Annotated[
        bool, typer.Option("--retry-failed", help="Also try again what was refused for its audio.")
    ] = False,
) -> None:
    """Audit every new recording: the nightly run.

    What was audited before is left alone, so a second run does nothing. Exit code 5 says that the run
    finished and some recordings were refused; `callaudit calls refused` says why.

    Example: callaudit run ~/recordings/2026-03-09
    """
    from flows.console import out, shown
    from flows.interrupt import stops_at_once

    with stops_at_once(), shown(quiet=_Global.quiet):
        if not _Global.quiet:
            out.print("[dim]starting Prefect ...[/]")
        # An error is shown once, by `main`, not also as Prefect's trace.
        os.environ["PREFECT_LOGGING_LEVEL"] = "CRITICAL"
        from flows.nightly_audit import nightly_audit

        summary = nightly_audit(
            config=str(_Global.config) if _Global.config else None,
            folders=[str(f) for f in folders or []],
            retry_failed=retry_failed,
        )
    if not _Global.quiet:
        _say_summary(summary)
    if summary.quarantined:
        raise typer.Exit(SOME_FAILED)


def _say_summary(summary: "RunSummary") -> None:
    from flows.console import out

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
    refused = f" {summary.quarantined} refused." if summary.quarantined else ""
    copies = f" {summary.duplicates} copies of another file left out." if summary.duplicates else ""
    times = f" ({summary.times_real_time:.1f}x real time)" if summary.audio_seconds else ""
    speed = f" in {summary.elapsed_seconds:.0f} s{times}" if summary.audited else ""
    total = summary.audited + summary.quarantined
    out.print(f"\n[bold]{summary.audited} of {total} calls audited[/]{speed}.{refused}{copies}{waiting}")
    if summary.steps_judged:
        share = summary.steps_met / summary.steps_judged
        out.print(
            f"Rules met: {share:.1%} on {summary.tense_calls} tense calls. {summary.critical_misses} critical misses."
        )
    if summary.notice:
        out.print(f"[bold yellow]Note:[/] {summary.notice}")
    failed = "[bold]callaudit calls refused[/]   " if summary.quarantined else ""
    out.print(f"\nNext: {failed}[bold]callaudit calls list[/]   [bold]callaudit report --week newest[/]")


@app.command(rich_help_panel=DAILY)
def audit(
    files: Annotated[list[Path], typer.Argument(metavar="FILE", help="Recordings or exports.", show_default=False)],
    scorecard: Annotated[str, typer.Option(help="The frame of the result.")] = "",
    agent_channel: Annotated[int, typer.Option(help="The agent's channel: 0 left, 1 right.")] = 0,
    agent: Annotated[str, typer.Option(help="What an export calls the agent: a name, ch_1, 2 ...")] = "",
) -> None:
    """Audit one or a few recordings, or exports of transcripts, now and print the scorecard; nothing is stored.

    Example: callaudit audit call.wav --scorecard six_step_process
    """
    from audit_rules.audit import audit as judge
    from audit_rules.rulebook import load_rulebook
    from audit_rules.scorecard import score
    from flows.console import out, show_scorecard
    from flows.recognition import choose_engine, read_arrival
    from flows.settings import load_settings
    from transcription.inbox import arrival_of
    from transcription.transcribe import transcribe
    from transcription.transcript import SpeakerRole

    settings = load_settings(_Global.config)
    rulebook = load_rulebook(*settings.rule_folders)
    card = _scorecard(rulebook, scorecard or settings.report.scorecard)
    speakers = {agent: SpeakerRole.AGENT} if agent else {}
    engine = None
    for file in files:
        arrival = arrival_of(file, zone=settings.site.timezone, agent_channel=agent_channel, speakers=speakers)
        if arrival.export:
            transcript = read_arrival(arrival, settings=settings.transcription)
        else:
            engine = engine or choose_engine(settings.engine, fetch=True)
            with out.status(f"listening to {file.name} with {engine.provenance.engine} ..."):
                transcript = transcribe(arrival, engine, settings=settings.transcription)
        found = judge(transcript, rulebook)
        show_scorecard(transcript, found, score(found, rulebook, card), rulebook)


@app.command(rich_help_panel=DAILY)
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
    from flows.transcript_file import FORMATS, transcript_of, write_whole
    from transcription.captions import written

    form = output or (target.suffix.removeprefix(".").lower() if target else "text")
    if form not in FORMATS:
        wrong = "" if output or target is None else f"{target}: the ending does not tell a format."
        raise InputError(
            f"“{form}” is no format", why=wrong, tries=tuple(f"--format {f}" for f in dict.fromkeys(FORMATS.values()))
        )
    said = written(transcript_of(file, config=_Global.config, agent_channel=agent_channel, agent=agent), FORMATS[form])
    if target is None:
        typer.echo(said, nl=False)
    else:
        write_whole(target, said)


@app.command(rich_help_panel=DAILY)
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
    from flows.audit_again import audit_again
    from flows.console import out, shown
    from flows.settings import load_settings

    if not (since or week or every):
        raise InputError("which calls?", tries=("--all", "--since 2026-03-01", "--week 2026-W10"))
    settings = load_settings(_Global.config)
    with shown(quiet=_Global.quiet):
        done = audit_again(settings, since=since.date() if since else None, week=week or None, dry_run=dry_run)
    if _Global.quiet:
        return
    if not done.calls:
        out.print(f"Rulebook {done.rulebook} has judged all of them already.")
        return
    before = ", ".join(f"{calls} by {version}" for version, calls in done.former.items())
    if dry_run:
        out.print(f"{_counted(done.calls, 'call')} would be judged by rulebook {done.rulebook} (now: {before}).")
        return
    out.print(f"[bold]{_counted(done.calls, 'call')}[/] judged by rulebook {done.rulebook} (before: {before}).")
    out.print(f"{_counted(done.verdicts_changed, 'verdict')} turned: [bold]callaudit query 'from verdict_changes'[/]")
    if done.weeks:
        weeks = done.weeks[0] if len(done.weeks) == 1 else f"{done.weeks[0]} to {done.weeks[-1]}"
        out.print(f"Pages made before show the old verdicts: [bold]callaudit report --week ...[/] for {weeks}.")


@app.command(rich_help_panel=DAILY)
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
    from flows.console import out
    from flows.erasure import erase_now, plan_erasure
    from flows.removal_shown import show_erased, show_removal
    from flows.settings import load_settings

    if bool(call) == bool(customer):
        raise InputError("what is to be erased?", tries=("--call ID", "--customer ID"))
    settings = load_settings(_Global.config)
    if dry_run or not yes:
        show_removal(plan_erasure(settings, call_id=call, customer_id=customer, reason=reason))
    if dry_run:
        return
    if not yes and not typer.confirm("Remove all of it for good?"):
        out.print("Nothing was changed.")
        return
    done = erase_now(settings, call_id=call, customer_id=customer, reason=reason)
    if not _Global.quiet:
        show_erased(done)
    if done.rows_left or done.files_left:
        raise typer.Exit(SOMETHING_LEFT)


@app.command("retain", rich_help_panel=DAILY)
def keep_only_so_long(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="List what is past its age; change nothing.")] = False,
) -> None:
    """Remove audio copies, words and calls that are past the age in `[retention]`; every run does it at its end.

    Example: callaudit retain --dry-run
    """
    from flows.removal_shown import show_retained
    from flows.retention import retain
    from flows.settings import load_settings

    settings = load_settings(_Global.config)
    found = retain(settings, dry_run=dry_run)
    if not _Global.quiet:
        show_retained(found, settings.retention)


@app.command("scan", rich_help_panel=DAILY)
def scan_stored() -> None:
    """Look for personal data that is left in the warehouse, in unfinished work and in the report pages.

    Says where, never what. Exit code 0: nothing is left; 1: something is.
    """
    from flows.console import out, show_rows
    from flows.leftover_scan import leftovers
    from flows.settings import load_settings

    left = leftovers(load_settings(_Global.config))
    if not left:
        out.print("Nothing personal was found.")
        return
    show_rows([{"call or file": one.where, "place": one.place, "kind": one.kind} for one in left], empty="")
    raise typer.Exit(SOMETHING_LEFT)


def _scorecard(rulebook: "Rulebook", name: str) -> "Scorecard":
    if name not in rulebook.scorecards:
        raise InputError(f"no scorecard is called “{name}”", why=f"There are: {', '.join(rulebook.scorecards)}.")
    return rulebook.scorecards[name]


@app.command(rich_help_panel=READING)
def report(
    week: Annotated[str, typer.Option(help="last, newest, or an ISO week such as 2026-W10.")] = "last",
    scorecard: Annotated[str, typer.Option(help="The frame of the report. Default: the settings' own.")] = "",
    forms: Annotated[
        list[str] | None,
        typer.Option("--format", "-f", help="Also xlsx, pdf, markdown (for chat), csv; may be given several times."),
    ] = None,
) -> None:
    """Make the weekly report and the pages of its calls; other forms are written beside it.

    Example: callaudit report --week 2026-W10 --format xlsx --format pdf
    """
    from flows.console import out
    from flows.pages import make_report
    from flows.settings import load_settings

    settings = load_settings(_Global.config)
    with out.status("making the pages ..."):
        files = make_report(
            settings, week=week, scorecard=scorecard or settings.report.scorecard, formats=_formats(forms or [])
        ).files
    out.print(f"Week {files.week}: [bold]{files.weekly}[/] and {len(files.call_pages)} call pages.")
    for path in files.beside:
        out.print(f"         {path}", markup=False)


def _formats(given: "list[str]") -> "tuple[Format, ...]":
    import msgspec

    from reports import Format

    try:
        return msgspec.convert([one.lower() for one in given], tuple[Format, ...])
    except msgspec.ValidationError as error:
        raise InputError(
            f"“{', '.join(given)}” is no format of a report",
            tries=tuple(f"--format {one}" for one in ("html", "xlsx", "pdf", "markdown", "csv")),
        ) from error


@app.command(rich_help_panel=READING)
def mail(
    week: Annotated[str, typer.Option(help="last, newest, or an ISO week such as 2026-W10.")] = "last",
    scorecard: Annotated[str, typer.Option(help="The frame of the report. Default: the settings' own.")] = "",
    to: Annotated[
        list[str] | None, typer.Option(metavar="ADDRESS", help="Send to these instead of the settings' [mail] to.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Send nothing: write the mail as an .eml file.")] = False,
    again: Annotated[bool, typer.Option("--again", help="Send also to those who have this week's mail.")] = False,
) -> None:
    """Make the weekly report and mail it; nobody gets the same week twice.

    Example: callaudit mail --week last --dry-run
    """
    from flows.console import out
    from flows.settings import load_settings
    from flows.weekly_mail import send_weekly, write_draft

    settings = load_settings(_Global.config)
    card = scorecard or settings.report.scorecard
    if dry_run:
        with out.status("writing the mail ..."):
            draft = write_draft(settings, week=week, scorecard=card, to=to or ())
        out.print(f"Nothing was sent. The mail is in {draft}", markup=False)
        return
    with out.status("making and sending the mail ..."):
        posted = send_weekly(settings, week=week, scorecard=card, to=to or (), again=again)
    if posted.sent:
        out.print(f"Week {posted.week} was mailed to {', '.join(posted.sent)}.", markup=False)
    if posted.already:
        changed = " The report has changed since." if posted.changed else ""
        out.print(
            f"Week {posted.week} had been mailed to {', '.join(posted.already)} before.{changed} "
            "To send it once more: callaudit mail --again",
            markup=False,
        )


@app.command(rich_help_panel=READING)
def query(
    sql: Annotated[str, typer.Argument(metavar="SQL|NAME", help="SQL, or the name of a saved query.")] = "",
    values: Annotated[
        list[str] | None, typer.Argument(metavar="VALUE=...", help="What to ask with: agent='Marco Lee'.")
    ] = None,
    *,
    output: Annotated[
        str, typer.Option("--output", "--format", "-f", help="table, csv, json, markdown or parquet.")
    ] = "",
    target: Annotated[
        Path | None, typer.Option("--out", "-o", metavar="FILE", help="Write here; the name's ending tells the format.")
    ] = None,
    show_saved: Annotated[bool, typer.Option("--list", help="List the saved queries and what they take.")] = False,
) -> None:
    """Ask the warehouse (read-only). Without SQL, list the saved queries.

    Example: callaudit query 'select call_id, score from call_scorecards order by score'

    Example: callaudit query one_agent agent='Marco Lee' --out marco.csv
    """
    from flows.console import out, show_rows
    from flows.query_output import format_of, question, write_answer
    from flows.settings import load_settings
    from warehouse.connect import open_published
    from warehouse.queries import saved_queries

    if show_saved or not sql:
        rows = [
            {"name": q.name, "question": q.title, "values": ", ".join(v.name for v in q.values)}
            for q in saved_queries().values()
        ]
        show_rows(rows, empty="No saved queries.")
        out.print("\nNext: [bold]callaudit query NAME[/]   or   [bold]callaudit query 'from (show tables)'[/]")
        return
    form = format_of(output, target)
    with open_published(load_settings(_Global.config).published) as published:
        asked, given = question(published, sql, values or ())
        count = write_answer(published, asked, given, output=form, target=target)
    if target is not None and not _Global.quiet:
        out.print(f"{target}: {_counted(count, 'row')}.", markup=False)


@app.command(rich_help_panel=READING)
def export(
    views: Annotated[
        list[str] | None, typer.Argument(metavar="VIEW", help="Only these views. Without it, all but the words.")
    ] = None,
    folder: Annotated[
        Path | None, typer.Option("--out", "-o", metavar="FOLDER", help="Default: export/ beside the published copy.")
    ] = None,
) -> None:
    """Write the views as Parquet files by week, for pandas, Spark or a lake; a former export is replaced.

    Example: callaudit export --out ~/lake/calls
    """
    from flows.console import out, show_rows
    from flows.settings import load_settings
    from warehouse.connect import open_published
    from warehouse.export import export_views

    settings = load_settings(_Global.config)
    target = folder or settings.export
    with open_published(settings.published) as published:
        written = export_views(published, target, views=tuple(views or ()))
    if not _Global.quiet:
        show_rows([{"view": w.name, "rows": w.rows, "files": w.files} for w in written], empty="")
        out.print(f"\n{target}", markup=False)


@app.command(rich_help_panel=READING)
def dictionary(
    target: Annotated[
        Path | None,
        typer.Option("--out", "-o", metavar="FILE", help="Default: dictionary.html beside the weekly reports."),
    ] = None,
) -> None:
    """Make a page that explains every view, table, column and macro, with sample queries run on your calls."""
    from flows.console import out
    from flows.settings import load_settings
    from reports import dictionary as page
    from warehouse.connect import open_published

    settings = load_settings(_Global.config)
    with open_published(settings.published) as published:
        out.print(str(page.render(published, out=target or settings.reports / "dictionary.html")), markup=False)


@calls_app.command("list")
def calls_list(
    week: Annotated[str, typer.Option(help="Only this ISO week.")] = "",
    tense: Annotated[bool, typer.Option("--tense", help="Only tense calls.")] = False,
) -> None:
    """One line per call, the lowest score first."""
    from flows.console import show_rows
    from flows.settings import load_settings
    from warehouse.connect import open_published

    settings = load_settings(_Global.config)
    with open_published(settings.published) as published:
        rows = published.rows(
            """
            select c.call_id, c.started_local as started, c.agent_name as agent, c.queue,
                   case when c.tense then 'tense' else '' end as tense,
                   round(s.score)::int as score, s.critical_misses as critical,
                   round(100 * s.coverage)::int as "judged %"
            from calls c left join call_scorecards s on s.call_id = c.call_id and s.scorecard = $card
            where ($week = '' or c.iso_week = $week) and (c.tense or not $tense)
            order by s.score nulls last, c.call_id
            """,
            {"card": settings.report.scorecard, "week": week, "tense": tense},
        )
    show_rows(rows, empty="No calls.")


@calls_app.command("refused")
def calls_refused() -> None:
    """The files that could not be audited, with the reason and the next step."""
    from flows.console import show_rows
    from flows.settings import load_settings
    from warehouse.connect import open_published

    with open_published(load_settings(_Global.config).published) as published:
        rows = published.rows("select path as file, code, reason, next_step as try from not_audited order by path")
    show_rows(rows, empty="Nothing is in quarantine.")


@calls_app.command("show")
def calls_show(
    call_id: Annotated[str, typer.Argument(help="As `callaudit calls list` shows it.")],
) -> None:
    """Make a call's page and say where it is."""
    from flows.console import out
    from flows.pages import render_call
    from flows.settings import load_settings
    from warehouse.connect import open_published

    settings = load_settings(_Global.config)
    with open_published(settings.published) as published:
        out.print(str(render_call(settings, published, call_id)))


@rules_app.command("list")
def rules_list(
    scorecard: Annotated[str, typer.Option(help="Only the rules of this scorecard, by its steps.")] = "",
) -> None:
    """One line per rule."""
    from flows.console import show_rows

    rulebook = _rulebook()
    asks = {r.id: r for r in rulebook.rules}
    if scorecard:
        card = _scorecard(rulebook, scorecard)
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


@rules_app.command("show")
def rules_show(rule_id: Annotated[str, typer.Argument(help="For example apology.given.")]) -> None:
    """A rule in words, with its phrases and examples."""
    import msgspec
    import yaml

    from flows.console import out

    rule = _rulebook().rule(rule_id)
    out.print(f"[bold]{rule.id}[/]  {rule.asks}\n{rule.why}\n")
    block = msgspec.to_builtins(rule)
    kept = {k: v for k, v in block.items() if v not in (None, (), [], False) and k not in ("id", "asks", "why")}
    typer.echo(yaml.safe_dump(kept, sort_keys=False, allow_unicode=True, width=100))


@rules_app.command("lint")
def rules_lint(
    strict: Annotated[bool, typer.Option("--strict", help="Fail on warnings too.")] = False,
) -> None:
    """Check the rule files; every problem with file:line:column, then warnings.

    A warning is about a phrase that finds nothing or too much, a missing example, a form not filled in. With rules
    of your own only those are warned about.
    """
    from audit_rules.lint import advice
    from audit_rules.rulebook import RulebookError, load_rulebook, read_rulebook
    from flows.console import out
    from flows.settings import load_settings

    folders = load_settings(_Global.config).rule_folders
    rulebook, problems = read_rulebook(*folders)
    if problems or rulebook is None:
        raise RulebookError(problems)
    theirs = load_rulebook().rules if folders else ()
    own = {r.id for r in rulebook.rules if r not in theirs}
    warnings = [a for a in advice(rulebook) if a.rule_id in own] if own else []
    for warning in warnings:
        out.print(f"[yellow]warning:[/] [bold]{warning.rule_id}[/]", end=" ")
        out.print(warning.message, markup=False)
    many = f"{len(warnings)} warning{'' if len(warnings) == 1 else 's'}" if warnings else "no problems"
    out.print(
        f"{len(rulebook.rules)} rules, {len(rulebook.scorecards)} scorecards, version {rulebook.version}: {many}."
    )
    if strict and warnings:
        raise typer.Exit(SetupError.exit_code)


@rules_app.command("new")
def rules_new(rule_id: Annotated[str, typer.Argument(metavar="STEP.CRITERION", show_default=False)]) -> None:
    """Put a form for a new rule, on trial and explained line by line, into your rules folder.

    Example: callaudit rules new solution.offers_a_choice
    """
    from audit_rules.new_rule import new_rule
    from flows.console import out
    from flows.settings import load_settings

    path = new_rule(load_settings(_Global.config).rules, rule_id, _rulebook())
    out.print(f"Wrote a form for {rule_id} to {path}: put your own words where it says FILL-IN.", markup=False)
    out.print(f"Next: [bold]callaudit rules lint[/]   and   [bold]callaudit rules test {rule_id}[/]")


@rules_app.command("schema")
def rules_schema() -> None:
    """Print the JSON Schema of rule files, for editors."""
    from audit_rules.schema import rule_schema

    typer.echo(rule_schema(), nl=False)


@rules_app.command("diff")
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

    from flows.rules_diff import compare_rulebooks, show_backtest
    from flows.settings import load_settings

    found = compare_rulebooks(load_settings(_Global.config), old, new, golden=golden)
    if json:
        typer.echo(msgspec.json.format(msgspec.json.encode(found)))
    elif not _Global.quiet:
        show_backtest(found)
    if found.broken:
        raise typer.Exit(SetupError.exit_code)
    if found.flips and golden is None:
        raise typer.Exit(FLIPPED)


@rules_app.command("test")
def rules_test(
    rule_ids: Annotated[list[str] | None, typer.Argument(metavar="RULE", help="Only these.")] = None,
) -> None:
    """Run each rule on its own examples."""
    from audit_rules.examples import run_examples
    from flows.console import out

    rulebook = _rulebook()
    for rule_id in rule_ids or []:
        rulebook.rule(rule_id)
    outcomes = list(run_examples(rulebook, *(rule_ids or [])))
    failed = [o for o in outcomes if not o.passed]
    for outcome in failed:
        found = f"found {outcome.finding.verdict}: {outcome.finding.reason}"
        out.print(f"[bold red]{outcome.rule_id}[/] claims {outcome.expected}, {found}")
        out.print("".join(f"    {line}\n" for line in outcome.text.strip().splitlines()), markup=False, end="")
    out.print(f"{len(outcomes) - len(failed)} of {len(outcomes)} examples pass.")
    if failed:
        raise typer.Exit(SetupError.exit_code)


@rules_app.command("evaluate")
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
    json_lines: Annotated[
        Path | None,
        typer.Option(
            "--json", metavar="FILE", help="Write one row for each utterance, or each call and rule, as JSON lines."
        ),
    ] = None,
) -> None:
    """Measure the rules against people: precision, recall and F1, or agreement on whole calls.

    A line of FILE has conversation_id, turn, speaker, context, text, label, and sample, "random" where drawn blindly.

    A line of --calls has call_id, rule_id, verdict, reviewer; the rules' verdicts are those of the published copy.

    Example: callaudit rules evaluate labelled/ --check apology --show-errors 5
    """
    from flows.evaluation import evaluate_calls, evaluate_utterances
    from flows.settings import load_settings

    if labelled is None and calls is None:
        raise typer.BadParameter("give labelled utterances (FILE or DIR), or --calls FILE")
    if labelled is not None and calls is not None and json_lines is not None:
        raise typer.BadParameter("--json takes the rows of one kind: give either labelled utterances or --calls FILE")
    if labelled is not None:
        evaluate_utterances(
            labelled, _rulebook(), only=check or (), mapping=mapping, json_lines=json_lines, errors=show_errors
        )
    if calls is not None:
        evaluate_calls(calls, load_settings(_Global.config).published, json_lines=json_lines)


def _rulebook() -> "Rulebook":
    from audit_rules.rulebook import load_rulebook
    from flows.settings import load_settings

    return load_rulebook(*load_settings(_Global.config).rule_folders)


@review_app.command("sample")
def review_sample(
    *,
    week: Annotated[str, typer.Option(help="last, newest, or an ISO week such as 2026-W10.")] = "newest",
    random: Annotated[int, typer.Option("--random", min=0, metavar="N", help="Findings drawn at random.")] = 40,
    targeted: Annotated[int, typer.Option("--targeted", min=0, metavar="M", help="Doubtful findings.")] = 20,
    rule: Annotated[
        list[str] | None, typer.Option(metavar="RULE", help="Draw at random from these rules only.")
    ] = None,
    blind: Annotated[
        bool, typer.Option("--blind/--not-blind", help="Hide the rule's verdict in the random sample.")
    ] = True,
    out_file: Annotated[
        Path | None, typer.Option("--out", "-o", metavar="FILE", help="The form, .xlsx or .json.")
    ] = None,
) -> None:
    """Draw findings for people to judge and write a form.

    Rates of mistakes come from the random sample alone; the targeted findings are the ones most likely wrong.

    Example: callaudit review sample --week 2026-W10 --random 60 --targeted 0 --out review.xlsx
    """
    from flows.console import out
    from flows.review import sample
    from flows.settings import load_settings

    drawn = sample(
        load_settings(_Global.config),
        week=week, random=random, targeted=targeted, out=out_file, rules=rule or (), blind=blind,
    )  # fmt: skip
    out.print(f"Wrote {drawn.path}: {drawn.random} findings of {drawn.week} at random, {drawn.targeted} targeted.")
    out.print(f"Next: judge them, then   [bold]callaudit review import {drawn.path} --reviewer NAME[/]")


@review_app.command("import")
def review_import(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A form, or what a call's page saved.")],
    reviewer: Annotated[str, typer.Option(metavar="NAME", help="Who judged; else as the form says.")] = "",
) -> None:
    """Take judgements back: all rows or none. They change the scores; what the rule found stays on record.

    Example: callaudit review import review.xlsx --reviewer "Eva Lind"
    """
    from flows.console import out
    from flows.review import import_reviews
    from flows.settings import load_settings

    taken = import_reviews(load_settings(_Global.config), file, reviewer=reviewer)
    out.print(
        f"{_counted(taken.new, 'new review')} by {taken.reviewer}, {taken.known} known, {taken.empty} left empty.",
        markup=False,
    )
    out.print("Next: [bold]callaudit review report[/]")


@review_app.command("report")
def review_report(
    week: Annotated[str, typer.Option(help="Only calls of this ISO week.")] = "",
    since: Annotated[str, typer.Option(help="Only calls of this ISO week and later.")] = "",
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """How far people agree with the rules and with each other, and what is disputed."""
    import msgspec

    from flows.console import out, show_rows
    from flows.review import report as compare
    from flows.settings import load_settings

    found = compare(load_settings(_Global.config), week=week, since=since)
    if json:
        typer.echo(msgspec.json.format(msgspec.json.encode(found)))
        return
    for title, rows in found.tables.items():
        out.print(f"\n[bold]{title}[/]")
        show_rows(rows, empty="Nothing yet.")
    out.print(f"\n{_counted(found.reviews, 'review')} in all. In brackets: 95 % intervals. See docs/reviews.md.")


@review_app.command("dispute")
def review_dispute(
    call_id: Annotated[str, typer.Argument(metavar="CALL")],
    rule_id: Annotated[str, typer.Argument(metavar="RULE")],
    by: Annotated[str, typer.Option(metavar="NAME", help="Who disputes the finding.")],
    note: Annotated[str, typer.Option(metavar="TEXT", help="Why.")],
) -> None:
    """Contest a finding. Its verdict stays until the dispute is resolved.

    Example: callaudit review dispute C-1007 apology.given --by "Ana Ruiz" --note "said at 2:10"
    """
    from flows.console import out
    from flows.review import dispute
    from flows.settings import load_settings

    dispute(load_settings(_Global.config), call_id, rule_id, by=by, note=note)
    out.print("The dispute is open.")
    out.print(f"Next: [bold]callaudit review resolve {call_id} {rule_id} --by NAME --verdict ...[/]")


@review_app.command("resolve")
def review_resolve(
    call_id: Annotated[str, typer.Argument(metavar="CALL")],
    rule_id: Annotated[str, typer.Argument(metavar="RULE")],
    by: Annotated[str, typer.Option(metavar="NAME", help="Who decides.")],
    verdict: Annotated[
        str, typer.Option(help="What it should be: met, missed, not applicable or cannot tell. Without it: upheld.")
    ] = "",
    note: Annotated[str, typer.Option(metavar="TEXT", help="Why.")] = "",
) -> None:
    """Close a dispute: the verdict is upheld, or overturned by a review that counts from now on."""
    from flows.console import out
    from flows.review import resolve
    from flows.settings import load_settings
    from reports.review_form import SAID

    if verdict and verdict not in SAID:
        raise InputError(f"“{verdict}” is no verdict", tries=tuple(f'--verdict "{word}"' for word in SAID))
    decided = SAID[verdict] if verdict else None
    state = resolve(load_settings(_Global.config), call_id, rule_id, by=by, verdict=decided, note=note)
    out.print(f"The finding is {state}.")


@models_app.command("list")
def models_list() -> None:
    """The Whisper weights that are here, and the sizes there are."""
    from flows.console import show_rows
    from flows.settings import load_settings
    from transcription.engines.checkpoints import weights_on_disk

    folder = load_settings(_Global.config).engine.weights_folder
    rows = [{"model": name, "file": str(path or "")} for name, path in weights_on_disk(folder).items()]
    show_rows(rows, empty="No sizes are known.")


@models_app.command("fetch")
def models_fetch(model: Annotated[str, typer.Argument(help="A size, such as base.en.")]) -> None:
    """Download Whisper weights once, checked by their sha256."""
    from flows.console import out
    from flows.settings import load_settings
    from transcription.engines.checkpoints import fetch

    with out.status(f"fetching {model} ..."):
        path = fetch(model, load_settings(_Global.config).engine.weights_folder)
    out.print(f"{path}")


def main() -> None:
    """The `callaudit` command: errors become a sentence and a next step, never a trace."""
    code = _run_command()
    # Prefect's threads keep DuckDB's module alive, whose binding then reports every object of its own as leaked
    # when the interpreter is torn down. Everything is closed by now, so that step is left out.
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def _run_command() -> int:
    try:
        app()
    except SystemExit as left:
        if left.code == STOPPED:  # Typer turns a Ctrl-C into this, without a word.
            typer.echo("\nStopped.", err=True)
        return left.code if isinstance(left.code, int) else int(left.code is not None)
    except CallauditError as error:
        from flows.console import show_error

        show_error(error)
        return error.exit_code
    except KeyboardInterrupt:
        typer.echo("\nStopped.", err=True)
        return STOPPED
    except BrokenPipeError:
        # The reader of a pipe (head, less) has seen enough; there is nobody left to flush to.
        os._exit(0)
    return 0


if __name__ == "__main__":
    main()
