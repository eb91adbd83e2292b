"""`callaudit acts learn --reviews`, from findings that a run stored to levels that the next run uses."""

from datetime import UTC, datetime

import pytest

from callaudit.audit_rules.finding import Verdict
from callaudit.audit_rules.rulebook import load_rulebook
from callaudit.flows.acts import learn_from_people
from callaudit.flows.settings import load_settings
from callaudit.transcription.errors import InputError
from callaudit.warehouse.connect import open_writer
from callaudit.warehouse.publish import publish
from callaudit.warehouse.published import open_published
from callaudit.warehouse.reviews import Review, add_reviews

NIGHT = datetime(2026, 3, 9, 2, tzinfo=UTC)
BLAME = (
    "Customer: This is ridiculous, the lamp is broken",
    "Agent: Well, you should have read the manual",
    "Customer: I am so fed up",
)


def test_reviews_are_learnt_from_only_when_a_person_switches_it_on(installation):
    for n in range(8):
        installation.say(f"T-{n}", *BLAME, f"Agent: Call {n} is noted", started_at="2026-03-03T10:15:00-05:00")
    installation.run(at=NIGHT)
    settings = load_settings(installation.settings)
    rulebook = load_rulebook(settings.rules)
    with pytest.raises(InputError, match="too few"):
        learn_from_people(settings, rulebook)

    with open_published(settings.published) as published:
        rests = published.rows(
            "select call_id, rule_id, verdict, rulebook_version, act from findings"
            " where probability is not null and verdict in ('met', 'missed')"
        )
    assert rests
    other = {"met": Verdict.MISSED, "missed": Verdict.MET}
    con = open_writer(settings.warehouse)
    add_reviews(con, [
        Review(
            review_id=f"V{n}", call_id=r["call_id"], rule_id=r["rule_id"], verdict=other[r["verdict"]], reviewer="Ada",
            reviewed_at=NIGHT, rulebook_version=r["rulebook_version"],
        )
        for n, r in enumerate(rests)
    ])  # fmt: skip
    publish(con, settings.published)
    con.close()

    learnt, path = learn_from_people(settings, rulebook)
    assert path is None
    assert len(learnt.overturned) == len(rests)
    assert learnt.after >= learnt.before == 0.0

    _, path = learn_from_people(settings, rulebook, switch_on=True)
    assert path is not None
    assert load_rulebook(settings.rules).version != rulebook.version
