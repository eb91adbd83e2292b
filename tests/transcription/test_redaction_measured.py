"""Redaction measured on sentences of ours: half of them the code was never improved on."""

import pytest
import yaml

from benchmarks.support.masking import HERE, MARK, measure


@pytest.mark.parametrize("name", ["tuned_on", "held_out"])
def test_at_least_98_percent_are_found_and_at_least_98_percent_of_masks_are_right(name: str):
    measured = measure(name)

    assert measured.recall >= 0.98, measured.errors
    assert measured.precision >= 0.98, measured.errors


def test_no_card_of_ours_is_missed_in_a_thousand():
    found = lost = 0
    for name in ("tuned_on", "held_out"):
        measured = measure(name)
        found, lost = found + measured.found["card"], lost + measured.lost["card"]

    assert found / (found + lost) >= 0.999


def test_the_set_holds_400_things_to_mask_and_400_sentences_to_keep():
    written = [yaml.safe_load((HERE / f"{name}.yaml").read_text()) for name in ("tuned_on", "held_out")]

    assert sum(len(MARK.findall(line)) for half in written for line in half["masked"]) >= 400
    assert sum(len(half["kept"]) for half in written) >= 400
