"""The round trip of a review, as a QA lead walks it."""

import json
import re

import msgspec
import pytest
from markupsafe import escape
from msgspec.structs import replace

from callaudit.audit_rules.audit import audit
from callaudit.audit_rules.authoring.examples import parse_example
from callaudit.audit_rules.finding import Verdict
from callaudit.audit_rules.rulebook import load_rulebook
from callaudit.flows.review import dispute, import_reviews, report, resolve, sample
from callaudit.flows.settings import load_settings
from callaudit.reports.reviews.form import Form, read_form, write_form
from callaudit.transcription.errors import InputError
from callaudit.warehouse.arrow_tables import AuditedCall
from callaudit.warehouse.connect import open_writer
from callaudit.warehouse.load import load
from callaudit.warehouse.publish import publish
from callaudit.warehouse.published import open_published
from callaudit.warehouse.rulebooks import store_rulebook

openpyxl = pytest.importorskip("openpyxl", reason="it fills forms in as a spreadsheet would")
SORRY = (
    "C: This is the third time I have called, this is ridiculous.\nA: I am so sorry about that, I will fix it today."
)
COLD = "C: This is the third time I have called, this is ridiculous.\nA: Next."


@pytest.fixture
def settings(installation):
    """Twelve calls of one week; every third has no apology."""
    from datetime import UTC, datetime, timedelta

    rulebook = load_rulebook(recogniser=False)
    calls = []
    for n in range(12):
        heard = parse_example(COLD if n % 3 == 0 else SORRY).transcript
        when = datetime(2026, 3, 2, 9, tzinfo=UTC) + timedelta(hours=n)
        heard = replace(heard, call=replace(heard.call, call_id=f"C{n:02}", started_at=when))
        calls.append(AuditedCall(heard, audit(heard, rulebook)))
    settings = load_settings(installation.settings)
    con = open_writer(settings.warehouse)
    store_rulebook(con, rulebook)
    load(con, calls, run_id="r1")
    publish(con, settings.published)
    return settings


def ask(settings, sql):
    with open_published(settings.published) as published:
        return [tuple(row.values()) for row in published.rows(sql)]


def columns(sheet):
    return {cell.value: cell.column for cell in sheet[1]}


def fill(path, **by_sheet):
    """Fill cells of every row by column, as a spreadsheet program would, and save."""
    book = openpyxl.load_workbook(path)
    for name, cells in by_sheet.items():
        sheet = book[name]
        where = columns(sheet)
        for row in range(2, sheet.max_row + 1):
            for head, value in cells.items():
                sheet.cell(row, where[head.replace("_", " ")]).value = value
    book.save(path)
    return path


def test_a_page_to_judge_on_hides_the_verdict_where_blind_and_is_no_file_to_import(settings, tmp_path):
    drawn = sample(settings, week="newest", random=6, targeted=0, out=tmp_path / "form.html")
    page = drawn.path.read_text()
    again = sample(settings, week="newest", random=6, targeted=0, out=tmp_path / "again.html").path.read_text()

    assert page.count("<article") == 6
    assert "The rule says" not in page
    assert "The words of the call" in page
    assert page == again
    with pytest.raises(InputError, match="is the page itself"):
        read_form(drawn.path)


def test_the_form_has_lists_to_choose_from_and_locked_columns_and_hides_the_verdict_where_blind(settings, tmp_path):
    drawn = sample(settings, week="newest", random=6, targeted=4, out=tmp_path / "form.xlsx")
    book = openpyxl.load_workbook(drawn.path)

    assert (drawn.week, drawn.random, drawn.targeted) == ("2026-W10", 6, 4)
    assert book.sheetnames == ["How to", "Random", "Targeted", "Words"]
    assert not {"rule says", "reason", "quote", "at"} & columns(book["Random"]).keys()
    assert {"rule says", "reason", "quote", "at", "drawn for"} <= columns(book["Targeted"]).keys()
    for sheet, heads in ((book["Random"], ["you say"]), (book["Targeted"], ["judgement", "should be"])):
        assert sheet.protection.sheet
        where = columns(sheet)
        assert len(sheet.data_validations.dataValidation) == len(heads)
        assert all(not sheet.cell(2, where[head]).protection.locked for head in (*heads, "note"))
        assert all(sheet.cell(2, where[head]).protection.locked for head in ("call", "rule", "check"))
    said = {row[3] for row in book["Words"].iter_rows(min_row=2, values_only=True)}
    assert any("third time" in words for words in said)


@pytest.mark.parametrize("ending", ["xlsx", "json"])
def test_the_same_sample_makes_the_same_bytes(settings, tmp_path, ending):
    first, second = (
        sample(
            settings, week="2026-W10", random=5, targeted=3, out=tmp_path / name / f"form.{ending}"
        ).path.read_bytes()
        for name in ("one", "two")
    )
    assert first == second


def test_a_filled_form_comes_back_once_and_changes_scores_but_no_finding(settings, tmp_path):
    path = sample(settings, week="newest", random=0, targeted=6, out=tmp_path / "form.xlsx").path
    before = ask(settings, "select call_id, rule_id, verdict from core.findings order by all")
    score = ask(settings, "select avg(score) from call_scorecards")
    fill(path, Targeted={"judgement": "wrong", "should_be": "not applicable"})

    taken = import_reviews(settings, path, reviewer="Eva Lind")
    assert (taken.new, taken.known, taken.empty) == (6, 0, 0)
    assert ask(settings, "select avg(score) from call_scorecards") != score
    assert ask(settings, "select call_id, rule_id, verdict from core.findings order by all") == before
    assert ask(settings, "select distinct reviewer, sample_kind, is_blind from reviews") == [
        ("Eva Lind", "targeted", False)
    ]
    again = import_reviews(settings, path, reviewer="Eva Lind")
    assert (again.new, again.known) == (0, 6)


def test_the_json_form_says_what_the_spreadsheet_says(settings, tmp_path):
    paths = [
        sample(settings, week="newest", random=4, targeted=3, out=tmp_path / f"form.{end}").path
        for end in ("xlsx", "json")
    ]
    fill(paths[0], Random={"you_say": "Met ", "note": "heard"}, Targeted={"judgement": "cannot tell"})
    form = msgspec.json.decode(paths[1].read_bytes(), type=Form)
    rows = [
        replace(row, **({"you_say": "met", "note": "heard"} if row.is_blind else {"judgement": "cannot tell"}))
        for row in form.rows
    ]
    write_form(paths[1], replace(form, rows=tuple(rows)))

    spreadsheet, plain = (read_form(path) for path in paths)
    assert spreadsheet.problems == plain.problems == ()
    assert [replace(s, place="") for s in spreadsheet.said] == [replace(s, place="") for s in plain.said]
    assert {s.verdict for s in plain.said} == {Verdict.MET, Verdict.NOT_ASSESSABLE}


def test_a_form_with_faults_is_refused_whole_with_every_fault(settings, tmp_path):
    path = sample(settings, week="newest", random=5, targeted=0, out=tmp_path / "form.xlsx").path
    book = openpyxl.load_workbook(fill(path, Random={"you_say": "met"}))
    sheet = book["Random"]
    where = columns(sheet)
    sheet.cell(2, where["you say"]).value = "perhaps"
    sheet.cell(3, where["call"]).value = "C99"
    for head in ("sample", "call", "rule", "rulebook", "asks", "tense from", "listen", "check"):
        sheet.cell(5, where[head]).value = sheet.cell(4, where[head]).value
    book.save(path)

    with pytest.raises(InputError) as refused:
        import_reviews(settings, path, reviewer="Eva")
    told = str(refused.value)
    assert "3 of its rows" in told
    assert "Random row 2: “perhaps” is none of met, missed, unsure, not applicable, cannot tell" in told
    assert "Random row 3: a locked cell was changed" in told
    assert "Random row 5" in told
    assert "already" in told
    assert ask(settings, "select count(*) from reviews") == [(0,)]


@pytest.mark.parametrize(
    ("cells", "fault"),
    [
        ({"judgement": "wrong"}, "wrong, but not what it should be"),
        ({"judgement": "right", "should_be": "not applicable"}, "right, yet it should be not applicable"),
        ({"judgement": "wrong", "should_be": "met"}, "wrong, yet it should be what the rule says"),
        ({"judgement": "cannot tell", "should_be": "met"}, "cannot tell, yet it should be met"),
        ({"should_be": "met"}, "“” is none of right, wrong, cannot tell"),
    ],
)
def test_an_answer_that_contradicts_itself_is_refused(settings, tmp_path, cells, fault):
    path = sample(settings, week="newest", random=0, targeted=1, out=tmp_path / "form.xlsx").path

    assert fault in read_form(fill(path, Targeted=cells)).problems[0]


def test_a_row_of_another_warehouse_is_refused(settings, tmp_path):
    path = sample(settings, week="newest", random=2, targeted=0, out=tmp_path / "form.json").path
    form = msgspec.json.decode(path.read_bytes(), type=Form)
    strange = [
        replace(form.rows[0], call_id="X1", you_say="met"),
        replace(form.rows[1], sample_id="2025-W01-random", you_say="met"),
    ]
    write_form(path, replace(form, rows=tuple(strange)))

    with pytest.raises(InputError, match=r"(?s)no call is called “X1”.*was not drawn in 2025-W01-random"):
        import_reviews(settings, path, reviewer="Eva")


def test_a_form_without_a_name_asks_for_one(settings, tmp_path):
    path = sample(settings, week="newest", random=2, targeted=0, out=tmp_path / "form.xlsx").path

    with pytest.raises(InputError, match="does not say who judged"):
        import_reviews(settings, path)
    book = openpyxl.load_workbook(path)
    book["How to"]["B1"].value = "Ben"
    book.save(path)
    assert import_reviews(settings, path).reviewer == "Ben"


def test_the_marks_of_a_calls_page_come_in_with_their_own_time(settings, tmp_path):
    ((version,),) = ask(settings, "select distinct rulebook_version from calls")
    marks = {
        "call_id": "C00",
        "rulebook_version": version,
        "reviewed_at": "2026-03-12T10:11:12.000Z",
        "reviews": [{"rule_id": "apology.given", "rule_verdict": "missed", "verdict": "met"}],
    }
    path = tmp_path / "review-C00.json"
    path.write_text(json.dumps(marks))

    assert import_reviews(settings, path, reviewer="Eva").new == 1
    assert import_reviews(settings, path, reviewer="Eva").new == 0
    assert [str(at)[:16] for (at,) in ask(settings, "select reviewed_at from reviews")] == ["2026-03-12 10:11"]
    path.write_text(json.dumps(marks | {"rulebook_version": "0000"}))
    with pytest.raises(InputError, match="was not judged by rulebook 0000"):
        import_reviews(settings, path, reviewer="Eva")
    path.write_text(
        json.dumps(marks | {"reviews": [{"rule_id": "apology.givn", "rule_verdict": "missed", "verdict": "met"}]})
    )
    with pytest.raises(InputError, match=r"apology\.given"):
        import_reviews(settings, path, reviewer="Eva")


def test_the_report_compares_reviewers_with_each_other_and_with_the_rules(settings, tmp_path):
    drawn = sample(settings, week="newest", random=200, targeted=0, rules=["apology.given"], out=tmp_path / "form.json")
    form = msgspec.json.decode(drawn.path.read_bytes(), type=Form)
    for reviewer, slips in (("Eva", 0), ("Ben", 1)):
        rows = [
            replace(row, you_say="missed" if (int(row.call_id[1:]) % 3 == 0) is (n >= slips) else "met")
            for n, row in enumerate(form.rows)
        ]
        write_form(drawn.path, replace(form, rows=tuple(rows)))
        import_reviews(settings, drawn.path, reviewer=reviewer)

    found = report(settings, week="2026-W10")
    rules, said, pairs, months, reversals, disputes = found.tables.values()
    assert found.reviews == 24
    assert [(row["rule"], row["judged"]) for row in rules] == [("apology.given", 12)]
    assert pairs[0]["reviewers"] == "Ben and Eva"
    assert pairs[0]["both judged"] == 12
    assert str(pairs[0]["agreed"]).startswith("92% of 12")
    assert sum(int(row["people: met"]) + int(row["missed"]) for row in said) == 12
    assert disputes == []
    assert report(settings, since="2026-W11").reviews == 0
    assert [(row["both judged"], row["agreed"], row["agreement"]) for row in months] == [(12, "too few to tell", "")]
    assert [(row["reviewer"], row["reversed the rule"]) for row in reversals] == [
        ("Ben", "too few to tell"),
        ("Eva", "too few to tell"),
    ]
    assert found.advice == ()


def test_reviewers_who_clearly_disagree_are_told_to_agree_first_in_the_report_and_on_the_next_form(settings, tmp_path):
    drawn = sample(settings, week="newest", random=40, targeted=0, out=tmp_path / "form.json")
    form = msgspec.json.decode(drawn.path.read_bytes(), type=Form)
    for reviewer, every in (("Eva", 2), ("Ben <b>", 3)):
        said = [replace(row, you_say="missed" if n % every else "met") for n, row in enumerate(form.rows)]
        write_form(drawn.path, replace(form, rows=tuple(said)))
        import_reviews(settings, drawn.path, reviewer=reviewer)

    (told,) = report(settings).advice
    assert re.match(r"Ben <b> and Eva agree on \d+% of 40 findings that both judged in \w{3} \d{4}, kappa ", told)
    assert told.endswith("Agree on what the rule means before judging more.")
    assert [row["agreement"] for row in report(settings).tables["Reviewers with each other, by month"]] == ["low"]

    page = sample(settings, week="newest", random=6, targeted=0, out=tmp_path / "next.html").path.read_text()
    assert f'<p class="advice">{escape(told)}</p>' in page
    assert "Reviewers with each other, by month" in page
    assert "How often reviewers reverse the rule" not in page
    seeing = sample(settings, week="newest", random=6, targeted=0, out=tmp_path / "seeing.html", blind=False)
    assert "How often reviewers reverse the rule" in seeing.path.read_text()
    sheet = sample(settings, week="newest", random=6, targeted=0, out=tmp_path / "next.xlsx").path
    assert told in [cell.value for cell in openpyxl.load_workbook(sheet)["How to"]["B"]]


def test_an_overturned_dispute_changes_what_counts_and_an_upheld_one_does_not(settings):
    dispute(settings, "C00", "apology.given", by="Ana", note="said before the recording")
    assert report(settings).tables["Disputes"][0]["state"] == "open"
    assert resolve(settings, "C00", "apology.given", by="Lea", verdict=None, note="not heard") == "upheld"
    counting = "select verdict, rule_verdict from findings where call_id = 'C00' and rule_id = 'apology.given'"
    assert ask(settings, counting) == [("missed", "missed")]

    dispute(settings, "C00", "apology.given", by="Ana", note="at 0:12")
    assert resolve(settings, "C00", "apology.given", by="Lea", verdict=Verdict.MET, note="heard now") == "overturned"
    assert ask(settings, counting) == [("met", "missed")]
    assert ask(settings, "select dispute_state, disputed_by, last_said_by from disputes") == [
        ("overturned", "Ana", "Lea")
    ]


def test_the_commands_say_what_to_do_next(settings, installation, tmp_path):
    form = tmp_path / "form.json"
    done = installation.callaudit("review", "sample", "--random", "3", "--targeted", "2", "--out", str(form))
    assert "3 findings of 2026-W10 at random, 2 targeted" in done.stdout
    assert "review import" in done.stdout
    assert (
        "0 new reviews by Eva, 0 known, 5 left empty"
        in installation.callaudit("review", "import", str(form), "--reviewer", "Eva").stdout
    )
    assert "Nothing yet." in installation.callaudit("review", "report").stdout
    assert (
        "Did you mean “apology.given”"
        in installation.callaudit("review", "sample", "--rule", "apology.givn", check=4).stderr
    )
