"""`callaudit.toml` and the environment: the only place that reads either.

Every key has a default, so an empty file (or none) works. `CALLAUDIT_ENGINE__NAME=faster-whisper` overrides
`[engine] name`, and so on for every key of a section. Paths are relative to the file.
"""

import difflib
import math
import os
import re
import tomllib
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo, available_timezones

import msgspec

from callaudit.audit_rules.business_time import BusinessTime, business_time
from callaudit.reports import Format
from callaudit.transcription.engines import EngineName
from callaudit.transcription.errors import InputError, SetupError
from callaudit.transcription.inbox import SIDECARS, Source, check_format, presets
from callaudit.transcription.transcribe import TranscriptionSettings
from callaudit.transcription.transcript import SpeakerRole

FILE_NAME = "callaudit.toml"
EXAMPLE = Path(__file__).parent / "example.toml"
"""Every setting with its default and what it means; `callaudit init` writes it."""
# Beyond these a number is a slip of the pen, and nothing could be done with it.
_Count = Annotated[int, msgspec.Meta(ge=0, le=1024)]
_Days = Annotated[int, msgspec.Meta(ge=0, le=36_500)]
_Seconds = Annotated[float, msgspec.Meta(ge=0, le=86_400)]
_PREFIX = "CALLAUDIT_"
_MAIL_PASSWORD = "CALLAUDIT_MAIL__PASSWORD"  # noqa: S105  A name, not a password.
_WEBHOOK_HEADER = "CALLAUDIT_ALERTS__WEBHOOK_HEADER"


class Section(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A table of the settings file; an unknown key is an error with the nearest known one."""


class Site(Section, frozen=True, kw_only=True):
    """`timezone` is the IANA zone of the business: its clock tells days and weeks, and times that have no offset.

    `roster` is a CSV file of the agents (`transcription.inbox.roster`), `queues` what people call a queue by what
    recordings call it. `hours` by weekday (`mon` to `sun`) and `holidays` say when promises can be due.
    """

    timezone: str = "UTC"
    hours: dict[str, str] = {}
    holidays: tuple[date, ...] = ()
    roster: Path | None = None
    queues: dict[str, str] = {}


class Paths(Section, frozen=True, kw_only=True):
    """Where things are kept. `rules` and `scorecards` may be absent: the shipped ones are always there."""

    home: Path = Path("callaudit-home")
    reports: Path = Path("reports")
    rules: Path = Path("rules")
    scorecards: Path = Path("scorecards")


class SourceSettings(Section, frozen=True, kw_only=True):
    """One place recordings come from; see `transcription.inbox.Source` for the meaning of each key.

    `preset` names a recorder whose ways are known (`transcription/inbox/presets.toml`); any key beside it goes first.
    """

    folder: str
    name: str = "inbox"
    preset: str = ""
    agent_channel: int | Literal["unknown"] = 0
    zone: str = ""
    file_name: str = ""
    started_format: str = ""
    sidecars: tuple[str, ...] = SIDECARS
    sidecar_started_format: str = ""
    table: str = ""
    skip: tuple[str, ...] = ()
    fields: dict[str, str] = {}
    metadata: Literal["required", "optional"] = "required"
    glossary: tuple[str, ...] = ()
    announcements: tuple[str, ...] = ()
    speakers: dict[str, SpeakerRole] = {}


class EngineSettings(Section, frozen=True, kw_only=True):
    """What writes the words. `download_timeout` bounds the one wait for weights that `auto` allows itself.

    `batch` windows are heard together on `threads` cores (0: what suits the machine); `quantise` trades a little
    accuracy for speed on a CPU.
    """

    name: EngineName = "auto"
    model: str = "base.en"
    language: str = "en"
    weights_folder: Path | None = None
    download_timeout: _Seconds = 20.0
    batch: _Count = 0
    threads: _Count = 0
    quantise: bool = False


class RunSettings(Section, frozen=True, kw_only=True):
    """`workers` transcribe at the same time (0: one per core); a batch is one task, stored at once.

    A batch holds at most `calls_per_batch`, of recordings also about `audio_minutes_per_batch` (0: what the engine
    does in some minutes). Without `acts` only phrases are heard, not the recogniser of acts. `scheduler` is the address
    of a Dask scheduler ("": this machine alone), `shared` a folder or an object store that all its machines see.
    """

    workers: _Count = 0
    calls_per_batch: Annotated[int, msgspec.Meta(ge=1, le=100_000)] = 500
    audio_minutes_per_batch: Annotated[float, msgspec.Meta(ge=0, le=100_000)] = 0.0
    acts: bool = True
    scheduler: str = ""
    shared: str = ""


class ReportSettings(Section, frozen=True, kw_only=True):
    """`call_pages` is "tense" (calls that were tense, or perhaps) or "all".

    `formats` are made beside the page; `url` is where the reports' folder is served, for links in chat, mail and PDF.
    `company` and `logo` (a PNG, JPEG or SVG) stand at the top of every page.
    """

    scorecard: str = "house"
    call_pages: Literal["tense", "all"] = "tense"
    formats: tuple[Format, ...] = ("html",)
    url: str = ""
    company: str = ""
    logo: Path | None = None


class MailSettings(Section, frozen=True, kw_only=True):
    """The SMTP server and who gets the weekly mail. The password is no setting: see `mail_password`.

    `ca_file` holds certificates to trust besides the system's; `attach` are forms of the report.
    """

    host: str = ""
    port: Annotated[int, msgspec.Meta(ge=1, le=65_535)] = 587
    security: Literal["starttls", "tls", "none"] = "starttls"
    sender: str = msgspec.field(default="", name="from")
    to: tuple[str, ...] = ()
    user: str = ""
    password_file: Path | None = None
    ca_file: Path | None = None
    attach: tuple[Format, ...] = ("html", "xlsx")


class RetentionSettings(Section, frozen=True, kw_only=True):
    """After how many days audio copies, words and whole calls go; 0 keeps them for ever. See docs/retention.md."""

    audio_days: _Days = 0
    transcripts_days: _Days = 0
    findings_days: _Days = 0


class WatchSettings(Section, frozen=True, kw_only=True):
    """Where a run tells how it goes, for programs: JSON lines, and a file for Prometheus. See docs/operations.md."""

    log: str = ""
    metrics: str = ""


class AccessSettings(Section, frozen=True, kw_only=True):
    """Who may read what a run writes, as octal modes of files; everything else is its owner's alone."""

    published: Annotated[str, msgspec.Meta(pattern="^0?[4][04][04]$")] = "0400"
    reports: Annotated[str, msgspec.Meta(pattern="^0?[6][04][04]$")] = "0600"

    @property
    def published_mode(self) -> int:
        """The mode of the read-only copy."""
        return int(self.published, 8)

    @property
    def reports_mode(self) -> int:
        """The mode of pages and other forms of reports."""
        return int(self.reports, 8)


class ScheduleSettings(Section, frozen=True, kw_only=True):
    """When runs start by themselves: "02:00" every night, "monday 07:00" every week, "" not at all.

    `zone` is the site's without one; `pool` is the Prefect work pool whose worker runs what `prefect.yaml` deploys.
    """

    nightly: str = "02:00"
    weekly: str = "monday 07:00"
    zone: str = ""
    pool: str = "callaudit"


class AlertSettings(Section, frozen=True, kw_only=True):
    """What a scheduled run tells people when something is wrong; see `flows.alerts` for what each means.

    `mail_to` are those of `[mail] to` without any. The webhook's secret header is no setting: see `webhook_header`.
    """

    webhook: str = ""
    mail_to: tuple[str, ...] = ()
    failed_share: Annotated[float, msgspec.Meta(gt=0, le=1)] = 0.1
    failed_at_least: Annotated[int, msgspec.Meta(ge=1, le=1_000_000)] = 5
    coverage_fell: Annotated[float, msgspec.Meta(gt=0, le=1)] = 0.5
    weeks_of_history: Annotated[int, msgspec.Meta(ge=1, le=520)] = 4


class Settings(Section, frozen=True, kw_only=True):
    """Everything a run needs to know; `file` is where it was read, None for the defaults."""

    site: Site = Site()
    paths: Paths = Paths()
    sources: tuple[SourceSettings, ...] = ()
    engine: EngineSettings = EngineSettings()
    transcription: TranscriptionSettings = TranscriptionSettings()
    run: RunSettings = RunSettings()
    report: ReportSettings = ReportSettings()
    mail: MailSettings = MailSettings()
    retention: RetentionSettings = RetentionSettings()
    access: AccessSettings = AccessSettings()
    watch: WatchSettings = WatchSettings()
    schedule: ScheduleSettings = ScheduleSettings()
    alerts: AlertSettings = AlertSettings()
    root: Path = Path()
    file: Path | None = None

    @property
    def home(self) -> Path:
        """The folder that holds the warehouse and everything a run leaves behind."""
        return _below(self.root, self.paths.home)

    @property
    def warehouse(self) -> Path:
        """The writer's private file."""
        return self.home / "warehouse.duckdb"

    @property
    def published(self) -> Path:
        """The folder of read-only copies."""
        return self.home / "published"

    @property
    def export(self) -> Path:
        """The views as Parquet files, where `callaudit export` is not told another folder."""
        return self.home / "export"

    @property
    def staging(self) -> Path:
        """Transcripts that are finished and not yet loaded."""
        return self.home / "staging"

    @property
    def shared(self) -> str:
        """The folder or URL where several machines put what they finish; "" where none is set."""
        where = self.run.shared
        return where if "://" in where or not where else str(_below(self.root, Path(where).expanduser()))

    @property
    def audio(self) -> Path:
        """Small playable copies, with masked words silenced."""
        return self.home / "audio"

    @property
    def decoded(self) -> Path:
        """Long sound while it is heard, in files without a name."""
        return self.home / "decoded"

    @property
    def fetched(self) -> Path:
        """Recordings out of an object store, until they are heard."""
        return self.home / "fetched"

    @property
    def fingerprints(self) -> Path:
        """What the bytes of files that have not changed were found to be; safe to delete."""
        return self.home / "fingerprints.json"

    @property
    def mailed(self) -> Path:
        """Which mails were sent, so that none is sent twice."""
        return self.home / "mailed.sqlite"

    @property
    def pseudonym_key(self) -> Path:
        """The secret that pseudonyms in reports are made with."""
        return self.home / "pseudonyms.key"

    @property
    def removal(self) -> Path:
        """What an erasure that was cut off still has to do; not there otherwise."""
        return self.home / "removal.json"

    @property
    def reports(self) -> Path:
        """Where reports and call pages go."""
        return _below(self.root, self.paths.reports)

    @property
    def log(self) -> Path | None:
        """The file that JSON lines are added to; None for none and for standard error ("-")."""
        return _below(self.root, Path(self.watch.log).expanduser()) if self.watch.log not in ("", "-") else None

    @property
    def metrics(self) -> Path | None:
        """The file for Prometheus."""
        return _below(self.root, Path(self.watch.metrics).expanduser()) if self.watch.metrics else None

    @property
    def roster(self) -> Path | None:
        """The file that says who works where since when; None where none is set."""
        return _below(self.root, self.site.roster) if self.site.roster else None

    @property
    def rules(self) -> Path:
        """Where the user's own rules belong, whether or not there are any."""
        return _below(self.root, self.paths.rules)

    @property
    def scorecards(self) -> Path:
        """Where the user's own scorecards belong, whether or not there are any."""
        return _below(self.root, self.paths.scorecards)

    @property
    def business_time(self) -> BusinessTime | None:
        """When the site is open; None where the settings do not say."""
        return business_time(self.site.timezone, self.site.hours, self.site.holidays)

    @property
    def rule_folders(self) -> tuple[Path, ...]:
        """The user's own rules and scorecards, where there are any."""
        return tuple(folder for folder in (self.rules, self.scorecards) if folder.is_dir())

    def inbox_sources(self, *folders: Path) -> tuple[Source, ...]:
        """The configured sources, or the folders given instead.

        A folder named on the command line that is no configured source may hold calls without metadata;
        they are audited as undated.
        """
        configured = tuple(self._source(s) for s in self.sources)
        if not folders:
            return configured
        known = {Path(s.folder).resolve(): s for s in configured if isinstance(s.folder, Path)}
        return tuple(
            known.get(f.resolve())
            or Source(name=f.name or str(f), folder=f, zone=self.site.timezone, metadata="optional")
            for f in folders
        )

    def _source(self, given: SourceSettings) -> Source:
        fields = msgspec.structs.asdict(given)
        del fields["preset"]
        fields["folder"] = given.folder if "://" in given.folder else _below(self.root, Path(given.folder).expanduser())
        fields["agent_channel"] = None if given.agent_channel == "unknown" else given.agent_channel
        fields["zone"] = given.zone or self.site.timezone
        return Source(**fields)


def _below(root: Path, path: Path) -> Path:
    """The path as a person would write it: `../demo`, not `samples/../demo`."""
    return Path(os.path.normpath(root / path))


def load_settings(path: Path | None = None) -> Settings:
    """The settings of that file, of `CALLAUDIT_CONFIG`, or of `callaudit.toml` here; defaults where there is none.

    Raises SetupError naming the file, the line and the nearest known key or value.
    """
    asked = path or (Path(os.environ[_PREFIX + "CONFIG"]) if os.environ.get(_PREFIX + "CONFIG") else None)
    file = asked or Path(FILE_NAME)
    if not file.exists():
        if asked:
            raise SetupError(f"there is no settings file {file}", tries=("callaudit init  (writes one)",))
        return _checked(_with_environment({}, os.environ), None, "")
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise SetupError(
            f"the settings file {file} cannot be read",
            why=f"{error.strerror if isinstance(error, OSError) else 'It is no UTF-8 text'}.",
            tries=("callaudit init --show  (an example)",),
        ) from error
    return settings_of(text, file)


def settings_of(text: str, file: Path) -> Settings:
    """The settings that `file` holds with this text in it. Raises SetupError as `load_settings` does."""
    try:
        values = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        why = "Its brackets are nested too deeply." if isinstance(error, RecursionError) else str(error)
        raise SetupError(
            f"{file} is not valid TOML", why=why, tries=("callaudit init --show  (an example)",)
        ) from error
    return _checked(_with_environment(values, os.environ), file, text)


def mail_password(settings: Settings) -> str:
    """The mail server's password, read when a mail is sent and kept nowhere; "" where none is given.

    It comes from `CALLAUDIT_MAIL__PASSWORD`, or from the first line of the file that `[mail] password_file` names.
    Raises SetupError where that file cannot be read.
    """
    if given := os.environ.get(_MAIL_PASSWORD):
        return given
    if settings.mail.password_file is None:
        return ""
    file = _below(settings.root, settings.mail.password_file)
    try:
        return file.read_text(encoding="utf-8").partition("\n")[0].rstrip("\r")
    except (OSError, UnicodeDecodeError) as error:
        raise SetupError(
            f"the mail password cannot be read from {file}",
            why=f"{error.strerror if isinstance(error, OSError) else 'It is no text'}.",
            tries=(f"set {_MAIL_PASSWORD} in the environment instead",),
        ) from error


def webhook_header(settings: Settings) -> tuple[str, str] | None:
    """The header that proves to the webhook who calls, from `CALLAUDIT_ALERTS__WEBHOOK_HEADER`; kept nowhere.

    It is written as in HTTP, "Authorization: Bearer ...". Raises SetupError where it is not, without repeating it.
    """
    given = os.environ.get(_WEBHOOK_HEADER, "")
    if not given or not settings.alerts.webhook:
        return None
    name, colon, value = given.partition(":")
    if not colon or not re.fullmatch(r"[A-Za-z0-9-]+", name.strip()) or not value.strip() or not value.isprintable():
        raise SetupError(
            f"{_WEBHOOK_HEADER} is not a header", tries=(f'export {_WEBHOOK_HEADER}="Authorization: Bearer ..."',)
        )
    return name.strip(), value.strip()


def _with_environment(values: dict[str, Any], environment: Mapping[str, str]) -> dict[str, Any]:
    for name, value in sorted(environment.items()):
        section, dot, key = name.removeprefix(_PREFIX).lower().partition("__")
        if name.startswith(_PREFIX) and dot and name not in (_MAIL_PASSWORD, _WEBHOOK_HEADER):
            keys = values.setdefault(section, {})
            if not isinstance(keys, dict):
                raise SetupError(
                    f"{name} is not a setting", tries=("callaudit init --show  (every setting, explained)",)
                )
            keys[key] = value
    return values


def _checked(values: dict[str, Any], file: Path | None, text: str) -> Settings:
    for reserved in ("root", "file"):
        values.pop(reserved, None)
    _fill_in_presets(values, file, text)
    try:
        # Environment values are text, so numbers and switches may be written as text everywhere.
        settings = msgspec.convert(values, Settings, strict=False, dec_hook=_path)
    except msgspec.ValidationError as error:
        raise _explained(str(error), file, text) from error
    _check_values(settings, file, text)
    for zone in {settings.schedule.zone, *(s.zone for s in settings.sources)} - {""} | {settings.site.timezone}:
        _check_zone(zone, file, text)
    _check_hours(settings, file, text)
    _check_times(settings.schedule, file, text)
    for source in settings.sources:
        for key in ("started_format", "sidecar_started_format"):
            check_format(source.name, key, getattr(source, key))
    root = file.parent if file else Path()
    return msgspec.structs.replace(settings, root=root, file=file)


def _check_values(section: msgspec.Struct, file: Path | None, text: str) -> None:
    """What has the right kind and still cannot be: numbers without a value, texts that no system takes for a path."""
    for key, value in msgspec.structs.asdict(section).items():
        values = value if isinstance(value, tuple) else (value,)
        for one in values:
            if isinstance(one, msgspec.Struct):
                _check_values(one, file, text)
            elif (isinstance(one, float) and not math.isfinite(one)) or "\0" in str(one):
                raise _explained(f"{one!r} is no value for {key} - at `$.{key}`", file, text)


def _fill_in_presets(values: dict[str, Any], file: Path | None, text: str) -> None:
    sources = values.get("sources")
    for source in sources if isinstance(sources, list) else ():
        name = source.get("preset") if isinstance(source, dict) else None
        if not name:
            continue
        if name not in presets():
            near = difflib.get_close_matches(str(name), presets(), n=1)
            raise SetupError(
                f"there is no preset “{name}”",
                why=f"From {file or 'the environment'}{_line(text, 'preset')}. There are: {', '.join(presets())}."
                + (f" Did you mean “{near[0]}”?" if near else ""),
                tries=("leave it out and describe the source yourself; see docs/inbox.md",),
            )
        given = dict(source)
        source.update(presets()[name] | given)
        if isinstance(given.get("fields"), dict):
            source["fields"] = presets()[name].get("fields", {}) | given["fields"]


def _path(kind: type, value: object) -> object:
    if kind is Path and isinstance(value, str):
        return Path(value).expanduser()
    raise TypeError(f"expected {kind.__name__}")


_UNKNOWN = re.compile(r"Object contains unknown field `(?P<key>[^`]*)`(?: - at `\$\.?(?P<path>[^`]*)`)?")


def _explained(message: str, file: Path | None, text: str) -> SetupError:
    where = str(file or "the environment")
    unknown = _UNKNOWN.match(message)
    if unknown is None:
        key = message.rpartition("`$.")[2].rstrip("`").rpartition(".")[2]
        return SetupError(
            f"a setting in {where}{_line(text, key)} is not valid", why=message, tries=("callaudit init --show",)
        )
    key = unknown["key"]
    near = difflib.get_close_matches(key, _known_keys(), n=1)
    section = f" in [{unknown['path']}]" if unknown["path"] else ""
    return SetupError(
        f"“{key}” is not a setting{section}",
        why=f"From {where}{_line(text, key)}." + (f" Did you mean “{near[0]}”?" if near else ""),
        tries=("callaudit init --show  (every setting, explained)",),
    )


def _known_keys() -> list[str]:
    sections = (
        Settings,
        Site,
        Paths,
        SourceSettings,
        EngineSettings,
        TranscriptionSettings,
        RunSettings,
        ReportSettings,
        MailSettings,
        RetentionSettings,
        AccessSettings,
        WatchSettings,
        ScheduleSettings,
        AlertSettings,
    )
    return sorted({f.encode_name for s in sections for f in msgspec.structs.fields(s)} - {"root", "file"})


def _line(text: str, key: str) -> str:
    for number, line in enumerate(text.splitlines(), 1):
        if re.match(rf"\s*\[*{re.escape(key)}\b", line):
            return f" line {number}"
    return ""


_TIME = r"(?:[01]\d|2[0-3]):[0-5]\d"
_WEEKDAY = r"(?:monday|tuesday|wednesday|thursday|friday|saturday|sunday)"


def _check_times(schedule: ScheduleSettings, file: Path | None, text: str) -> None:
    forms = (
        ("nightly", schedule.nightly, _TIME, "02:00"),
        ("weekly", schedule.weekly, f"{_WEEKDAY} {_TIME}", "monday 07:00"),
    )
    for key, given, form, example in forms:
        if given and not re.fullmatch(form, given):
            raise SetupError(
                f"[schedule] {key} is “{given}”",
                why=f"From {file or 'the environment'}{_line(text, key)}.",
                tries=(f'{key} = "{example}"', f'{key} = ""  (no such run)'),
            )


def _check_hours(settings: Settings, file: Path | None, text: str) -> None:
    try:
        _ = settings.business_time
    except ValueError as error:
        key = "hours" if settings.site.hours else "holidays"
        raise SetupError(
            f"[site] {key} cannot be: {error}",
            why=f"From {file or 'the environment'}{_line(text, key)}.",
            tries=(
                'hours = { mon = "09:00-17:30", tue = "09:00-17:30" }',
                "hours = {}  (promises are due at any time)",
            ),
        ) from error


def _check_zone(zone: str, file: Path | None, text: str) -> None:
    try:
        ZoneInfo(zone)
    except (KeyError, ValueError, OSError) as error:
        near = difflib.get_close_matches(zone, available_timezones(), n=1)
        raise SetupError(
            f"“{zone}” is not a time zone",
            why=f"From {file or 'the environment'}{_line(text, 'timezone')}."
            + (f" Did you mean “{near[0]}”?" if near else ""),
            tries=(f'set timezone = "{near[0]}"' if near else "set an IANA name, such as Europe/London",),
        ) from error


def with_scheduler(settings: Settings, scheduler: str) -> Settings:
    """The settings, audited by the workers of that Dask scheduler; by this machine alone where it is ""."""
    return msgspec.structs.replace(settings, run=msgspec.structs.replace(settings.run, scheduler=scheduler))


def sources_of(settings: Settings, *folders: Path) -> tuple[Source, ...]:
    """Where a run looks: the settings' sources, or the folders instead.

    Raises `SetupError` where there are neither folders nor settings, `InputError` for settings without a source.
    """
    sources = settings.inbox_sources(*folders)
    if not sources and settings.file is None:
        raise SetupError(
            f"there is no {FILE_NAME} here",
            why=f"{Path.cwd()}: the settings say where recordings come from; nothing was looked at or made.",
            tries=("callaudit init  (writes one)", f"callaudit --config PATH/{FILE_NAME} run", "callaudit run FOLDER"),
        )
    if not sources:
        raise InputError(
            "no source of recordings is set",
            why=f"{settings.file} has no [[sources]].",
            tries=("callaudit run FOLDER", "callaudit init --show  (an example)"),
        )
    return sources
