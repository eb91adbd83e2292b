"""What was agreed in coaching quotes calls, so its note goes with their words."""

from datetime import UTC, date, datetime

from callaudit.warehouse.agreements import Agreement, keep_agreement
from callaudit.warehouse.erase import remove_words


def test_the_note_goes_with_the_words_of_a_call_it_was_agreed_over_and_no_other_does(warehouse):
    for note, call_id in (("as with Mrs Roe", "C1"), ("stays", "C2")):
        told = Agreement(agent_id="a", scorecard="house", step="apology", agreed_on=date(2026, 3, 5), agreed_by="Lea",
                         note=note, moments=((call_id, 4.0),))  # fmt: skip
        keep_agreement(warehouse, told, at=datetime(2026, 3, 6, tzinfo=UTC))

    remove_words(warehouse, ["C1"], on=date(2026, 4, 1))

    left = warehouse.execute("select note, moments[1].call_id from agreements order by all").fetchall()
    assert left == [("", "C1"), ("stays", "C2")]
