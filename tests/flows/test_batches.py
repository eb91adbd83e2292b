"""Batches: every call once, in order, words and sound apart, and never too many of them."""

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from callaudit.flows.staging.batches import MOST_BATCHES, USUAL_CALL, split_into_batches
from callaudit.transcription.inbox import Arrival, Source
from callaudit.transcription.transcript import Call

SOURCE = Source(name="main", folder=Path("inbox"), zone="UTC")


def arrivals(kinds: list[str]) -> list[Arrival]:
    return [
        Arrival(
            path=Path(f"{n}"),
            sha256=f"{n}",
            size=1,
            call=Call(call_id=f"{n}", source="main"),
            source=SOURCE,
            export=kind,
        )
        for n, kind in enumerate(kinds)
    ]


@given(
    st.lists(st.sampled_from(["", "Deepgram"])),
    st.integers(1, 20),
    st.floats(1.0, 5000.0),
    st.sampled_from([None, 60.0, 600.0]),
)
def test_every_call_is_in_one_batch_in_its_order_beside_its_own_kind(kinds, calls, audio, length):
    all_of_them = arrivals(kinds)
    batches = list(split_into_batches(all_of_them, calls=calls, audio=audio, length=lambda _: length))
    assert [a for b in batches for a in b if a.export] == [a for a in all_of_them if a.export]
    assert [a for b in batches for a in b if not a.export] == [a for a in all_of_them if not a.export]
    for batch in batches:
        assert len({bool(a.export) for a in batch}) == 1
        assert len(batch) <= calls
        # The last recording may go over the limit; without it there is room left.
        assert batch[0].export or (len(batch) - 1) * (length or USUAL_CALL) < audio


def test_a_large_night_has_larger_batches_not_more_of_them():
    night = arrivals(["Deepgram"] * (3 * MOST_BATCHES) + [""] * (3 * MOST_BATCHES))
    batches = list(split_into_batches(night, calls=1, audio=1.0, length=lambda _: 60.0))
    assert {len(batch) for batch in batches} == {3}
    assert len(batches) == 2 * MOST_BATCHES
