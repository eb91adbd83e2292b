"""A call's page, ready to print: the score and its rules, the timeline, the words with their evidence."""

from collections.abc import Iterator
from datetime import datetime

import msgspec

from callaudit.reports import charts
from callaudit.reports.call_page.loudness import Loudness
from callaudit.reports.call_page.queries import CallRow, Readings
from callaudit.reports.call_page.scorecards import ScorecardLines, evidence_numbers, scorecards_shown
from callaudit.reports.call_page.timeline import (
    TimelinePin,
    episode_spans,
    hold_spans,
    lanes_of,
    pins_of,
    speech_of,
    waves_of,
)
from callaudit.reports.call_page.transcript import Line, transcript_lines
from callaudit.reports.page import weekly_file_name
from callaudit.reports.wording import (
    NOTHING,
    clock,
    counted,
    day,
    long_time,
    percent,
    sentence,
    week_start,
    weekday,
)
from callaudit.transcription.speech import overlaps
from callaudit.transcription.transcript import Seconds

_TALKING_OVER: Seconds = 0.4


class Measure(msgspec.Struct, frozen=True, kw_only=True):
    """Something measured and never scored."""

    name: str
    value: str


class CallPage(msgspec.Struct, frozen=True, kw_only=True):
    """The whole page."""

    call_id: str
    title: str
    who: str
    when: str
    outcome: str
    week_href: str
    week_text: str
    notice: str
    scored: bool
    score: str
    score_note: str
    score_judged: str
    critical: str
    scorecards: tuple[ScorecardLines, ...]
    duration: Seconds
    length: str
    timeline: charts.Timeline | None
    timeline_note: str
    pins: tuple[TimelinePin, ...]
    pin_rows: int
    narrow_pin_rows: int
    has: tuple[str, ...]
    holds: str
    lines: tuple[Line, ...]
    heard: str
    has_uncertain: bool
    has_findings: bool
    has_missed: bool
    measures: tuple[Measure, ...]
    rulebook_version: str
    footer: str


def call_page(readings: Readings, scorecard: str, loud: Loudness = ()) -> CallPage:
    """Work out a call's page from what the warehouse said, and how `loud` its copy is where there is one."""
    call = readings.call
    duration = _duration(readings)
    numbers = evidence_numbers(readings, scorecard)
    holds = hold_spans(readings)
    cards = scorecards_shown(readings, scorecard, numbers)
    chosen = next((card for card in cards if card.chosen), cards[0] if cards else None)
    agent, customer = (speech_of(readings, role) for role in ("agent", "customer"))
    both = overlaps(agent, customer, shortest=_TALKING_OVER)
    pins, rows, narrow_rows = pins_of(readings, numbers, duration)
    episodes = episode_spans(readings, duration)
    lanes = lanes_of(readings)
    lines = transcript_lines(readings, numbers, holds=holds, overlapped=both)
    return CallPage(
        call_id=call.call_id,
        title=f"Call {call.call_id}",
        who=", ".join(str(v) for v in (call.agent_name or call.agent_id or "Agent not named", call.team) if v),
        when=_when(call.started_local, call.started_at) + f", {_length(duration)}",
        outcome=_outcome(call) if readings.turns else "No words were heard.",
        week_href=f"../{weekly_file_name(call.iso_week, scorecard)}" if call.iso_week else "",
        week_text=f"Week of {day(week_start(call.iso_week))}" if call.iso_week else "Undated call",
        notice=call.notice,
        scored=chosen is not None and chosen.scored,
        score=chosen.score if chosen else NOTHING,
        score_note=chosen.points if chosen else "Nothing was judged",
        score_judged=chosen.judged if chosen else "",
        critical=chosen.critical if chosen else "",
        scorecards=cards,
        duration=round(duration, 2),
        length=clock(duration) if duration else "",
        timeline=charts.timeline(
            duration,
            lanes=lanes,
            waves=waves_of(readings, lanes, loud, duration),
            tense=episodes,
            overlaps=both,
            holds=holds,
        )
        if duration and readings.turns
        else None,
        timeline_note="" if call.has_times else _no_times(call),
        pins=pins,
        pin_rows=rows,
        narrow_pin_rows=narrow_rows,
        has=tuple(
            name
            for name, there in (
                ("tense", episodes),
                ("both talking", both),
                ("hold", holds),
                ("followed", any(pin.css == "met" for pin in pins)),
                ("missed", any(pin.css == "missed" for pin in pins)),
                ("unsure", any(pin.css == "unsure" for pin in pins)),
            )
            if there
        ),
        holds=" ".join(f"{hold.start:.2f},{hold.end:.2f}" for hold in holds),
        lines=lines,
        heard=_heard(call) if readings.turns else _unheard(call),
        has_uncertain=any(piece.uncertain for line in lines for piece in line.pieces),
        has_findings=bool(numbers),
        has_missed=any(row.verdict == "missed" for row in readings.findings),
        measures=_measures(call),
        rulebook_version=call.rulebook_version,
        footer=f"Judged by rulebook {call.rulebook_version[:12]} on a machine transcript. "
        "Before any decision about a person, listen to the call.",
    )


def _duration(readings: Readings) -> Seconds:
    ends = [*(turn.end_s for turn in readings.turns), *(spoken.end_s for spoken in readings.speech)]
    return max(end or 0.0 for end in (readings.call.duration_s, *ends))


def _length(duration: Seconds) -> str:
    return f"{clock(duration)} long" if duration else "no times"


def _when(local: datetime | None, utc: datetime | None) -> str:
    """The day and time on the clock of the call's own offset, which is named."""
    if local is None or utc is None:
        return "No date in the metadata"
    minutes = round((local - utc.replace(tzinfo=None)).total_seconds() / 60)
    sign = "+" if minutes >= 0 else "\N{MINUS SIGN}"
    offset = f"{sign}{abs(minutes) // 60}" + (f":{abs(minutes) % 60:02d}" if minutes % 60 else "") if minutes else ""
    return f"{weekday(local.date())}, {local:%H:%M} (UTC{offset})"


def _outcome(call: CallRow) -> str:
    if call.upset == "unknown":
        return "Whether it was tense cannot be told."
    if call.upset == "perhaps":
        return "Perhaps tense: a person should listen."
    if not call.tense:
        return "Never tense."
    return "Tense, calmed by the end." if call.calmed else "Tense, not calmed by the end."


def _no_times(call: CallRow) -> str:
    if call.codec == "export":
        why = "times are the transcript's"
    elif call.roles_from == "channels":
        why = "one of the parties was not heard"
    else:
        why = "both parties are on one channel"
    if call.roles_from == "unknown":
        why += " and who speaks is not known"
    return sentence(f"{why}: interruptions, holds and answer times cannot be judged")


def _heard(call: CallRow) -> str:
    share, evidence = call.talk_share_agent, call.role_evidence
    said = [f"The agent spoke {percent(share)} of the talking time."] if share is not None else []
    sure = percent(call.role_confidence) if call.role_confidence is not None else ""
    said.append(
        {
            "channels": "Speakers from separate channels.",
            "labels": "Speakers as the transcript labels them.",
            "guessed": f"Speakers guessed from the words{f' ({sure} sure)' if sure else ''}"
            + (f": {evidence}." if evidence else "."),
            "unknown": "Who speaks could not be told"
            + (f" ({evidence})" if evidence else "")
            + ", so rules that need to know it were not judged.",
        }[call.roles_from]
    )
    confidence = f", mean confidence {call.confidence:.2f}" if call.confidence is not None else ""
    said.append(f"Words by {call.engine} {call.model}{confidence}.")
    said += _left_out(call)
    if call.redactions:
        said.append(f"{counted(call.redactions, 'place')} masked.")
    said += [sentence(w) for w in call.warnings if not (evidence and w.startswith(evidence))]
    return " ".join(said)


def _unheard(call: CallRow) -> str:
    said = [sentence(f"{call.engine} {call.model} heard no words")]
    return " ".join([*said, *_left_out(call), *(sentence(w) for w in call.warnings)])


def _left_out(call: CallRow) -> Iterator[str]:
    """What was said, or seemed to be, and stands nowhere."""
    if call.dropped_words:
        yield f"{counted(call.dropped_words, 'doubtful word')} left out."
    if call.unheard_s:
        yield f"No words were understood in {call.unheard_s:.1f} s of speech."


def _measures(call: CallRow) -> tuple[Measure, ...]:
    """What is known of the list, in the order of the list."""

    def seconds(value: float | None) -> str | None:
        return None if value is None else f"{value:.1f} s"

    known = [
        ("Agent's share of talk", None if call.talk_share_agent is None else percent(call.talk_share_agent)),
        ("Agent's words a minute", _whole(call.words_per_minute_agent)),
        ("Agent spoke over customer", _times(call.overlaps_by_agent)),
        ("Customer spoke over agent", _times(call.overlaps_by_customer)),
        ("Usual wait for an answer", seconds(call.median_answer_gap_s)),
        ("Longest silence outside holds", seconds(call.longest_dead_air_s)),
        ("Holds", f"{call.holds}, {long_time(call.hold_s or 0)}" if call.holds else _whole(call.holds)),
        ("Transfers", _whole(call.transfers)),
    ]
    return tuple(Measure(name=name, value=value) for name, value in known if value is not None)


def _whole(value: float | None) -> str | None:
    return None if value is None else f"{value:.0f}"


def _times(value: int | None) -> str | None:
    return None if value is None else "once" if value == 1 else f"{value} times"
