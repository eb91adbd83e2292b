"""What the figures rest on: what was not audited, how words and roles were found, how everything is counted."""

from collections.abc import Sequence

import msgspec

from callaudit.audit_rules.scorecard import LEAST_JUDGED
from callaudit.audit_rules.sentences import language
from callaudit.reports.reviews.accuracy import MINIMUM, MINIMUM_OF_EACH
from callaudit.reports.statistics import Rate, sidak
from callaudit.reports.weekly.queries import AGENT_WEEKS, Readings
from callaudit.reports.weekly.rates import HEADLINES, week_row
from callaudit.reports.weekly.rows import CallHeardAgain
from callaudit.reports.wording import between, counted, listed, long_time, number_word, percent, sentence


class Fact(msgspec.Struct, frozen=True, kw_only=True):
    """A line of the data quality list."""

    name: str
    value: str


def quality_facts(readings: Readings) -> tuple[Fact, ...]:
    """What was audited, by which engine, with which speakers, how much could be judged and was checked."""
    facts = []
    row = week_row(readings, readings.week)
    if row:
        facts.append(Fact(name="Audited", value=f"{counted(row.calls, 'call')}, {long_time(row.duration_s or 0)}"))
    facts.extend(
        Fact(
            name="Words by",
            value=f"{engine.engine} {engine.model}: {counted(engine.calls, 'call')}"
            + (f", mean confidence {engine.confidence:.2f}" if engine.confidence is not None else ""),
        )
        for engine in readings.engines
    )
    unheard = readings.unheard
    if unheard.calls:
        facts.append(
            Fact(
                name="Not understood",
                value=f"{long_time(unheard.seconds)} of speech without words, in {counted(unheard.calls, 'call')}: "
                "nobody is said to have missed what may have been said there",
            )
        )
    if readings.heard_again:
        facts.append(Fact(name="Heard again", value=_heard_again(readings.heard_again)))
    for cover in readings.coverage[:1]:
        undecided = cover.applicable - cover.judged
        judged, unsure = (Rate.of(part, cover.applicable) for part in (cover.judged, cover.unsure))
        facts.append(
            Fact(
                name="Could be judged",
                value=f"{cover.judged:,.0f} of {cover.applicable:,.0f} rules that applied "
                f"({percent(judged.share)}); {undecided:,} left out of every rate"
                + (f", {cover.unsure:,} of them unsure ({percent(unsure.share)})" if cover.unsure else ""),
            )
        )
        for calls, name, why in (
            (cover.calls_roles_guessed, "Speakers guessed", "one channel; roles told from the words"),
            (cover.calls_roles_unknown, "Speakers unknown", "rules that need to know who speaks were not judged"),
            (cover.calls_without_times, "No timing", "interruptions, holds and answer times were not judged"),
        ):
            if calls:
                facts.append(Fact(name=name, value=f"{counted(calls, 'call')}: {why}"))
    if row and row.perhaps_tense_calls:
        perhaps = row.perhaps_tense_calls
        facts.append(
            Fact(name="Perhaps tense", value=f"{counted(perhaps, 'call')} to listen to: in no figure of tense calls")
        )
    for erased in readings.erased:
        why = "past the age they are kept for" if erased.kind == "retention" else "on request"
        told = f"{counted(erased.calls, 'call')} of this week, {why}: in no figure here"
        facts.append(Fact(name="Erased", value=told))
    unnamed = sum(row.agent_id is None for row in readings.calls)
    if unnamed:
        facts.append(Fact(name="Agent not named", value=f"{counted(unnamed, 'call')}: in no agent's figures"))
    if readings.undated:
        facts.append(
            Fact(
                name="Undated",
                value=f"{counted(readings.undated, 'call')} in the warehouse without a date belong to no week",
            )
        )
    facts.append(Fact(name="Checked by people", value=_checked(readings)))
    return tuple(facts)


def _heard_again(calls: Sequence[CallHeardAgain]) -> str:
    """How many verdicts hang on the recogniser, as far as a random sample of calls that were heard twice tells."""
    rate = Rate.clustered([(row.flipped, row.judged) for row in calls])
    turned = sum(row.turned for row in calls)
    ways = listed(sorted({row.way for row in calls}))
    return (
        f"{counted(len(calls), 'call')} of four weeks, drawn at random, by {ways}: {rate.hits:.0f} of {rate.n:,.0f} "
        f"verdicts met or missed came out otherwise (likely {between(rate.interval())})"
        + (f", {turned} of them the opposite" if turned else "")
    )


def _checked(readings: Readings) -> str:
    """What was re-heard of this week, and how much of it agreed: of what was drawn at random alone.

    What was picked for being doubtful, or because it struck somebody, says nothing of how often the rules are right.
    """
    heard = {(row.call_id, row.rule_id) for row in readings.reviews}
    if not heard:
        return "no verdict of this week yet"
    drawn = [
        row.verdict == row.rule_verdict
        for row in readings.rule_reviews
        if (row.call_id, row.rule_id) in heard and row.verdict in _SAID and row.rule_verdict in _SAID
    ]
    said = f"{counted(len(heard), 'verdict')} re-heard"
    if not drawn:
        return f"{said}, none of them drawn at random"
    agreed = Rate.of(sum(drawn), len(drawn))
    return f"{said}; of {len(drawn)} drawn at random {sum(drawn)} agreed (likely {between(agreed.interval())})"


# What people or the rule leave open agrees with nothing and contradicts nothing.
_SAID = ("met", "missed", "not_applicable")


def not_audited_facts(readings: Readings) -> tuple[Fact, ...]:
    """Recordings of the week that could not be audited, by reason, with what to do."""
    rows = readings.not_audited
    before: dict[str, int] = {}
    for row in rows:
        if row.counted_week == readings.before:
            before[row.code] = before.get(row.code, 0) + row.files
    now: dict[str, int] = {}
    steps: dict[str, str] = {}
    for row in rows:
        if row.counted_week == readings.week:
            now[row.code] = now.get(row.code, 0) + row.files
            steps.setdefault(row.code, str(row.next_step or ""))
    return tuple(
        Fact(
            # A copy by a newer callaudit may hold a code that no sentence here tells.
            name=language().refusals.get(code, code.replace("_", " ")),
            value=f"{files} (week before {before.get(code, 0)})"
            + (f". {sentence(steps[code])}" if steps[code] else ""),
        )
        for code, files in sorted(now.items(), key=lambda item: (-item[1], item[0]))
    )


def not_audited_note(readings: Readings) -> str:
    """What stands in place of the list where there is none."""
    if readings.edition.is_whole:
        return "Every recording of the week was audited."
    return "What could not be audited belongs to no team, queue or agent yet: see the report of all calls."


def how_counted(readings: Readings, steps: int) -> tuple[str, ...]:
    """The rules of counting, as sentences."""
    level = 100 * sidak(0.95, steps + HEADLINES)
    return (
        "A call is tense from the customer's first upset words. Rules for tense calls do not apply to friendly ones: "
        "a rule that did not apply, or that the recording could not show, is outside every rate. Where a customer was "
        "only perhaps upset, the call is neither tense nor friendly.",
        "Unsure means that something near enough was said, that one witness alone heard it, or that the customer was "
        "only perhaps upset: a person should listen. It is outside every rate and score; its share of what was called "
        f"for stands beside them. A call of which less than {percent(LEAST_JUDGED)} of the weight called for was "
        "judged has no score.",
        "A rule is met or missed in a call. A step is followed when at least half the weight of its judged rules was "
        "met and neither a critical rule nor its main rule, the one that outweighs each other, was missed. A call's "
        "score is the weight met of the weight judged, 0 to 100. Every share of steps followed, of a step, an agent, "
        "a team or a scorecard, counts the same steps of calls: the headline is their sum.",
        "Calls with a critical miss are counted of those in which a critical rule could be judged or none was called "
        "for, tense calls of those of which it could be told.",
        "Ranges are 95% Wilson intervals. Verdicts on one agent's calls (one call's, where no two agents are named) "
        "are alike, so pooled ranges are widened by the design effect (Cochran) and, where agents are few, by "
        "Student's quantile (Korn and Graubard); a naive range would be too narrow.",
        f"A change is clear when Newcombe's interval of the difference leaves out zero at {level:.1f} %: with "
        f"{number_word(HEADLINES)} headlines and {number_word(steps)} steps (Šidák) a week in which nothing changed is "
        "then told as changed at most once in twenty.",
        f"Agents are shown over {AGENT_WEEKS} weeks, pulled towards their own team in proportion to how few calls "
        "there are (empirical Bayes, beta-binomial), and read as above or below only at a level corrected for their "
        "number. A change since the four weeks before is called clear at a level at which all agents and teams "
        "together err in one week of a hundred.",
        "What drives misses counts verdicts. A miss is never heard, late, early and so on by the nearest place that "
        "the rule found. What goes with a calmed call compares each agent's calls with their own (Mantel and "
        "Haenszel's difference, Sato's variance) and is told only where it is clear for the number of rules asked.",
        "What is said of a rule's accuracy comes from findings drawn at random that people judged, over the weeks "
        "shown: precision and recall of its misses (Wilson), Cohen's kappa (Wilson's range of agreement, chance as "
        "known), and its rate "
        f"corrected for these errors (Rogan and Gladen; Lang and Reiczigel's range). It is said from {MINIMUM} judged "
        f"findings on, the corrected rate from {MINIMUM_OF_EACH} truly met and {MINIMUM_OF_EACH} truly missed.",
        *([_PSEUDONYMS] if readings.edition.pseudonyms else []),
        f"Days, ISO weeks and times of day are those of {readings.timezone}, wherever a call came from. "
        "Weeks judged by different rules are not joined by a line.",
        "Not audited: nods and eye contact cannot be heard; the voice emotion of agents is deliberately not inferred.",
        "Recognised words contain errors. Before any decision about a person, listen to the call.",
    )


_PSEUDONYMS = (
    "Agents and calls stand under pseudonyms that are the same in every report made under the same key. Teams and "
    "queues of fewer than three agents are not named, times of day and links to calls are left out, and so is every "
    "quote that holds a word of an agent's name or in which somebody says who they are. Who knows a call may still "
    "know it again."
)


def footer_text(readings: Readings) -> str:
    """What judged the calls, and who may read this."""
    versions = sorted({row.rulebook_version for row in readings.versions if row.iso_week == readings.week})
    judged = f"Judged by rulebook {listed([str(v)[:12] for v in versions])}. " if versions else ""
    if readings.edition.pseudonyms:
        return f"{judged}Agents stand under pseudonyms. Confidential: quotes come from calls with customers."
    if readings.edition.agent:
        return f"{judged}Confidential: for {readings.edition.agent_name} and who coaches them."
    return f"{judged}Confidential: names people. Do not forward outside the quality team."
