#!/usr/bin/env python
"""How well each engine hears the demo calls: word error rate by recording and channel.

    python benchmarks/word_error_rate.py            # print the page
    python benchmarks/word_error_rate.py --write    # write docs/word_error_rate.md

The transcript of the project's own `transcribe` is compared with the dialogue the recording was made from.
Word error rate = (substituted + deleted + inserted words) / words spoken, by jiwer, after `normalised`.
Both engines are measured with tiny.en, the weights of the extra `tiny`, which is what the demo uses; they take about a
minute of two cores each. `--model` names other weights on disk.
"""

import argparse
import re
import sys
from collections.abc import Iterable, Sequence
from functools import cache
from pathlib import Path

import jiwer
import msgspec

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "scripts"))

from make_samples import SAMPLES, Dialogue, read_cast, read_dialogues  # noqa: E402  The path or a skip comes first.

from callaudit.transcription.engines import Engine, EngineName, EngineUnavailable, choose  # noqa: E402  The path or a skip comes first.
from callaudit.transcription.inbox import Arrival, Source, scan  # noqa: E402  The path or a skip comes first.
from callaudit.transcription.transcribe import TranscriptionSettings, transcribe  # noqa: E402  The path or a skip comes first.

PAGE = ROOT / "docs" / "word_error_rate.md"

# Spellings of one and the same sound; no engine should pay for the dictionary of another.
_SAME = {
    "mister": "mr", "missis": "mrs", "okay": "ok", "alright": "all right", "cannot": "can not", "can't": "can not",
    "i'm": "i am", "i'll": "i will", "i've": "i have", "you're": "you are", "we're": "we are", "that's": "that is",
    "it's": "it is", "don't": "do not", "didn't": "did not", "what's": "what is", "he's": "he is", "she's": "she is",
}  # fmt: skip
_WORD = re.compile(r"[a-z0-9']+")


class Score(msgspec.Struct, frozen=True, kw_only=True):
    """One channel of one recording as one engine heard it; counts are words."""

    engine: str
    recording: str
    channel: str
    voice: str
    sample_rate: int
    spoken: int
    substituted: int
    deleted: int
    inserted: int

    @property
    def errors(self) -> int:
        """All wrong words."""
        return self.substituted + self.deleted + self.inserted


def normalised(text: str) -> str:
    """Lower case, no punctuation, one spelling each for contractions and titles."""
    return " ".join(_SAME.get(word, word) for word in _WORD.findall(text.lower().replace("’", "'")))


def spoken_on(dialogue: Dialogue, channel: int) -> str:
    """Return what the dialogue says on a channel; everything where both parties share one."""
    return " ".join(line.text for line in dialogue.lines if dialogue.layout == "mono" or line.channel == channel)


def measure(arrival: Arrival, *, engine: EngineName, model: str) -> list[Score]:
    """Transcribe one recording and score each of its channels."""
    dialogue = read_dialogues()[arrival.path.stem]
    everyone = read_cast()
    voices = (everyone.agents[dialogue.agent].voice, everyone.customers[dialogue.customer].voice)
    heard = transcribe(arrival, _engine(engine, model), settings=TranscriptionSettings(redact=False))
    scores = []
    for channel in (0,) if dialogue.layout == "mono" else (0, 1):
        hypothesis = " ".join(u.text for u in heard.utterances if u.channel == channel)
        words = jiwer.process_words(normalised(spoken_on(dialogue, channel)), normalised(hypothesis))
        scores.append(
            Score(
                engine=engine,
                recording=dialogue.call_id,
                channel="both" if dialogue.layout == "mono" else ("agent", "customer")[channel],
                voice=" + ".join(voices) if dialogue.layout == "mono" else voices[channel],
                sample_rate=8_000 if dialogue.codec in {"mulaw", "alaw"} else 16_000,
                spoken=words.hits + words.substitutions + words.deletions,
                substituted=words.substitutions,
                deleted=words.deletions,
                inserted=words.insertions,
            )
        )
    return scores


def engines_here(model: str) -> tuple[list[EngineName], list[str]]:
    """Name the engines that can run here, and for each other one a sentence why not."""
    able: list[EngineName] = []
    unable: list[str] = []
    engines: tuple[EngineName, ...] = ("whisper", "faster-whisper")
    for name in engines:
        try:
            _engine(name, model)
            able.append(name)
        except EngineUnavailable as error:
            unable.append(f"`{name}` was not measured: {error.what}.")
    return able, unable


def page(scores: Sequence[Score], unable: Sequence[str], model: str) -> str:
    """Write the whole page."""
    parts = [_INTRODUCTION]
    for engine in dict.fromkeys(s.engine for s in scores):
        mine = [s for s in scores if s.engine == engine]
        parts += [f"## {engine}, {model}", _grouped(mine), _each(mine)]
    return "\n\n".join([*parts, *unable]) + "\n"


_INTRODUCTION = """\
# Word error rate on the demo calls

Written by `python benchmarks/word_error_rate.py --write`; do not edit.

The recordings in `samples/recordings` are spoken by flite, a synthesiser, from the texts in `samples/dialogues`. Each
transcript is compared with its text: word error rate = (substituted + deleted + inserted) / words spoken. Case,
punctuation and contractions ("I'm", "I am") do not count.

These figures say how far the demo's transcripts can be trusted. They say little about your calls: the voices are clean
and do not vary. What bad lines cost is in [recognition](recognition.md#measured); for real use fetch base.en or
larger."""


def _grouped(scores: Sequence[Score]) -> str:
    groups: list[tuple[str, list[Score]]] = [
        ("16 kHz (FLAC, Opus)", [s for s in scores if s.sample_rate == 16_000]),
        ("8 kHz telephone (WAV, mu-law and A-law)", [s for s in scores if s.sample_rate == 8_000]),
    ]
    groups += [
        (f"16 kHz, voice {voice}", [s for s in scores if s.voice == voice and s.sample_rate == 16_000])
        for voice in sorted({s.voice for s in scores if " + " not in s.voice})
    ]
    rows = [(name, _sum(g, "spoken"), sum(s.errors for s in g), _rate(g)) for name, g in [*groups, ("all", scores)]]
    return _table(("pooled over", "words", "errors", "WER"), rows)


def _each(scores: Sequence[Score]) -> str:
    rows: list[tuple[object, ...]] = []
    for s in scores:
        counts = (s.spoken, s.substituted, s.deleted, s.inserted)
        rows.append((s.recording, s.channel, s.voice, f"{s.sample_rate // 1000} kHz", *counts, _rate([s])))
    heads = ("call", "channel", "voice", "rate", "words", "substituted", "deleted", "inserted", "WER")
    return _table(heads, rows)


def _sum(scores: Iterable[Score], field: str) -> int:
    return sum(getattr(s, field) for s in scores)


def _rate(scores: Sequence[Score]) -> str:
    return f"{sum(s.errors for s in scores) / max(1, _sum(scores, 'spoken')):.1%}"


def _table(heads: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join(f"| {' | '.join(str(cell) for cell in line)} |" for line in lines)


@cache
def _engine(name: EngineName, model: str) -> Engine:
    # Never fetched: a benchmark measures what is here.
    return choose(name, model=model, download_timeout=0.0)


def sample_arrivals() -> list[Arrival]:
    """The demo calls that are whole and have a time, in the order of their names."""
    source = Source(name="samples", folder=SAMPLES / "recordings", zone="America/New_York")
    unbroken = {stem for stem, dialogue in read_dialogues().items() if dialogue.fault is None}
    return sorted((a for a in scan(source).arrivals if a.path.stem in unbroken), key=lambda a: a.path.stem)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; exit code 0, or 2 for a wrong one."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--write", action="store_true", help=f"write {PAGE.relative_to(ROOT)} instead of printing")
    parser.add_argument("--model", default="tiny.en", help="weights on disk (default: %(default)s)")
    options = parser.parse_args(arguments)

    able, unable = engines_here(options.model)
    scores = [
        score for name in able for a in sample_arrivals() for score in measure(a, engine=name, model=options.model)
    ]
    text = page(scores, unable, options.model)
    if options.write:
        PAGE.write_text(text, encoding="utf-8")
        print(f"wrote {PAGE.relative_to(ROOT)}")
    else:
        print(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
