"""A call's page, ready to print: the score and its rules, the timeline, the words with their evidence."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Literal

import msgspec

from callaudit.audit_rules.scorecard import LEAST_JUDGED
from callaudit.reports import charts
from callaudit.reports.call_page.loudness import Loudness, within
from callaudit.reports.call_page.marked_text import Highlight, Piece, Tone, pieces, uncertain_words
from callaudit.reports.call_page.queries import Readings, Row
from callaudit.reports.page import weekly_file_name
from callaudit.reports.wording import (
    NOTHING,
    clock,
    counted,
    day,
    listed,
    long_time,
    percent,
    sentence,
    week_start,
    weekday,
)
from callaudit.transcription.speech import overlaps
from callaudit.transcription.transcript import Seconds, Span

_TALKING_OVER: Seconds = 0.4

_VERDICTS = {
    "met": "followed",
    "missed": "missed",
    "unsure": "unsure",
    "not_applicable": "not needed",
    "not_assessable": "cannot tell",
}
_ICONS = {
    "met": "\N{CHECK MARK}",
    "missed": "\N{MULTIPLICATION X}",
    "unsure": "\N{ALMOST EQUAL TO}",
    "not_assessable": "?",
    "not_applicable": NOTHING,
}
_SPOKEN_OF = ("met", "missed", "unsure")
_KINDS: dict[str, Tone] = {"met": "met", "against": "missed", "near_miss": "near"}
_SAID = {"trigger": "Called for by", "near_miss": "Nearest"}


class Quote(msgspec.Struct, frozen=True, kw_only=True):
    """One piece of evidence as the scorecard shows it.

    `understood` says what the recogniser took the quote for, and how surely; `nearest_line` is the known line it is
    most like, which nobody said in this call.
    """

    label: str
    quote: str
    understood: str
    nearest_line: str
    note: str
    at: str
    seconds: Seconds | None
    href: str


class RuleLine(msgspec.Struct, frozen=True, kw_only=True):
    """One rule's verdict. `number` is the one in the transcript and on the timeline; None where nothing is marked.

    `hangs_on` is a word that decided it and that the recogniser was not sure of, "" if none.
    """

    rule_id: str
    number: int | None
    asks: str
    verdict: str
    css: str
    icon: str
    reason: str
    hangs_on: str
    quotes: tuple[Quote, ...]
    critical: bool
    trial: bool
    override: str
    can_review: bool


class StepLines(msgspec.Struct, frozen=True, kw_only=True):
    """A step of a scorecard with the rules that were asked of this call."""

    title: str
    verdict: str
    css: str
    rules: tuple[RuleLine, ...]


class ScorecardLines(msgspec.Struct, frozen=True, kw_only=True):
    """One scorecard of the call."""

    name: str
    title: str
    chosen: bool
    scored: bool
    score: str
    points: str
    judged: str
    coverage: str
    critical: str
    steps: tuple[StepLines, ...]
    folded: tuple[tuple[str, tuple[RuleLine, ...]], ...]


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """A row of the transcript: a turn, or something that happened between turns."""

    kind: Literal["turn", "tense", "calm", "hold", "silence"]
    css: str = ""
    anchor: str = ""
    at: str = ""
    start: Seconds | None = None
    end: Seconds | None = None
    speaker: str = ""
    over: bool = False
    signal: bool = False
    pieces: tuple[Piece, ...] = ()
    text: str = ""
    quote: str = ""


class TimelinePin(msgspec.Struct, frozen=True, kw_only=True):
    """A marker on the timeline, at its place in a wide and in a narrow window."""

    number: int
    css: str
    label: str
    seconds: Seconds
    left: float
    row: int
    narrow_row: int
    href: str


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
    numbers = _numbers(readings, scorecard)
    holds = _holds(readings)
    cards = _scorecards(readings, scorecard, numbers)
    chosen = next((card for card in cards if card.chosen), cards[0] if cards else None)
    agent, customer = (_speech(readings, role) for role in ("agent", "customer"))
    both = overlaps(agent, customer, shortest=_TALKING_OVER)
    pins, rows, narrow_rows = _pins(readings, numbers, duration)
    episodes = _episode_spans(readings, duration)
    lanes = _lanes(readings)
    lines = _lines(readings, numbers, holds=holds, overlapped=both)
    return CallPage(
        call_id=str(call["call_id"]),
        title=f"Call {call['call_id']}",
        who=", ".join(str(v) for v in (call["agent_name"] or call["agent_id"] or "Agent not named", call["team"]) if v),
        when=_when(call["started_local"], call["started_at"]) + f", {_length(duration)}",
        outcome=_outcome(call) if readings.turns else "No words were heard.",
        week_href=f"../{weekly_file_name(call['iso_week'], scorecard)}" if call["iso_week"] else "",
        week_text=f"Week of {day(week_start(call['iso_week']))}" if call["iso_week"] else "Undated call",
        notice=str(call["notice"] or ""),
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
            waves=_waves(readings, lanes, loud, duration),
            tense=episodes,
            overlaps=both,
            holds=holds,
        )
        if duration and readings.turns
        else None,
        timeline_note="" if call["has_times"] else _no_times(call),
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
        has_missed=any(row["verdict"] == "missed" for row in readings.findings),
        measures=_measures(call),
        rulebook_version=str(call["rulebook_version"]),
        footer=f"Judged by rulebook {str(call['rulebook_version'])[:12]} on a machine transcript. "
        "Before any decision about a person, listen to the call.",
    )


# ---------------------------------------------------------------- header


def _duration(readings: Readings) -> Seconds:
    ends = [row["end_s"] for row in (*readings.turns, *readings.speech) if row["end_s"] is not None]
    return float(max([readings.call["duration_s"] or 0.0, *ends]))


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


def _outcome(call: Row) -> str:
    if call["upset"] == "unknown":
        return "Whether it was tense cannot be told."
    if call["upset"] == "perhaps":
        return "Perhaps tense: a person should listen."
    if not call["tense"]:
        return "Never tense."
    return "Tense, calmed by the end." if call["calmed"] else "Tense, not calmed by the end."


def _no_times(call: Row) -> str:
    if call["codec"] == "export":
        why = "times are the transcript's"
    elif call["roles_from"] == "channels":
        why = "one of the parties was not heard"
    else:
        why = "both parties are on one channel"
    if call["roles_from"] == "unknown":
        why += " and who speaks is not known"
    return sentence(f"{why}: interruptions, holds and answer times cannot be judged")


def _heard(call: Row) -> str:
    share, evidence = call["talk_share_agent"], str(call["role_evidence"] or "")
    said = [f"The agent spoke {percent(share)} of the talking time."] if share is not None else []
    sure = percent(call["role_confidence"]) if call["role_confidence"] is not None else ""
    said.append(
        {
            "channels": "Speakers from separate channels.",
            "labels": "Speakers as the transcript labels them.",
            "guessed": f"Speakers guessed from the words{f' ({sure} sure)' if sure else ''}"
            + (f": {evidence}." if evidence else "."),
            "unknown": "Who speaks could not be told"
            + (f" ({evidence})" if evidence else "")
            + ", so rules that need to know it were not judged.",
        }[str(call["roles_from"])]
    )
    confidence = f", mean confidence {call['confidence']:.2f}" if call["confidence"] is not None else ""
    said.append(f"Words by {call['engine']} {call['model']}{confidence}.")
    said += _left_out(call)
    if call["redactions"]:
        said.append(f"{counted(int(call['redactions']), 'place')} masked.")
    said += [sentence(str(w)) for w in call["warnings"] or () if not (evidence and str(w).startswith(evidence))]
    return " ".join(said)


def _unheard(call: Row) -> str:
    said = [sentence(f"{call['engine']} {call['model']} heard no words")]
    return " ".join([*said, *_left_out(call), *(sentence(str(w)) for w in call["warnings"] or ())])


def _left_out(call: Row) -> Iterator[str]:
    """What was said, or seemed to be, and stands nowhere."""
    if call["dropped_words"]:
        yield f"{counted(int(call['dropped_words']), 'doubtful word')} left out."
    if call["unheard_s"]:
        yield f"No words were understood in {call['unheard_s']:.1f} s of speech."


def _measures(call: Row) -> tuple[Measure, ...]:
    """What is known of the list, in the order of the list."""

    def seconds(value: float | None) -> str | None:
        return None if value is None else f"{value:.1f} s"

    known = [
        ("Agent's share of talk", None if call["talk_share_agent"] is None else percent(call["talk_share_agent"])),
        ("Agent's words a minute", _whole(call["words_per_minute_agent"])),
        ("Agent spoke over customer", _times(call["overlaps_by_agent"])),
        ("Customer spoke over agent", _times(call["overlaps_by_customer"])),
        ("Usual wait for an answer", seconds(call["median_answer_gap_s"])),
        ("Longest silence outside holds", seconds(call["longest_dead_air_s"])),
        ("Holds", f"{call['holds']}, {long_time(call['hold_s'] or 0)}" if call["holds"] else _whole(call["holds"])),
        ("Transfers", _whole(call["transfers"])),
    ]
    return tuple(Measure(name=name, value=value) for name, value in known if value is not None)


def _whole(value: float | None) -> str | None:
    return None if value is None else f"{value:.0f}"


def _times(value: int | None) -> str | None:
    return None if value is None else "once" if value == 1 else f"{value} times"


# ---------------------------------------------------------------- findings and scorecards


def _numbers(readings: Readings, scorecard: str) -> dict[str, int]:
    """A number for each finding that is marked in the transcript, in the order of the scorecard the page opens with."""
    marked = {row["rule_id"] for row in readings.evidence if _is_place(row)}
    judged = {row["rule_id"] for row in readings.findings if row["verdict"] in _SPOKEN_OF}
    first = [row["rule_id"] for row in readings.scorecard_rules if row["scorecard"] == scorecard]
    others = [row["rule_id"] for row in readings.findings]
    order = [rule for rule in dict.fromkeys([*first, *others]) if rule in marked & judged]
    return {rule: number for number, rule in enumerate(order, start=1)}


def _is_place(row: Row) -> bool:
    """Whether evidence is a place to look at: "never said, searched 8 turns" is none."""
    return row["kind"] in _KINDS and bool(row["quote"] or (row["kind"] != "met" and row["start_s"] is not None))


def _scorecards(readings: Readings, scorecard: str, numbers: dict[str, int]) -> tuple[ScorecardLines, ...]:
    cards = sorted(readings.scorecards, key=lambda row: (row["scorecard"] != scorecard, row["scorecard"]))
    return tuple(_scorecard(readings, card, number == 0, numbers) for number, card in enumerate(cards))


def _scorecard(readings: Readings, card: Row, chosen: bool, numbers: dict[str, int]) -> ScorecardLines:
    findings = {row["rule_id"]: row for row in readings.findings}
    places = [row for row in readings.scorecard_rules if row["scorecard"] == card["scorecard"]]
    steps: list[StepLines] = []
    not_needed: list[RuleLine] = []
    unseen: list[RuleLine] = []
    for step in (row for row in readings.steps if row["scorecard"] == card["scorecard"]):
        lines = [
            _rule_line(readings, findings[place["rule_id"]], bool(place["critical"]), numbers)
            for place in places
            if place["step"] == step["step"] and place["rule_id"] in findings
        ]
        not_needed += [line for line in lines if line.css == "not_applicable"]
        asked = tuple(line for line in lines if line.css != "not_applicable")
        mixed = {"met", "missed"} <= {line.css for line in asked}
        if step["verdict"] == "not_assessable":
            unseen += asked
        elif asked:
            steps.append(
                StepLines(
                    title=str(step["step_title"]),
                    verdict=_VERDICTS[step["verdict"]] if mixed else "",
                    css=str(step["verdict"]),
                    rules=asked,
                )
            )
    misses = int(card["critical_misses"] or 0)
    return ScorecardLines(
        name=str(card["scorecard"]),
        title=str(card["scorecard_title"]),
        chosen=chosen,
        scored=card["score"] is not None,
        score=NOTHING if card["score"] is None else f"{card['score']:.0f}",
        points=_points(card),
        judged=_judged(card),
        coverage=_coverage(card),
        critical=("Failed: " if card["failed"] else "") + counted(misses, "critical miss", "critical misses")
        if misses
        else "",
        steps=tuple(steps),
        folded=tuple(
            (f"{counted(len(lines), 'rule')} {told}", tuple(lines))
            for lines, told in ((unseen, "could not be judged"), (not_needed, "not needed on this call"))
            if lines
        ),
    )


def _points(card: Row) -> str:
    if card["score"] is None:
        return "Not enough could be judged"
    met, judged = int(card["rules_met"]), int(card["rules_judged"])
    return f"{met} of {counted(judged, 'rule')} met"


def _judged(card: Row) -> str:
    """How much of what the call called for was judged, and how much is unsure, beside the score; "" where all was."""
    if card["judged_share"] in (None, 1.0):
        return ""
    unsure = int(card["rules_unsure"] or 0)
    return f"{percent(card['judged_share'])} judged" + (f", {counted(unsure, 'rule')} unsure" if unsure else "")


def _coverage(card: Row) -> str:
    unsure, unseen = int(card["rules_unsure"] or 0), int(card["rules_not_assessable"] or 0)
    outside = [f"{counted(unsure, 'rule')} {'is' if unsure == 1 else 'are'} unsure"] if unsure else []
    outside += [f"{counted(unseen, 'rule')} could not be judged"] if unseen else []
    told = sentence(f"{listed(outside)}, outside the score") if outside else ""
    if card["score"] is None and card["judged_share"]:
        told += (
            f" Only {percent(card['judged_share'])} of what the call called for was judged; "
            f"under {percent(LEAST_JUDGED)} there is no score."
        )
    return told.strip()


def _rule_line(readings: Readings, finding: Row, critical: bool, numbers: dict[str, int]) -> RuleLine:
    verdict = str(finding["verdict"])
    override = ""
    if finding["is_overridden"]:
        note = f": {finding['review_note']}" if finding["review_note"] else ""
        was = _VERDICTS[str(finding["rule_verdict"])]
        did = "decided" if finding["rule_verdict"] == "unsure" else "reversed"
        override = sentence(f"{finding['reviewed_by']} {did} this (the rule said {was}){note}")
    return RuleLine(
        rule_id=str(finding["rule_id"]),
        number=numbers.get(finding["rule_id"]),
        asks=str(finding["asks"] or finding["rule_id"]),
        verdict=_VERDICTS[verdict],
        css=verdict,
        icon=_ICONS[verdict],
        reason=sentence(str(finding["reason"])),
        hangs_on="" if override else _hangs_on(readings, finding),
        quotes=_quotes(readings, finding),
        critical=critical,
        trial=finding["status"] == "trial",
        override=override,
        can_review=verdict in _SPOKEN_OF,
    )


_DECIDED_BY = {"met": "met", "missed": "against"}


def _hangs_on(readings: Readings, finding: Row) -> str:
    """The first uncertain word, where each quote that decided the verdict holds one."""
    kind = _DECIDED_BY.get(str(finding["verdict"]))
    deciding = [
        row
        for row in readings.evidence
        if row["rule_id"] == finding["rule_id"] and row["kind"] == kind and row["char_start"] is not None
    ]
    words = [_uncertain_word(readings, row) for row in deciding]
    return words[0] if words and all(words) else ""


def _uncertain_word(readings: Readings, quote: Row) -> str:
    text = next(str(turn["text"]) for turn in readings.turns if turn["turn"] == quote["turn"])
    said = [row for row in readings.utterances if row["turn"] == quote["turn"]]
    spans = (s for s in uncertain_words(said) if s[0] < quote["char_end"] and s[1] > quote["char_start"])
    return next((text[start:end].strip(".,?!") for start, end in spans), "")


_QUOTES = 3
_LONGEST_QUOTE = 140


def _quotes(readings: Readings, finding: Row) -> tuple[Quote, ...]:
    """The evidence of a finding worth showing beside its reason, without saying anything twice."""
    openings = {row["opened_by"] for row in readings.episodes}
    own = [row for row in readings.evidence if row["rule_id"] == finding["rule_id"]]
    # What made the call tense called for most rules: the transcript says it once, in its place.
    telling = [row for row in own if row["kind"] != "trigger" or row["quote"] not in openings]
    found: list[Quote] = []
    for row in telling or own[:1]:
        shown = _quote(row, finding)
        known = any((shown.quote, shown.at) == (other.quote, other.at) for other in found)
        if (shown.quote or shown.note or shown.at) and not known:
            found.append(shown)
    return tuple(found[:_QUOTES])


def _quote(row: Row, finding: Row) -> Quote:
    quote, note = str(row["quote"] or ""), str(row["note"] or "")
    is_place = row["kind"] == "trigger" or _is_place(row)
    return Quote(
        label=_label(row, finding) if quote else "",
        quote=quote if len(quote) <= _LONGEST_QUOTE else quote[:_LONGEST_QUOTE].rsplit(" ", 1)[0] + " …",
        understood=_understood(row, finding) if quote else "",
        nearest_line=str(row["nearest_line"] or "") if quote else "",
        note=note,
        at=clock(row["start_s"]) if row["start_s"] is not None and is_place else "",
        seconds=row["start_s"] if is_place else None,
        href=f"#turn-{row['turn']}" if row["turn"] is not None and is_place else "",
    )


def _label(row: Row, finding: Row) -> str:
    """What called for the rule, the nearest, or what phrases heard."""
    by_phrases = row["act"] and finding["witness"] in ("phrases", "both")
    return _SAID.get(str(row["kind"]), "Heard:" if by_phrases else "")


def _understood(row: Row, finding: Row) -> str:
    """`understood as: apologises for (93%)`, where the recogniser had a say."""
    if not row["act"] or finding["witness"] not in ("recogniser", "both"):
        return ""
    sure = f" ({percent(row['probability'])})" if row["probability"] is not None else ""
    return f"understood as: {str(row['act']).replace('_', ' ')}{sure}"


# ---------------------------------------------------------------- timeline


def _speech(readings: Readings, role: str) -> tuple[Span, ...]:
    return tuple(Span(row["start_s"], row["end_s"]) for row in readings.speech if row["speaker"] == role)


def _lanes(readings: Readings) -> list[tuple[str, tuple[Span, ...]]]:
    """A row for each party from its own channel; else from the times of the words, one row where roles are unknown."""
    if readings.call["has_times"]:
        return [("Agent", _speech(readings, "agent")), ("Customer", _speech(readings, "customer"))]
    timed = [row for row in readings.utterances if row["start_s"] is not None and row["end_s"] is not None]
    spoken = {
        name: tuple(Span(row["start_s"], row["end_s"]) for row in timed if row["speaker"] == role)
        for role, name in (("agent", "Agent"), ("customer", "Customer"), ("system", "System"), ("unknown", "Speech"))
    }
    return [(name, spans) for name, spans in spoken.items() if spans]


def _waves(
    readings: Readings, lanes: Sequence[tuple[str, tuple[Span, ...]]], loud: Loudness, duration: Seconds
) -> dict[str, tuple[int, ...]]:
    """How loud each party was: on its own channel, or on the one that all share while it spoke."""
    if not loud:
        return {}
    waves = {}
    for name, spans in lanes:
        channels = [row["channel"] for row in readings.utterances if row["speaker"] == name.lower()]
        channel = max(set(channels), key=channels.count) if channels else None
        if readings.call["has_times"] and channel is not None and 0 <= channel < len(loud) > 1:
            waves[name] = loud[channel]
        elif len(loud) == 1:
            waves[name] = within(loud[0], spans, duration)
    return waves


def _episode_spans(readings: Readings, duration: Seconds) -> tuple[Span, ...]:
    return tuple(
        Span(row["start_s"], row["end_s"] if row["end_s"] is not None else duration)
        for row in readings.episodes
        if row["start_s"] is not None
    )


def _holds(readings: Readings) -> tuple[Span, ...]:
    return tuple(Span(row["start_s"], row["end_s"]) for row in readings.holds)


def _pins(readings: Readings, numbers: dict[str, int], duration: Seconds) -> tuple[tuple[TimelinePin, ...], int, int]:
    """The marked findings on the timeline, and how many rows they take in a wide and in a narrow window."""
    if not duration:
        return (), 0, 0
    findings = {row["rule_id"]: row for row in readings.findings}
    places: dict[str, Row] = {}
    for row in readings.evidence:
        if _is_place(row) and row["start_s"] is not None and row["rule_id"] in numbers:
            places.setdefault(row["rule_id"], row)
    times = [(numbers[rule], float(row["start_s"])) for rule, row in places.items()]
    rules = {number: rule for rule, number in numbers.items()}
    wide = charts.pins(times, duration)
    narrow = {pin.number: pin.row for pin in charts.pins(times, duration, width=5.6)}
    made = tuple(
        TimelinePin(
            number=pin.number,
            css=str(findings[rules[pin.number]]["verdict"]),
            label=f"{pin.number}. {findings[rules[pin.number]]['asks']} "
            f"{_VERDICTS[findings[rules[pin.number]]['verdict']]}, at {clock(pin.at)}",
            seconds=pin.at,
            left=pin.left,
            row=pin.row,
            narrow_row=narrow[pin.number],
            href=f"#turn-{places[rules[pin.number]]['turn']}",
        )
        for pin in wide
    )
    return made, max((pin.row + 1 for pin in made), default=0), max((pin.narrow_row + 1 for pin in made), default=0)


# ---------------------------------------------------------------- transcript


def _lines(
    readings: Readings,
    numbers: dict[str, int],
    *,
    holds: Sequence[Span],
    overlapped: Sequence[Span],
) -> tuple[Line, ...]:
    pauses = _pauses(readings, holds)
    opened = {row["first_turn"]: row for row in readings.episodes}
    closed = {row["last_turn"]: row for row in readings.episodes if row["closed_by"] != "call_end"}
    lines: list[Line] = []
    for turn in readings.turns:
        while (
            pauses and turn["start_s"] is not None and pauses[0].start is not None and pauses[0].start < turn["start_s"]
        ):
            lines.append(pauses.pop(0))
        lines += _turn_lines(readings, turn, numbers, overlapped)
        if turn["turn"] in opened:
            episode = opened[turn["turn"]]
            lines.append(
                Line(
                    kind="tense",
                    at=_at(episode["start_s"]),
                    start=episode["start_s"],
                    text="The call becomes tense:",
                    quote=str(episode["opened_by"] or ""),
                )
            )
        if turn["turn"] in closed:
            how = "accepts" if closed[turn["turn"]]["closed_by"] == "accepted" else "says thanks"
            lines.append(
                Line(kind="calm", at=_at(turn["end_s"]), start=turn["end_s"], text=f"Calm again: the customer {how}.")
            )
    return (*lines, *pauses)


def _turn_lines(readings: Readings, turn: Row, numbers: dict[str, int], overlapped: Sequence[Span]) -> list[Line]:
    """One line for a turn; one for each utterance where nobody knows who speaks and a turn means nothing."""
    own = [row for row in readings.utterances if row["turn"] == turn["turn"]]
    role, text = str(turn["speaker"]), str(turn["text"])
    highlights, uncertain = _highlights(readings, turn, numbers), uncertain_words(own)
    parts = [(0, len(text), turn["start_s"], turn["end_s"])]
    if role == "unknown" and own:
        parts = [
            (row["char_offset"], row["char_offset"] + len(row["text"]), row["start_s"], row["end_s"]) for row in own
        ]
    return [
        Line(
            kind="turn",
            css=role,
            anchor=f"turn-{turn['turn']}" if number == 0 else f"turn-{turn['turn']}-{number}",
            at=_at(start_s),
            start=start_s,
            end=end_s,
            speaker={"agent": "Agent", "customer": "Customer", "system": "System"}.get(role, "Speaker"),
            over=number == 0 and _talks_over(turn, overlapped),
            signal=bool(turn["is_signal"]),
            pieces=pieces(
                text[start:end],
                [msgspec.structs.replace(h, start=h.start - start, end=h.end - start) for h in highlights],
                [(a - start, b - start) for a, b in uncertain],
            ),
        )
        for number, (start, end, start_s, end_s) in enumerate(parts)
    ]


def _highlights(readings: Readings, turn: Row, numbers: dict[str, int]) -> list[Highlight]:
    verdicts = {row["rule_id"]: row["verdict"] for row in readings.findings}
    text = str(turn["text"])
    found = []
    for row in readings.evidence:
        if row["turn"] != turn["turn"] or not _is_place(row) or row["rule_id"] not in numbers:
            continue
        start, end = row["char_start"], row["char_end"]
        if start is None or end is None:
            start = text.find(row["quote"]) if row["quote"] else -1
            end = start + len(row["quote"] or "")
        # A person's reversal counts: then the words are marked as what they were found to be.
        tone = _KINDS[row["kind"]]
        if verdicts[row["rule_id"]] == "unsure":
            tone = "near"
        elif tone != "near":
            tone = "met" if verdicts[row["rule_id"]] == "met" else "missed"
        if start >= 0:
            found.append(Highlight(number=numbers[row["rule_id"]], tone=tone, start=start, end=end))
    return found


def _talks_over(turn: Row, overlapped: Sequence[Span]) -> bool:
    """Whether this turn began while the other party still spoke."""
    start = turn["start_s"]
    return start is not None and any(abs(span.start - start) < 0.5 for span in overlapped)


def _pauses(readings: Readings, holds: Sequence[Span]) -> list[Line]:
    lines = [
        Line(
            kind="hold",
            at=_at(hold.start),
            start=hold.start,
            end=hold.end,
            text=f"On hold for {long_time(hold.duration)}",
        )
        for hold in holds
    ]
    silences = [Span(row["start_s"], row["end_s"]) for row in readings.silences]
    lines += [
        Line(kind="silence", at=_at(s.start), start=s.start, end=s.end, text=f"{long_time(s.duration)} of silence")
        for s in silences
    ]
    return sorted(lines, key=lambda line: line.start or 0.0)


def _at(seconds: Seconds | None) -> str:
    return "" if seconds is None else clock(seconds)
