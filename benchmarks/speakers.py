#!/usr/bin/env python
"""How well two voices on one channel are told apart, and how well words name the agent.

    python benchmarks/speakers.py            # print the tables for a few calls (a minute)
    python benchmarks/speakers.py --write    # everything, into docs/speakers.md
    python benchmarks/speakers.py --count    # how many agents and customers say each phrase, for phrases.py
    python benchmarks/speakers.py --real ../shared/audio/two_channel_calm.wav    # one more two-channel call

Voices: the two-channel demo calls mixed down, where the channel is the truth; and calls put together from what single
people of the demo say, also with the same person made higher or lower as the other one, over a telephone and in noise.
Words: the half of `../shared/eval/conversations.jsonl` that the phrases were not counted in, with words lost and
replaced as a recogniser does; left out where that file is absent. Both: the demo calls mixed down, with their true
words laid evenly over the speech of their channel.
"""

import argparse
import hashlib
import json
import random
import re
import sys
from collections.abc import Iterable, Sequence
from itertools import combinations
from pathlib import Path

import msgspec
import numpy as np
from speech_activity import noise, telephone

from callaudit.transcription import speech
from callaudit.transcription.audio import Audio, Samples, decode
from callaudit.transcription.speakers import cast_of, layout_of, parties_of
from callaudit.transcription.speakers.naming import SURE, name_two, wording_of
from callaudit.transcription.speakers.phrases import COUNTED, folded
from callaudit.transcription.speakers.voices import told_apart
from callaudit.transcription.transcript import Span, SpeakerRole, Word

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "speakers.md"
CONVERSATIONS = ROOT.parent / "shared" / "eval" / "conversations.jsonl"
RATE = 16_000
_QUICK = 3
_FIGURES = "## Figures\n"
_GRID = 0.02
PARTIES = ("agent", "customer")

Spans = tuple[Span, ...]
Table = list[list[str]]


class Call(msgspec.Struct, frozen=True):
    """A two-channel call, who has speech where, and the words of its channels where they are known."""

    name: str
    samples: Samples
    spans: tuple[Spans, Spans]
    said: tuple[str, str] = ("", "")
    voices: tuple[str, str] = ("", "")

    @property
    def mixed(self) -> Samples:
        """Both parties on one channel."""
        return np.asarray(self.samples.mean(axis=0), np.float32)


def demo_calls() -> list[Call]:
    """The demo's two-channel calls that are whole."""
    cast = msgspec.yaml.decode((ROOT / "samples" / "cast.yaml").read_bytes())
    calls = []
    for page in sorted((ROOT / "samples" / "dialogues").glob("*.yaml")):
        dialogue = msgspec.yaml.decode(page.read_bytes())
        if dialogue.get("layout") == "mono" or dialogue.get("fault") == "cut_in_half":
            continue
        recording = next(p for p in (ROOT / "samples" / "recordings").glob(f"{page.stem}.*") if p.suffix != ".json")
        agent, customer = (" ".join(line[who] for line in dialogue["lines"] if who in line) for who in PARTIES)
        voices = cast["agents"][dialogue["agent"]]["voice"], cast["customers"][dialogue["customer"]]["voice"]
        call = two_channel_call(recording, dialogue["call_id"])
        calls.append(msgspec.structs.replace(call, said=(agent, customer), voices=voices))
    return calls


def two_channel_call(recording: Path, name: str) -> Call:
    """A recording with one party on each channel; the truth is where each channel has speech."""
    audio = decode(recording)
    left, right = speech.speech_by_channel(audio.samples, audio.sample_rate)
    return Call(name, audio.samples, (left, right))


# Voices.


def share_right(found: Sequence[Spans], truth: Sequence[Spans]) -> float:
    """The share of the time in which one party alone speaks that is given to the right voice, at best."""
    end = max(s.end for spans in truth for s in spans)
    real, given = (np.stack([_flags(spans, end) for spans in parties]) for parties in (truth, found))
    alone = real[0] ^ real[1]
    right = (real == given).all(axis=0)[alone].mean(), (real == given[::-1]).all(axis=0)[alone].mean()
    return float(max(right))


def _flags(spans: Spans, end: float) -> np.ndarray:
    flags = np.zeros(int(end / _GRID) + 1, np.bool_)
    for span in spans:
        flags[round(span.start / _GRID) : round(span.end / _GRID)] = True
    return flags


class Heard(msgspec.Struct):
    """What was found in calls of one kind: the share right of each that was claimed to be of two, and how many not."""

    right: list[float] = []
    abstained: int = 0

    def add(self, samples: Samples, truth: Sequence[Spans], *, one: bool = False) -> None:
        """Tell the voices of one more call apart."""
        found = told_apart(samples, RATE, speech.union(*truth, gap=0.3))
        if found.spans:
            self.right.append(0.0 if one else share_right(found.spans, truth))
        else:
            self.abstained += 1

    def row(self, kind: str) -> list[str]:
        """As a row of the table."""
        share = [f"{np.mean(self.right):.1%}", f"{min(self.right):.1%}"] if self.right else ["-", "-"]
        return [kind, str(len(self.right) + self.abstained), str(len(self.right)), str(self.abstained), *share]


def pieces_of(call: Call, party: int) -> list[Samples]:
    """What one party says, a breath each, at the level of a loud speaker."""
    said = [call.samples[party, int(s.start * RATE) : int(s.end * RATE)] for s in call.spans[party] if s.duration > 0.3]
    level = 0.1 / float(np.sqrt(np.mean(np.concatenate(said) ** 2)))
    return [np.asarray(piece * level, np.float32) for piece in said]


def higher(pieces: Sequence[Samples], by: float) -> list[Samples]:
    """A voice with pitch and formants so many times as high: another, much alike."""
    return [np.interp(np.arange(0, len(p) - 1, by), np.arange(len(p)), p).astype(np.float32) for p in pieces]


def put_together(
    people: Sequence[Sequence[Samples]], *, seconds: float, seed: int, louder: float = 1.0
) -> tuple[Samples, tuple[Spans, ...]]:
    """A call in which the people take turns of one to three breaths, now and then a little over one another."""
    chance = np.random.default_rng(seed)
    orders = [chance.permutation(len(pieces)) for pieces in people]
    sound = chance.normal(0, 1e-4, round((seconds + 30) * RATE))
    spans: list[list[Span]] = [[] for _ in people]
    who, now, used = 0, 0.4, [0] * len(people)
    while now < seconds:
        for _ in range(chance.integers(1, 4)):
            piece = people[who][orders[who][used[who] % len(orders[who])]]
            used[who] += 1
            first = int(now * RATE)
            sound[first : first + len(piece)] += piece[: len(sound) - first] * (louder if who else 1.0)
            spans[who].append(Span(now, now + len(piece) / RATE))
            now += len(piece) / RATE + chance.uniform(0.05, 0.35)
        who, now = (who + 1) % len(people), now + chance.uniform(-0.1, 0.7)
    return sound[: round((now + 1) * RATE)].astype(np.float32), tuple(speech.union(own) for own in spans)


def over_telephone(samples: Samples, seed: int, snr: float = 20.0) -> Samples:
    """The band and the steps of a telephone, with pink noise so many dB below the voices."""
    heard = telephone(samples[None])[0]
    hiss = 10 ** ((-20 - snr) / 20) * noise(len(heard), "pink", seed)
    return np.asarray(heard + hiss, np.float32)


class Case(msgspec.Struct, frozen=True):
    """A call to put together."""

    people: Sequence[Sequence[Samples]]
    seconds: float
    louder: float


def voices_table(calls: Sequence[Call], quick: bool) -> Table:
    """How speech is shared out between two voices, and whether one voice alone is left alone."""
    rows: Table = []
    for kind, line in (("mixed down", lambda x, _: x), ("mixed down, telephone, noise 20 dB", over_telephone)):
        heard = Heard()
        for seed, call in enumerate(calls):
            heard.add(line(call.mixed, seed), call.spans)
        rows.append(heard.row(kind))
    people = {f"{call.name} {party}": pieces_of(call, n) for call in calls for n, party in enumerate(PARTIES)}
    # The demo has twelve people and four voices: of each voice the person who says most.
    by_voice: dict[str, list[Samples]] = {}
    for call in calls:
        for party, voice in enumerate(call.voices):
            pieces = pieces_of(call, party)
            if sum(map(len, pieces)) > sum(map(len, by_voice.get(voice, []))):
                by_voice[voice] = pieces
    picked = list(by_voice.values())
    pairs = list(combinations(picked, 2)) * (1 if quick else 3)

    def cases(seconds: float, louder: float = 1.0) -> list[Case]:
        return [Case([a, b], seconds, louder) for a, b in pairs]

    kinds = [
        ("put together, 90 s", cases(90.0), 20.0),
        ("put together, 40 s, noise 10 dB", cases(40.0), 10.0),
        ("put together, the second 10 dB softer", cases(90.0, 0.32), 20.0),
        *(
            (f"a person and the same x {by}", [Case([a, higher(a, by)], 90.0, 1.0) for a in picked], 20.0)
            for by in (0.9, 1.06, 1.12)
        ),
    ]
    seed = 0
    for kind, several, snr in kinds:
        heard = Heard()
        for case in several:
            seed += 1
            samples, truth = put_together(case.people, seconds=case.seconds, seed=seed, louder=case.louder)
            heard.add(over_telephone(samples, seed, snr), truth)
        rows.append(heard.row(kind))
    for kind, by in (("one voice alone", 1.0), ("one voice alone, now loud, now 10 dB softer", 0.32)):
        heard = Heard()
        for person in people.values():
            seed += 1
            samples, truth = put_together([person, person], seconds=90.0, seed=seed, louder=by)
            heard.add(over_telephone(samples, seed), truth, one=True)
        rows.append(heard.row(kind))
    return rows


# Words.


def conversations(counted: bool) -> list[list[tuple[str, str]]]:
    """The conversations of one half, each as (party, text); both parties speak in each."""
    found = []
    for line in CONVERSATIONS.read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        is_counted = hashlib.sha256(row["conversation_id"].encode()).digest()[-1] % 2 == 0
        turns = [(t["speaker"], t["text"]) for t in row["turns"] if t["speaker"] in PARTIES]
        if is_counted is counted and {who for who, _ in turns} == set(PARTIES):
            found.append(turns)
    return found


def counts() -> Iterable[str]:
    """Each counted phrase with how many agents and customers say it."""
    parties = [
        [" ".join(folded(text) for who, text in turns if who == party) for turns in conversations(counted=True)]
        for party in PARTIES
    ]
    for _, _, pattern in COUNTED:
        expression = re.compile(rf"\b(?:{pattern})\b")
        agents, customers = (sum(bool(expression.search(text)) for text in texts) for texts in parties)
        yield f"{agents:>3} {customers:>3}  {pattern}"


def misheard(text: str, share: float, others: Sequence[str], chance: random.Random) -> list[Word]:
    """The words with a share of them lost (two in five) or replaced by any other word."""
    kept = []
    for word in folded(text).split():
        lot = chance.random()
        if lot >= share:
            kept.append(word)
        elif lot >= 0.4 * share:
            kept.append(chance.choice(others))
    return [Word(word, n / 3, (n + 1) / 3) for n, word in enumerate(kept)]


class Guess(msgspec.Struct, frozen=True):
    """One naming: how sure, and whether right."""

    confidence: float
    is_right: bool


def naming_tables() -> tuple[Table, Table, Table]:
    """What words name: by kind of conversation, by how sure, and of parties judged alone."""
    halves = conversations(counted=False)
    others = [word for turns in halves for _, text in turns for word in folded(text).split()]
    rows: Table = []
    everything: list[Guess] = []
    alone: list[Guess] = []
    for kind, share, turns_heard in (
        ("as written", 0.0, None), ("15 % of the words lost or replaced", 0.15, None), ("30 %", 0.3, None),
        ("50 %", 0.5, None), ("the first 4 turns, 15 %", 0.15, 4), ("the first 2 turns, 15 %", 0.15, 2),
    ):  # fmt: skip
        guesses = []
        for number, turns in enumerate(halves):
            chance = random.Random(number)  # noqa: S311  The same words every time.
            said = [
                [w for who, text in turns[:turns_heard] if who == party for w in misheard(text, share, others, chance)]
                for party in PARTIES
            ]
            if not all(said):
                continue
            agent, customer = map(wording_of, said)
            named = name_two(agent, customer, sure=0.0)
            guesses.append(Guess(named.confidence, named.roles[0] is SpeakerRole.AGENT))
            alone += [Guess(1 / (1 + np.exp(-abs(w.score))), (w.score > 0) is (w is agent)) for w in (agent, customer)]
        everything += guesses
        rows.append(_named_row(kind, guesses))
    bounds = ((0.5, 0.7), (0.7, 0.8), (0.8, 0.9), (0.9, 0.95), (0.95, 0.99), (0.99, 1.01))
    calibration = [
        [f"{low:.0%} to {min(high, 1.0):.0%}", str(len(own)), f"{np.mean([g.is_right for g in own]):.1%}"]
        for low, high in bounds
        if (own := [g for g in everything if low <= g.confidence < high])
    ]
    return rows, calibration, [_named_row("each party by its own words, all of the above", alone)]


def _named_row(kind: str, guesses: Sequence[Guess]) -> list[str]:
    named = [g for g in guesses if g.confidence >= SURE]
    wrong = sum(not g.is_right for g in named)
    swapped = sum(not g.is_right and g.confidence >= 0.99 for g in guesses)
    return [kind, *map(str, (len(guesses), len(named) - wrong, len(guesses) - len(named), wrong, swapped))]


# Both.


def whole_table(calls: Sequence[Call]) -> Table:
    """Demo calls from one channel to named words."""
    rows: Table = []
    for seed, call in enumerate(calls):
        truth = [(w, role) for n, role in enumerate(PARTIES) for w in laid_out(call.said[n], call.spans[n])]
        truth.sort(key=lambda one: one[0].start)
        samples = over_telephone(call.mixed, seed)[None]
        audio = Audio(samples=samples, sample_rate=RATE, source_rate=RATE, codec="mixed")
        layout = layout_of(audio, [speech.Heard(speech.union(*call.spans, gap=0.3), ())])
        parties = parties_of(layout, [[word for word, _ in truth]])
        cast = cast_of(layout, parties)
        given = {(w.start, w.text): role.value for p, role in zip(parties, cast.roles, strict=True) for w in p.words}
        right = np.mean([given[word.start, word.text] == role for word, role in truth])
        rows.append([call.name, f"{cast.confidence:.0%}" if cast.confidence else "abstains", f"{right:.1%}"])
    return rows


def laid_out(text: str, spans: Spans) -> list[Word]:
    """The words at even distances over the speech."""
    said = text.split()
    each = speech.total(spans) / max(1, len(said))
    places = np.concatenate([np.arange(s.start, s.end, 0.01) for s in spans])
    starts = [float(places[min(len(places) - 1, int(n * each / 0.01))]) for n in range(len(said))]
    return [Word(word, round(start, 3), round(start + 0.8 * each, 3)) for word, start in zip(said, starts, strict=True)]


def markdown(head: Sequence[str], rows: Table) -> str:
    """A table."""
    return "\n".join(f"| {' | '.join(row)} |" for row in ([*head], ["---"] * len(head), *rows))


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--write", action="store_true", help="measure everything and write it into docs/speakers.md")
    parser.add_argument("--count", action="store_true", help="print how often each phrase is said, and stop")
    parser.add_argument("--real", type=Path, action="append", default=[], help="another two-channel recording")
    options = parser.parse_args(arguments)
    if options.count:
        print("\n".join(counts()))
        return 0
    calls = demo_calls()[: None if options.write else _QUICK]
    heads = ["calls", "two claimed", "abstained", "speech with the right voice", "worst call"]
    parts = ["### Voices\n", markdown(["kind", *heads], voices_table(calls, quick=not options.write))]
    if options.real:
        real = voices_table([two_channel_call(path, path.stem) for path in options.real], quick=False)[:2]
        parts += ["\nReal calls:\n", markdown(["kind", *heads], real)]
    if CONVERSATIONS.exists():
        named, sure, alone = naming_tables()
        heads = ["parties or pairs", "right", "abstained", "wrong", "wrong at 99 %"]
        parts += ["\n### Words\n", markdown(["conversations", *heads], named + alone)]
        parts += ["", markdown(["sure", "namings", "right"], sure)]
    else:
        print(f"{CONVERSATIONS.name} is not there: words are not measured", file=sys.stderr)
    parts += ["\n### Both\n", markdown(["call", "confidence", "words with the right role"], whole_table(calls))]
    text = "\n".join(parts) + "\n"
    if options.write:
        page = PAGE.read_text(encoding="utf-8")
        PAGE.write_text(page[: page.index(_FIGURES) + len(_FIGURES)] + "\n" + text, encoding="utf-8")
    print(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
