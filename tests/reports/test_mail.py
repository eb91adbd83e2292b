import email
import email.policy
import re
import shutil
from datetime import UTC, datetime

import msgspec
import pytest

from callaudit.reports import mail
from callaudit.reports.page import write_page
from callaudit.reports.weekly.notices import Known
from callaudit.reports.weekly.page import weekly
from callaudit.reports.weekly.queries import read
from callaudit.transcription.errors import InputError

pytest.importorskip("resvg_py", reason="the extra `mail` is not installed")

WEEK = "2026-W10"
LINK = "https://quality.example/weekly-2026-W10.html"


@pytest.fixture(scope="module")
def many(published, centre):
    return read(published(centre.random_calls(5, 60)), week=WEEK, scorecard="house")


@pytest.fixture(scope="module")
def written(many, tmp_path_factory):
    attached = tmp_path_factory.mktemp("attached") / "weekly-2026-W10.xlsx"
    attached.write_bytes(b"a workbook")
    return mail.letter(many, weekly(many), link=LINK, attached=[attached])


def sent(letter, **envelope):
    given = {"sender": "Audit <audit@example.com>", "to": ["q@example.com"], "date": "Mon, 09 Mar 2026 07:00:00 +0000"}
    return mail.message(letter, **{**given, **envelope})


def received(letter):
    return email.message_from_bytes(sent(letter).as_bytes(), policy=email.policy.default)


def test_it_reads_as_text_as_a_page_and_with_its_attachments(written):
    got = received(written)

    assert got["subject"] == "De-escalation quality: 2 to 8 March 2026"
    assert got.get_content_type() == "multipart/mixed"
    assert got.get_body(("plain",)).get_content().replace("\r\n", "\n") == written.text
    assert got.get_body(("related", "html")).get_content_type() == "multipart/related"
    assert [(part.get_filename(), part.get_content()) for part in got.iter_attachments()] == [
        ("weekly-2026-W10.xlsx", b"a workbook")
    ]


def test_the_page_shows_one_picture_that_travels_with_it_and_needs_nothing_from_outside(written):
    got = received(written)
    html = got.get_body(("html",)).get_content()
    pictures = [part for part in got.walk() if part.get_content_maintype() == "image"]

    assert [part["content-id"] for part in pictures] == ["<trend@callaudit>"]
    assert pictures[0].get_content().startswith(b"\x89PNG")
    assert html.count("cid:trend@callaudit") == 1
    assert html.count("src=") == 1
    for barred in ("<style", "<svg", "<script", "url(", "class=", "<link"):
        assert barred not in html


def test_no_mail_program_clips_it(many):
    longest = Known(point="x" * 500, detail="y" * 500)
    page = msgspec.structs.replace(weekly(many), know=(longest,) * 4)

    written = mail.letter(many, page, link=LINK)

    assert len(written.html.encode()) < mail.LONGEST_BODY
    assert max(len(line) for line in sent(written).as_bytes().split(b"\r\n")) <= 998


def test_it_says_what_the_page_says_and_names_nobody(many, written):
    page = weekly(many)
    html = received(written).get_body(("html",)).get_content()

    for body in (html, written.text):
        for known in page.know:
            assert known.point in body
        for step in page.steps:
            assert step.title in body
            assert step.value in body
        assert LINK in body
        assert not any(agent.agent_name in body for agent in many.agents)


def test_words_in_it_are_words_and_no_markup(many):
    page = msgspec.structs.replace(weekly(many), know=(Known(point="<b>&", detail='"><img src=x>'),))

    assert "<img src=x>" not in mail.letter(many, page).html


def test_without_an_address_of_the_report_there_is_no_dead_link(many):
    written = mail.letter(many, weekly(many))

    assert "href" not in written.html
    assert "Open the full report" not in written.html


def test_a_page_that_travels_leads_to_calls_that_are_served_or_to_none(many, tmp_path):
    page = write_page(tmp_path / "weekly-2026-W10.html", "weekly/weekly.html.j2", page=weekly(many))
    alone, served = (
        mail.letter(many, weekly(many), link=link, attached=[page]).attachments[0][1].decode() for link in ("", LINK)
    )

    assert 'href="calls/' in page.read_text()
    assert '<a class="quiet-link" href="agents/' in page.read_text()
    assert not re.findall(r'href="(?!#|https?:)[^"]*"', alone)
    assert set(re.findall(r'href="([^"]*?)calls/', served)) == {"https://quality.example/"}
    assert re.sub(r"<a [^>]*>|</a>", "", alone) == re.sub(r"<a [^>]*>|</a>", "", page.read_text())


def test_the_same_letter_has_the_same_bytes_and_the_same_id(many, written, tmp_path):
    copy = tmp_path / "weekly-2026-W10.xlsx"
    copy.write_bytes(b"a workbook")
    again = mail.letter(many, weekly(many), link=LINK, attached=[copy])

    assert again.digest == written.digest
    assert sent(again).as_bytes() == sent(written).as_bytes()
    assert sent(again, again=1)["message-id"] != sent(written)["message-id"]
    copy.write_bytes(b"another workbook")
    assert mail.letter(many, weekly(many), link=LINK, attached=[copy]).digest != written.digest


def test_a_first_week_has_no_trend_to_draw(published, centre):
    call = centre.angry_call("C1", datetime(2026, 3, 5, 9, tzinfo=UTC))
    readings = read(published([call]), week=WEEK, scorecard="house")

    written = mail.letter(readings, weekly(readings))

    assert written.picture == b""
    assert "No week before" not in written.html
    assert weekly(readings).summary in written.html
    assert "<img" not in written.html


@pytest.mark.parametrize("text", ["", "nobody", "a@b, c@d", "a@b\r\nBcc: x@y", "@example.com", "ü@example.com", "a@"])
def test_what_is_no_single_address_is_refused(text):
    with pytest.raises(InputError):
        mail.address_of(text)


def test_names_of_people_may_be_in_any_script(written):
    got = email.message_from_bytes(sent(written, to=["Zoë Ķ <q@example.com>"]).as_bytes(), policy=email.policy.default)

    assert got["to"].addresses[0].display_name == "Zoë Ķ"


@pytest.mark.skipif(shutil.which("fc-list") is None, reason="no fontconfig here to ask for fonts")
def test_the_picture_has_its_numbers(written):
    assert mail.draw(
        '<svg xmlns="http://www.w3.org/2000/svg" width="60" height="20"><text y="15">80%</text></svg>'
    ) != (mail.draw('<svg xmlns="http://www.w3.org/2000/svg" width="60" height="20"></svg>'))
