"""A changed rule judges the stored calls again: no recording is needed, no old finding is lost."""

import shutil
import signal
import subprocess
import sys
import textwrap
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from callaudit.audit_rules.rulebook import load_rulebook
from callaudit.flows.auditing.reaudit_run import audit_again
from callaudit.flows.erasure.erase import erase_now
from callaudit.flows.report_files import make_report
from callaudit.flows.settings import Settings, load_settings
from tests.flows.test_erasure import rows
from tests.support.installation import Installation

NIGHT = datetime(2026, 3, 9, 2, tzinfo=UTC)
LATER = NIGHT + timedelta(days=1)
STRICTER = """
- id: apology.given
  asks: Does the agent beg your pardon?
  why: House style.
  sources: [A3]
  applies: upset
  expect:
    speaker: agent
    any_of:
      - i beg your pardon
  examples:
    met: |
      C: I am fed up, this is ridiculous.
      A: I beg your pardon.
    missed: |
      C: I am fed up, this is ridiculous.
      A: I am sorry.
"""


@pytest.fixture(scope="module")
def audited(tmp_path_factory) -> Path:
    """Four calls in two weeks, judged by the shipped rules; their exports are gone."""
    installation = Installation(tmp_path_factory.mktemp("audited"))
    installation.settings.write_text(
        '[engine]\nname = "whisper"\nweights_folder = "no-weights"\n[report]\ncall_pages = "all"\n'
        '[[sources]]\nfolder = "inbox"\nspeakers = { "A" = "agent", "C" = "customer" }\n',
        encoding="utf-8",
    )
    for day, call_id in ((24, "C-1"), (3, "C-2"), (4, "C-3")):
        month = 2 if day == 24 else 3
        installation.say(
            call_id, "C: I am fed up, this is ridiculous.", f"A: I am so sorry about that, {call_id}.",
            "A: I will call you back tomorrow.", started_at=f"2026-{month:02}-{day:02}T10:00:00Z",
            customer={"id": "K-1"}, direction="outbound" if call_id == "C-3" else "inbound",
        )  # fmt: skip
    # A friendly call of somebody else: every promise above is due by then.
    installation.say("C-4", "C: Hello.", "A: Hello, how are you.", started_at="2026-03-07T10:00:00Z")
    installation.run(at=NIGHT)
    shutil.rmtree(installation.inbox)
    return installation.root


@pytest.fixture
def house(audited, tmp_path) -> Installation:
    """The calls, and a rules folder in which the apology is asked for in other words."""
    installation = Installation(tmp_path)
    shutil.copytree(audited, tmp_path, dirs_exist_ok=True)
    (tmp_path / "rules").mkdir()
    (tmp_path / "rules" / "apology.yaml").write_text(STRICTER)
    return installation


@pytest.fixture
def settings(house) -> Settings:
    return load_settings(house.settings)


APOLOGY = "select call_id, verdict from findings where rule_id = 'apology.given' order by call_id"


def versions(settings: Settings) -> dict[str, int]:
    counted = "select rulebook_version, count(*)::int as calls from core.call_measures group by 1"
    return {str(r["rulebook_version"]): int(r["calls"]) for r in rows(settings, counted)}


def test_both_verdicts_are_stored_and_the_views_show_the_new_one(settings):
    shipped, changed = load_rulebook().version, load_rulebook(*settings.rule_folders).version
    assert [r["verdict"] for r in rows(settings, APOLOGY)] == ["met"] * 3 + ["not_applicable"]

    done = audit_again(settings, at=LATER)

    assert (done.calls, done.former, done.weeks) == (4, {shipped: 4}, ("2026-W09", "2026-W10"))
    assert versions(settings) == {shipped: 4, changed: 4}
    assert [r["verdict"] for r in rows(settings, APOLOGY)] == ["missed"] * 3 + ["not_applicable"]
    turned = rows(settings, "from verdict_changes where rule_id = 'apology.given' order by call_id")
    assert [(t["call_id"], t["former_verdict"], t["verdict"], t["former_version"]) for t in turned] == [
        (call, "met", "missed", shipped) for call in ("C-1", "C-2", "C-3")
    ]
    assert done.verdicts_changed == len(rows(settings, "from verdict_changes"))
    changes = rows(settings, "select rule_id, change, first_week from rule_changes")
    assert changes == [{"rule_id": "apology.given", "change": "changed", "first_week": "2026-W09"}]
    assert rows(settings, "select kind, state, audited from runs where kind = 'reaudit'") == [
        {"kind": "reaudit", "state": "finished", "audited": 4}
    ]


def test_a_second_time_there_is_nothing_to_judge(settings):
    audit_again(settings, at=LATER)
    before = versions(settings)
    assert audit_again(settings, at=LATER + timedelta(hours=1)).calls == 0
    assert versions(settings) == before


def test_only_the_week_asked_for_is_judged_and_reports_say_what_they_rest_on(settings):
    shipped, changed = load_rulebook().version, load_rulebook(*settings.rule_folders).version
    assert audit_again(settings, week="2026-W10", at=LATER).calls == 3

    for week, version in (("2026-W09", shipped), ("2026-W10", changed)):
        page = make_report(settings, week=week, scorecard="house").files.weekly.read_text()
        assert f"Judged by rulebook {version[:12]}." in page
    assert audit_again(settings, since=date(2026, 3, 1), at=LATER).calls == 0
    assert audit_again(settings, at=LATER).calls == 1


def test_a_dry_run_changes_no_byte(settings):
    before = settings.warehouse.read_bytes()
    assert audit_again(settings, dry_run=True).calls == 4
    assert settings.warehouse.read_bytes() == before


def test_a_re_audit_that_is_killed_goes_on_where_it_stopped(settings, house):
    code = """
        import os, signal, sys
        from pathlib import Path
        from callaudit.flows.auditing import reaudit_run
        from callaudit.flows.settings import load_settings
        from callaudit.warehouse import load
        reaudit_run._BATCH = 1
        store, stored = load.add_audits, []
        def add(con, batch, run_id):
            if stored:
                os.kill(os.getpid(), signal.SIGKILL)
            stored.append(store(con, batch, run_id=run_id))
        load.add_audits = add
        reaudit_run.audit_again(load_settings(Path(sys.argv[1])))
    """
    killed = subprocess.run([sys.executable, "-c", textwrap.dedent(code), str(house.settings)], check=False,
                            cwd=Path(__file__).parents[2])  # fmt: skip
    assert killed.returncode == -signal.SIGKILL

    assert audit_again(settings, at=LATER).calls == 3
    assert sorted(versions(settings).values()) == [4, 4]


def test_new_calls_are_judged_by_the_changed_rules_beside_old_ones_by_the_old(house, settings):
    house.say("C-9", "C: I am fed up, this is ridiculous.", "A: I am so sorry.", started_at="2026-03-05T10:00:00Z")
    assert house.run(at=LATER).audited == 1
    assert [r["verdict"] for r in rows(settings, APOLOGY)] == ["met"] * 3 + ["not_applicable", "missed"]


def test_a_promise_that_an_erased_call_may_have_kept_accuses_nobody(settings):
    kept = "select verdict, reason from findings where call_id = 'C-2' and rule_id = 'follow_up.keeps_promise'"
    assert [r["verdict"] for r in rows(settings, kept)] == ["met"]
    erase_now(settings, call_id="C-3")
    audit_again(settings, at=LATER)
    (now,) = rows(settings, kept)
    assert now["verdict"] == "not_assessable"
    assert "erased" in now["reason"]
