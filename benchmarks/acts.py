"""The recogniser of acts: how fast calls are judged with and without it, and what misheard words do to verdicts.

    python benchmarks/acts.py                 # both, on the corpus' held-out author
    python benchmarks/acts.py --share 0.1     # with a tenth of the words misheard

Calls are those of corpus/K1, which the recogniser did not learn from, some 45 turns each. A misheard word is left out,
doubled, or replaced by another word of the corpus, one third each, drawn from a fixed seed.
"""

import argparse
import random
import resource
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import msgspec

from callaudit.audit_rules.acts.corpus import read_corpus
from callaudit.audit_rules.acts.evaluation import conversation_of
from callaudit.audit_rules.acts.recogniser import shipped_recogniser
from callaudit.audit_rules.audit import audit_each
from callaudit.audit_rules.finding import Audit, Verdict
from callaudit.audit_rules.rulebook import Rulebook, load_rulebook
from callaudit.transcription.transcript import Transcript

CORPUS = Path(__file__).parents[1] / "corpus"
HELD_OUT = "K1"


def main() -> None:
    """Print both measurements."""
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("--share", type=float, default=0.1, help="of the words are misheard")
    asked.add_argument("--times", type=int, default=3, help="so often each call is judged with other words misheard")
    given = asked.parse_args()
    calls = [c for c in read_corpus(CORPUS, shipped_recogniser().tags) if c.author == HELD_OUT]
    transcripts = [conversation_of(call)[0].transcript for call in calls]

    with_acts, without = load_rulebook(), load_rulebook(recogniser=False)
    quick = _speed(transcripts, without)
    slow = _speed(transcripts, with_acts)
    print(f"phrases alone {quick:.0f} calls/s, with the recogniser {slow:.1f} calls/s (one core, processor time)")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"memory of this process: {peak:.0f} MB at its peak")

    luck = random.Random(1)  # noqa: S311  A seed makes the same words misheard each time.
    words = sorted({w for t in transcripts for u in t.utterances for w in u.text.split()})
    clean = [*audit_each(transcripts, with_acts)]
    flips: Counter[str] = Counter()
    for _ in range(given.times):
        noisy = [_misheard(t, given.share, luck, words) for t in transcripts]
        for before, after in zip(clean, audit_each(noisy, with_acts), strict=True):
            flips += _flips(before, after)
    judged = max(sum(flips.values()), 1)
    print(f"with {given.share:.0%} of the words misheard, of {judged} verdicts:")
    for what, count in sorted(flips.items(), key=lambda x: -x[1]):
        print(f"  {what:16s} {count:6d}  {count / judged:.1%}")


def _speed(transcripts: Sequence[Transcript], rulebook: Rulebook) -> float:
    # The first calls of a process are slower, while the automaton's states are made.
    list(audit_each(transcripts, rulebook))
    began = time.process_time()
    list(audit_each(transcripts, rulebook))
    return len(transcripts) / (time.process_time() - began)


def _misheard(transcript: Transcript, share: float, luck: random.Random, words: Sequence[str]) -> Transcript:
    utterances = []
    for utterance in transcript.utterances:
        heard: list[str] = []
        for word in utterance.text.split():
            if luck.random() >= share:
                heard.append(word)
                continue
            heard += luck.choice(([], [word, word], [luck.choice(words)]))
        utterances.append(msgspec.structs.replace(utterance, text=" ".join(heard) or utterance.text))
    return msgspec.structs.replace(transcript, utterances=tuple(utterances))


def _flips(before: Audit, after: Audit) -> Counter[str]:
    found: Counter[str] = Counter()
    for old, new in zip(before.findings, after.findings, strict=True):
        if old.verdict is new.verdict:
            found["same"] += 1
        elif Verdict.UNSURE in (old.verdict, new.verdict):
            found["to or from unsure"] += 1
        else:
            found["flipped"] += 1
    return found


if __name__ == "__main__":
    main()
