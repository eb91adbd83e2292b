#!/usr/bin/env python
"""Words lost and words invented, with real weights: what a recogniser leaves out of speech, and writes where none is.

    python benchmarks/words_lost.py CALL.wav ...                      # lost words: recordings of your own
    python benchmarks/words_lost.py --engines whisper --names 0 30    # only so
    python benchmarks/words_lost.py CALL.wav --said Baker David       # and how many of these are written right
    python benchmarks/words_lost.py --invented 600                    # invented words: ten minutes of each sound

Lost: each recording is heard as a run hears it, with a glossary of so many names, those that are `--said` in it first,
and each of its channels by plain `whisper.transcribe` besides. Told are the words for each word of the plain hearing,
the share of speech that carries words (`transcription.unheard`) before and after speech without words was heard again,
how often the said names are written, and the processor's time.

Invented: sounds without speech (`benchmarks/speech_activity.py`), whole through the way of a call; every word is wrong.
A run gives a recogniser only what its detector calls speech; so these are also given to it as if all of it were, and
told is what the guard then lets through.
"""

import argparse
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "benchmarks")]

from speech_activity import NOT_SPEECH, RATE, not_speech  # noqa: E402  The path comes first.
from word_error_rate import normalised  # noqa: E402  The path comes first.

from callaudit.transcription import (  # noqa: E402  The path comes first.
    hallucinations,
    names,
    speech,
    transcribe,
    unheard,
)
from callaudit.transcription.audio import Samples  # noqa: E402  The path comes first.
from callaudit.transcription.engines import Channel, Engine, EngineName, Written, choose  # noqa: E402  The path comes first.
from callaudit.transcription.engines.checkpoints import obtain  # noqa: E402  The path comes first.
from callaudit.transcription.inbox import arrival_of  # noqa: E402  The path comes first.
from callaudit.transcription.transcript import Span, Word  # noqa: E402  The path comes first.

ENGINES: tuple[EngineName, ...] = ("whisper", "faster-whisper")
NAMES = (
    "Dana Whitfield", "Acme Router", "Contoso Home", "Priya Raman", "Northwind", "Fabrikam", "Sam", "Litware",
    "Tailspin", "Wingtip", "Kowalski", "Adatum", "Proseware", "Lucerne", "Margie", "Trey", "Alpine Ski House",
    "Blue Yonder", "Coho", "Graphic Design Institute", "Humongous", "Relecloud", "Southridge", "Wide World",
    "Woodgrove", "Fourth Coffee", "First Up", "Best For You", "Munson", "VanArsdel",
)  # fmt: skip


class Remembering:
    """An engine that hears nothing twice in the same way, and the processor's seconds that each hearing took."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.provenance, self.model, self.batch = engine.provenance, engine.model, engine.batch
        self.takes_glossary = engine.takes_glossary
        self.seconds = 0.0
        self._known: dict[bytes, tuple[list[Written], float]] = {}

    def transcribe(self, heard: Sequence[Channel]) -> list[Written]:
        """What the engine writes; `seconds` grows by what it took, now or the first time."""
        key = msgspec.json.encode([(c.call, c.spans, c.glossary) for c in heard])
        if key not in self._known:
            began = time.process_time()
            self._known[key] = self.engine.transcribe(heard), time.process_time() - began
        written, seconds = self._known[key]
        self.seconds += seconds
        return list(written)


def plain_words(path: Path, model: str) -> list[int]:
    """How many words plain `whisper.transcribe` writes in the speech of each channel that a run would hear.

    What it writes elsewhere ("thank you for watching" into silence) was never said.
    """
    import whisper  # noqa: PLC0415  Only this part needs it.

    weights = obtain(model)
    plain = whisper.load_model(str(weights.path), device="cpu")
    call = transcribe.prepare(arrival_of(path, zone="UTC"))
    counts = []
    for channel in call.channels:
        found = plain.transcribe(channel.samples, fp16=False, word_timestamps=True)["segments"]
        words = [Word(w["word"], float(w["start"]), float(w["end"])) for s in found for w in s["words"]]
        spoken = hallucinations.in_speech(sorted(words, key=lambda w: w.start), channel.spans)
        counts.append(len(normalised(" ".join(w.text for w in spoken)).split()))
    return counts


def lost(
    path: Path, engine: Remembering, counts: Sequence[int], plain: Sequence[int], said: Sequence[str]
) -> Iterator[str]:
    """A row of the table for each size of glossary and channel."""
    call = transcribe.prepare(arrival_of(path, zone="UTC"))
    floor = hallucinations.FLOORS[engine.provenance.engine]
    for count in counts:
        engine.seconds = 0.0
        channels = [msgspec.structs.replace(c, glossary=(*said, *NAMES)[:count]) for c in call.channels]
        first = names.with_names(channels, engine)
        again = unheard.heard_again(channels, first, engine, floor=floor)
        for n, channel in enumerate(channels):
            before, after = (
                hallucinations.guarded(w[n].words, channel.spans, floor=floor).words for w in (first, again)
            )
            heard = len(normalised(" ".join(w.text for w in after)).split())
            right = sum(w.text.strip(".,?!").removesuffix("'s") in said for w in after)
            yield (
                f"| {path.stem}, {n} | {engine.provenance.engine} | {count} | {plain[n]} | {heard} | "
                f"{heard / plain[n]:.1%} | {_carried(channel, before):.1%} | {_carried(channel, after):.1%} | "
                f"{right} | {engine.seconds:.0f} s |"
            )


def _carried(channel: Channel, words: Sequence[Word]) -> float:
    """The share of speech that carries words; a hole is counted if it is long enough to be heard again."""
    holes = unheard.without_words(channel.spans, words, shortest=unheard.WORTH_HEARING)
    return 1 - sum(map(speech.total, holes)) / speech.total(channel.spans)


def invented(name: str, sound: Samples, engine: Engine, count: int) -> str:
    """A row of the table: words that a run keeps, and words that the guard keeps where all of it is called speech."""
    spans = speech.speech_spans(sound, RATE)
    channel = Channel(samples=sound, sample_rate=RATE, spans=spans, glossary=NAMES[:count])
    whole = msgspec.structs.replace(channel, spans=(Span(0.0, len(sound) / RATE),))
    kept = [_kept(one, engine) for one in (channel, whole)]
    return f"| {name} | {engine.provenance.engine} | {count} | {kept[0]} | {kept[1]} |"


def _kept(channel: Channel, engine: Engine) -> int:
    floor = hallucinations.FLOORS[engine.provenance.engine]
    written = unheard.heard_again([channel], names.with_names([channel], engine), engine, floor=floor)
    return len(hallucinations.guarded(written[0].words, channel.spans, floor=floor).words)


def main() -> None:
    """Measure what is asked for and print it as it comes."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("calls", nargs="*", type=Path)
    parser.add_argument("--engines", nargs="*", choices=ENGINES, default=ENGINES)
    parser.add_argument("--names", nargs="*", type=int, default=(0, 1, 5, 30))
    parser.add_argument("--said", nargs="*", default=(), metavar="NAME")
    parser.add_argument("--model", default="tiny.en")
    parser.add_argument("--invented", type=float, metavar="SECONDS")
    parser.add_argument("--sounds", nargs="+", choices=NOT_SPEECH, default=NOT_SPEECH)
    parser.add_argument("--threads", type=int, default=1)
    chosen = parser.parse_args()
    if chosen.calls:
        heads = "call, channel|engine|names|plain words|words|of plain|carried first|carried|said names|time".split("|")
        print(f"| {' | '.join(heads)} |\n|{' --- |' * len(heads)}", flush=True)
    for path in chosen.calls:
        plain = plain_words(path, chosen.model)
        for name in chosen.engines:
            engine = Remembering(choose(name, model=chosen.model, threads=chosen.threads))
            for row in lost(path, engine, chosen.names, plain, chosen.said):
                print(row, flush=True)
    if chosen.invented:
        print("| sound | engine | names | words of a run | words if all were speech |")
        print("| --- | --- | --- | --- | --- |", flush=True)
        for name in chosen.engines:
            heard_by = choose(name, model=chosen.model, threads=chosen.threads)
            for sound in chosen.sounds:
                samples = not_speech(sound, chosen.invented)
                for count in (0, 5):
                    print(invented(sound, samples, heard_by, count), flush=True)


if __name__ == "__main__":
    main()
