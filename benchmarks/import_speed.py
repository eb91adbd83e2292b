"""How fast exports become transcripts, against json.loads alone, which gives no turns, roles or checked times.

python benchmarks/import_speed.py [CALLS]     a 40-turn call in two shapes: 560 words with times, and turns only
"""

import json
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from callaudit.transcription.exports import read_export
from callaudit.transcription.transcript import Call, SpeakerRole

CALL = Call(call_id="1", source="bench")
LINES = (
    "I have been charged twice for the same order and nobody at all is helping me",
    "I can hear how frustrating that is and I am sorry, let me look at it",
)


def deepgram() -> str:
    """Utterances and channels, every word with its time and confidence."""
    utterances = []
    for turn in range(40):
        words = [
            {"word": w.lower(), "punctuated_word": w, "confidence": 0.98,
             "start": round(6 * turn + 0.3 * n, 3), "end": round(6 * turn + 0.3 * n + 0.25, 3)}
            for n, w in enumerate(LINES[turn % 2].split())
        ]  # fmt: skip
        utterances.append(
            {"start": words[0]["start"], "end": words[-1]["end"], "confidence": 0.98, "channel": turn % 2,
             "transcript": LINES[turn % 2], "words": words, "id": str(turn)}
        )  # fmt: skip
    channels = [
        {"alternatives": [{"words": [w for u in utterances[c::2] for w in u["words"]]}]}  # type: ignore[attr-defined]  # A literal of mixed lists.
        for c in (0, 1)
    ]
    return json.dumps({"metadata": {"duration": 240.0}, "results": {"channels": channels, "utterances": utterances}})


def contact_lens() -> str:
    """Turns with times and no words."""
    turns = [
        {"ParticipantId": "CA"[turn % 2], "Id": str(turn), "Content": LINES[turn % 2],
         "BeginOffsetMillis": 6000 * turn, "EndOffsetMillis": 6000 * turn + 4500}
        for turn in range(40)
    ]  # fmt: skip
    roles = [{"ParticipantId": "A", "ParticipantRole": "AGENT"}, {"ParticipantId": "C", "ParticipantRole": "CUSTOMER"}]
    return json.dumps({"JobStatus": "COMPLETED", "Participants": roles, "Transcript": turns})


def seconds(work: Callable[[], object], calls: int) -> float:
    """Processor seconds, the best of three."""
    best = float("inf")
    for _ in range(3):
        began = time.process_time()
        for _ in range(calls):
            work()
        best = min(best, time.process_time() - began)
    return best / calls


def main() -> None:
    """Print calls a second and the ratio to json.loads."""
    calls = int(sys.argv[1]) if len(sys.argv) > 1 else 200
    with tempfile.TemporaryDirectory() as folder:
        for name, text in (("Deepgram", deepgram()), ("Contact Lens", contact_lens())):
            path = Path(folder, f"{name}.json")
            path.write_text(text, encoding="utf-8")
            plain = seconds(partial(parsed, path), calls)
            read = seconds(partial(imported, path, redact=False), calls)
            masked = seconds(partial(imported, path, redact=True), calls)
            print(
                f"{name} ({len(text) / 1000:.0f} kB): read {1 / read:,.0f} calls/s, {read / plain:.1f} x json.loads; "
                f"with masking {1 / masked:,.0f} calls/s"
            )


def parsed(path: Path) -> object:
    """What is in the file, as a script would read it."""
    return json.loads(path.read_bytes())


def imported(path: Path, *, redact: bool) -> object:
    """The transcript in the file."""
    return read_export(path, call=CALL, speakers={"1": SpeakerRole.AGENT}, redact=redact)


if __name__ == "__main__":
    main()
