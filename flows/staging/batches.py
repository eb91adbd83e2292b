"""Calls in batches: what one task does, what is judged at once and stored at once.

A batch is some minutes of work, so that a night is tens or hundreds of tasks, never one for each call. What arrives as
a transcript is counted, what must be heard is measured in its sound, and the two are never in one batch: they are done
in different places.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime

import msgspec

from callaudit.audit_rules.conversation import Contact
from callaudit.transcription.inbox import Arrival
from callaudit.transcription.transcript import Seconds

# Of exports and of recordings each: two tasks a batch make 2,000 a night, and more make Prefect's own history slow. The
# batches of a larger night are larger.
MOST_BATCHES = 500

# A recording that does not say how long it is counts as this.
USUAL_CALL: Seconds = 300.0


class Batch(msgspec.Struct, frozen=True, kw_only=True):
    """Calls that are audited together, and all that judging them takes besides their words.

    `number` counts the batches of a run from 1. `contacts` are the known calls of the batch's customers by customer id,
    `known_until` is until when calls are known.
    """

    number: int
    arrivals: tuple[Arrival, ...]
    contacts: Mapping[str, tuple[Contact, ...]] = {}
    known_until: datetime | None = None

    @property
    def is_imported(self) -> bool:
        """Whether its calls come as words, not as sound."""
        return bool(self.arrivals[0].export)


def split_into_batches(
    arrivals: Sequence[Arrival], *, calls: int, audio: Seconds, length: Callable[[Arrival], Seconds | None]
) -> Iterator[tuple[Arrival, ...]]:
    """The arrivals in portions of at most `calls`, recordings also of about `audio` seconds; their order is kept.

    `length` gives how long a recording is. Transcripts come first: they are judged while nothing has to be heard.
    """
    read = [a for a in arrivals if a.export]
    at_once = max(calls, -(-len(read) // MOST_BATCHES))
    yield from (tuple(read[n : n + at_once]) for n in range(0, len(read), at_once))
    heard = [(a, length(a) or USUAL_CALL) for a in arrivals if not a.export]
    enough = max(audio, sum(seconds for _, seconds in heard) / MOST_BATCHES)
    at_once = max(calls, -(-len(heard) // MOST_BATCHES))
    portion: list[Arrival] = []
    filled: Seconds = 0.0
    for arrival, seconds in heard:
        portion.append(arrival)
        filled += seconds
        if filled >= enough or len(portion) >= at_once:
            yield tuple(portion)
            portion, filled = [], 0.0
    if portion:
        yield tuple(portion)
