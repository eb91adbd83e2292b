"""What callers say and what files are called may hold anything; in no form of a report is it more than words."""

import csv
import re
import zipfile
from collections.abc import Iterator
from datetime import datetime
from html.parser import HTMLParser

import msgspec
import pytest

from callaudit.audit_rules.finding import Facts, Reason
from callaudit.reports import call_page, dictionary, mail, weekly
from callaudit.reports.formats.all_formats import write_formats
from callaudit.reports.page import call_file_name
from callaudit.reports.weekly.page import weekly as weekly_page
from callaudit.reports.weekly.queries import read
from callaudit.warehouse.arrow_tables import AuditedCall

WEEK = "2026-W10"
HARMLESS = "Ana"
HOSTILE = [
    "</script></style><script>alert(1)</script>",
    "\"'><img src=x onerror=alert(1)>",
    "</title></textarea><!--<svg/onload=alert(1)>",
    "{{ 7 * 7 }}{% raw %}{# x #}",
    "=cmd|' /C calc'!A0",
    "+1 @SUM(A1) -2 \t=1",
    "x\r\nBcc: everybody@example.com\r\n\r\n<b>",
    "javascript:alert(1)",
    "\N{RIGHT-TO-LEFT OVERRIDE}lmth\N{POP DIRECTIONAL ISOLATE}\N{ZERO WIDTH SPACE}",
    "../../etc/passwd%00\\..\\CON:",
    "[a](https://evil.example) <!channel> @all `x` *b* |",
]


class Structure(HTMLParser):
    """The elements of a page with the names of their attributes, and its addresses."""

    def __init__(self) -> None:
        super().__init__()
        self.elements: set[tuple[str, frozenset[str]]] = set()
        self.addresses: set[str] = set()
        self.words: list[str] = []

    def handle_starttag(self, tag, attrs):
        self.elements.add((tag, frozenset(name for name, _ in attrs)))
        self.addresses |= {value or "" for name, value in attrs if name in ("href", "src", "action", "data")}

    def handle_data(self, text):
        self.words.append(text)


def structure(html: str) -> Structure:
    parsed = Structure()
    parsed.feed(html)
    parsed.close()
    return parsed


@pytest.fixture(scope="module")
def editions(published, centre, tmp_path_factory) -> dict[str, dict]:
    """Every form of a report of the same calls, once with harmless names and words and once with each of `HOSTILE`."""
    return {
        name: _forms(published, centre, tmp_path_factory.mktemp("edition"), words)
        for name, words in (("harmless", [HARMLESS] * len(HOSTILE)), ("hostile", HOSTILE))
    }


def _forms(published, centre, folder, words: list[str]) -> dict:
    calls = []
    for n, text in enumerate(words):
        call = centre.named_call(
            f"{text}-{n}", datetime(2026, 3, 2 + n % 5, 9, n, tzinfo=centre.MINUS_FIVE),
            agent_id=f"{text}{n % 3}", agent_name=f"{text}{n % 3}", team=f"{text}{n % 2}", queue=text, customer_id=text,
        )  # fmt: skip
        spoken = " ".join(text.split())
        lines = [
            *centre.ANGRY[:6],
            (28.6, 35.3, "A", f"{spoken} I hear you"),
            (36.0, 37.0, "C", f"fine {spoken}"),
            (38.0, 39.0, "A", "bye"),
        ]
        heard = centre.transcript(call, lines, notice="Mind this.")
        heard = msgspec.structs.replace(heard, warnings=(text,), role_evidence=text)
        said = {
            "clarify.mirrors": ("met", Reason.SAID_BACK, spoken),
            "ownership.avoids_blame": ("missed", Reason.SAID, "let me stop you there"),
            "empathy.is_specific": ("missed", Reason.NOT_HEARD, f"{spoken} I hear you"),
            "solution.is_offered": ("met", Reason.HEARD, f"fine {spoken}"),
        }
        calls.append(AuditedCall(heard, centre.audit(heard, said, facts=Facts(named=(text,)))))
    refused = [
        centre.Quarantined(path=f"/in/{text}.wav", sha256=None, size=1, code="not_audio", reason=text, next_step=text)
        for text in words
    ]
    store = published(calls, refused=refused)
    readings = read(store, week=WEEK, scorecard="house")
    page = weekly_page(readings)
    ids = [call.call_id for call in (c.transcript.call for c in calls)]
    out = folder / f"weekly-{WEEK}.html"
    made = write_formats(
        readings, page, ("html", "xlsx", "markdown", "csv", "parquet"), out=out, with_pages=frozenset(ids)
    )
    weekly.render(store, week=WEEK, out=out)
    return {
        "weekly": [out.read_text()],
        "calls": [
            call_page.render(
                store, one, out=folder / "calls" / call_file_name(one), audio=folder / "audio" / "x.webm"
            ).read_text()
            for one in ids
        ],
        "dictionary": [dictionary.render(store, out=folder / "dictionary.html").read_text()],
        "letter": mail.letter(readings, page, attached=made),
        "files": {path.suffix: path for path in made},
        "csv": [path for path in made if path.suffix == ".csv"],
        "ids": ids,
    }


@pytest.mark.parametrize("form", ["weekly", "calls", "dictionary"])
def test_a_page_has_the_same_elements_and_no_other_address_whatever_was_said(editions, form):
    harmless, hostile = (structure("".join(editions[name][form])) for name in ("harmless", "hostile"))

    assert hostile.elements == harmless.elements
    strange = {
        url
        for url in hostile.addresses - harmless.addresses
        if not re.match(r"(\.\./)?(agents|calls|weekly)[/-]|#", url)
    }
    assert strange == set()


def test_the_words_are_there_to_be_read(editions):
    pages = editions["hostile"]["calls"]

    for text, html in zip(HOSTILE, pages, strict=True):
        visible = "".join(structure(html).words)
        expected = re.sub("[\N{RIGHT-TO-LEFT OVERRIDE}\N{POP DIRECTIONAL ISOLATE}]", "", text)
        assert "".join(expected.split()) in "".join(visible.split())


def test_no_mark_turns_the_direction_of_a_page(editions):
    for form in ("weekly", "calls", "dictionary"):
        body = "".join(structure("".join(editions["hostile"][form])).words)
        assert not re.search("[\u202a-\u202e\u2066-\u2069]", body)


def test_a_template_in_a_name_is_not_filled_in(editions):
    body = "".join(structure("".join(editions["hostile"]["calls"])).words)

    assert "{{ 7 * 7 }}" in body


def test_the_page_sends_back_the_id_of_the_call_as_it_is(editions):
    for call_id, html in zip(editions["hostile"]["ids"], editions["hostile"]["calls"], strict=True):
        found: list[str] = []
        parser = HTMLParser()
        parser.handle_starttag = lambda tag, attrs, found=found: found.extend(v for k, v in attrs if k == "data-call")
        parser.feed(html)
        # HTML knows one end of a line.
        assert found == [call_id.replace("\r\n", "\n")] or found == [call_id]


def _cells(editions, edition: str) -> Iterator[str]:
    for path in editions[edition]["csv"]:
        with path.open(encoding="utf-8-sig", newline="") as file:
            for row in csv.reader(file):
                yield from row


def test_no_cell_of_a_csv_file_is_a_formula(editions):
    cells = list(_cells(editions, "hostile"))

    assert any("cmd|" in cell for cell in cells)
    assert [cell for cell in cells if cell.lstrip().startswith(("=", "+", "@")) or re.match(r"-\D", cell)] == []


def test_no_cell_of_the_workbook_is_a_formula_and_no_link_leaves_the_reports(editions):
    with zipfile.ZipFile(editions["hostile"]["files"][".xlsx"]) as parts:
        xml = {name: parts.read(name).decode() for name in parts.namelist() if name.endswith((".xml", ".rels"))}

    sheets = "".join(text for name, text in xml.items() if name.startswith("xl/worksheets/sheet"))
    assert "<f>" not in re.sub(r"<x14:[^>]*>|<xm:f>.*?</xm:f>", "", sheets)
    targets = re.findall(r'Target="([^"]*)" TargetMode="External"', "".join(xml.values()))
    assert targets
    assert all(re.fullmatch(r"(calls\\)?[\w=.\-]+\.html(#[\w=.]*)?", target) for target in targets), targets


def test_nothing_of_it_is_in_the_summaries_that_name_nobody(editions):
    letter = editions["hostile"]["letter"]
    chat = editions["hostile"]["files"][".md"].read_text()

    for text in HOSTILE:
        assert text not in chat
        assert text not in letter.text
    assert not re.search(r"(?<!\\)[@<]", chat.replace("<https", ""))


def test_the_mail_has_the_same_headers_and_elements_whatever_was_said(editions):
    harmless, hostile = (editions[name]["letter"] for name in ("harmless", "hostile"))
    envelope = {"sender": "Audit <a@example.com>", "to": ["q@example.com"], "date": "Mon, 09 Mar 2026 07:00:00 +0000"}
    sent = [mail.message(one, **envelope) for one in (harmless, hostile)]

    assert sent[1].keys() == sent[0].keys()
    assert [part.get_content_type() for part in sent[1].walk()] == [part.get_content_type() for part in sent[0].walk()]
    assert b"\nBcc:" not in sent[1].as_bytes()
    assert structure(hostile.html).elements == structure(harmless.html).elements
