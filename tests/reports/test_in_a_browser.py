"""The pages in a real browser: on a phone, on paper, in the dark, by keyboard, without a network.

Debian's Chromium, driven by Playwright (which brings no browser of its own here); accessibility by axe-core.
"""

import re
import shutil
import unicodedata
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import datetime
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from urllib.parse import unquote, urljoin, urlsplit

import numpy as np
import pytest

from callaudit.flows.report_files import make_report
from callaudit.flows.review import import_reviews, sample
from callaudit.flows.settings import Settings, load_settings
from callaudit.reports import dictionary
from callaudit.reports.page import call_file_name
from callaudit.transcription.audio import Audio, write_copy
from callaudit.warehouse.published import open_published

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
WEEK = "2026-W10"
PAGES = ("weekly", "call", "dictionary", "index", "agent", "calls", "review")

pytest.importorskip("playwright", reason="needs playwright, which drives the browser (make setup)")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="no chromium here: the pages are not tried in a browser"),
]


@pytest.fixture(scope="module")
def browser() -> Iterator:
    # Not for the whole session: while Playwright runs, nothing else in this process may start an event loop.
    from playwright.sync_api import sync_playwright

    arguments = ["--no-sandbox", "--autoplay-policy=no-user-gesture-required", "--mute-audio"]
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=CHROMIUM, args=arguments)
        with closing(started):
            yield started


@pytest.fixture(scope="module")
def settings(centre, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """An installation with a week of calls, its pages made as the command makes them, and a copy of each recording."""
    root = tmp_path_factory.mktemp("installation")
    calls = [centre.angry_call(f"C{i}", datetime(2026, 3, 2 + i, 9, tzinfo=centre.MINUS_FIVE), i) for i in range(3)]
    home = root / "callaudit-home"
    home.mkdir()
    centre.fill_warehouse(home, [*calls, *centre.random_calls(3, 24, agents=4)]).close()
    written = root / "callaudit.toml"
    written.write_text('[site]\ntimezone = "America/New_York"\n', encoding="utf-8")
    settings = load_settings(written)
    first, *others = ask(settings, "select sha256 from calls order by call_id")
    hiss = np.random.default_rng(7).normal(0, 0.01, (1, 8000 * 140)).astype(np.float32)
    copy = settings.audio / f"{first['sha256']}.webm"
    copy.parent.mkdir()
    write_copy(copy, Audio(samples=hiss, sample_rate=8000, codec="pcm", source_rate=8000))
    for other in others:
        (settings.audio / f"{other['sha256']}.webm").hardlink_to(copy)
    make_report(settings, week=WEEK, scorecard="house")
    with open_published(settings.published) as published:
        dictionary.render(published, out=settings.reports / "dictionary.html")
    sample(settings, week=WEEK, random=5, targeted=5, out=settings.root / "review.html")
    return settings


def ask(settings: Settings, sql: str) -> list[dict]:
    with open_published(settings.published) as published:
        return published.rows(sql)


@pytest.fixture(scope="module")
def pages(settings: Settings) -> dict[str, Path]:
    found = {
        "weekly": settings.reports / f"weekly-{WEEK}-house.html",
        "call": settings.reports / "calls" / call_file_name("C1"),
        "dictionary": settings.reports / "dictionary.html",
        "index": settings.reports / "index.html",
        "agent": settings.reports / "agents" / call_file_name("a1"),
        "calls": settings.reports / f"weekly-{WEEK}-house-calls.html",
        "review": settings.root / "review.html",
    }
    assert tuple(found) == PAGES
    return found


@pytest.fixture
def visit(browser) -> Iterator[Callable]:
    """Opens an address in a window of its own, with no network; `page.asked` is what it asked for, `.faults` failed."""
    from playwright.sync_api import Page

    windows = []

    def visit(address: Path | str, *, width: int = 1280, **window: object) -> Page:
        shown = browser.new_context(viewport={"width": width, "height": 900}, **{"offline": True, **window})
        windows.append(shown)
        page = shown.new_page()
        page.asked, page.faults = [], []
        page.on("request", lambda request: page.asked.append(unquote(request.url)))
        page.on("pageerror", lambda error: page.faults.append(str(error)))
        page.on("console", lambda told: page.faults.append(told.text) if told.type == "error" else None)
        page.goto(address.as_uri() if isinstance(address, Path) else address)
        return page

    yield visit
    for each in windows:
        each.close()


@pytest.mark.parametrize("width", [390, 1280])
@pytest.mark.parametrize("name", PAGES)
def test_the_page_is_never_wider_than_the_window(pages, visit, name, width):
    page = visit(pages[name], width=width)
    page.evaluate("document.querySelectorAll('details').forEach((e) => { e.open = true })")

    assert page.evaluate("innerWidth") == width
    assert page.evaluate("document.documentElement.scrollWidth") <= width


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", PAGES)
def test_axe_finds_nothing(pages, visit, name, scheme):
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="needs axe (make setup)")
    page = visit(pages[name], color_scheme=scheme, bypass_csp=True)
    # The dictionary has a hundred of them, all alike.
    page.evaluate("[...document.querySelectorAll('details')].slice(0, 8).forEach((e) => { e.open = true })")
    if name == "call":
        for key in ("m", "x", "n", "?"):
            page.keyboard.press(key)

    found = axe.Axe().run(page).response
    told = [f"{fault['id']}: {node['html'][:200]}" for fault in found["violations"] for node in fault["nodes"]]

    assert len(found["passes"]) > 15
    assert told == []


@pytest.mark.parametrize("name", PAGES)
def test_a_page_from_disk_asks_for_nothing_but_itself_and_its_audio(pages, settings, visit, name):
    page = visit(pages[name])
    page.evaluate("scrollTo(0, document.body.scrollHeight)")
    page.wait_for_timeout(100)
    copy = next(settings.audio.glob("sha-C1.webm"))
    own = {pages[name].as_uri(), *([copy.as_uri()] if name == "call" else [])}

    assert set(page.asked) == own
    assert page.faults == []


@pytest.mark.parametrize("name", PAGES)
def test_a_page_that_is_served_asks_its_own_server_alone(pages, settings, visit, name):
    serve = partial(_Silent, directory=str(settings.root))
    with ThreadingHTTPServer(("127.0.0.1", 0), serve) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        served = f"http://127.0.0.1:{server.server_port}"
        page = visit(f"{served}/{pages[name].relative_to(settings.root).as_posix()}", offline=False)
        if name == "call":
            page.wait_for_function("document.querySelector('#audio').readyState > 0")
        server.shutdown()

    assert {urlsplit(url).netloc for url in page.asked} == {urlsplit(served).netloc}
    assert [path for path in page.asked if "favicon" not in path and not path.endswith((".html", ".webm"))] == []


class _Silent(SimpleHTTPRequestHandler):
    def log_message(self, *told: object) -> None:
        pass


def test_a_request_would_be_noticed(visit, tmp_path):
    page = tmp_path / "page.html"
    page.write_text('<body><img src="http://example.invalid/x.png"></body>')

    assert "http://example.invalid/x.png" in visit(page).asked


def test_words_that_got_past_the_escaping_would_still_run_and_fetch_nothing(pages, visit, tmp_path):
    """The second wall: what the page's own policy forbids."""
    poison = "<script>window.run = 1</script><img src='http://example.invalid/x.png' onerror='window.run = 2'></main>"
    poisoned = tmp_path / "poisoned.html"
    for path in pages.values():
        poisoned.write_text(path.read_text().replace("</main>", poison))
        page = visit(poisoned)

        assert page.evaluate("window.run") is None
        assert any("Content Security Policy" in fault for fault in page.faults)


SEEK_EACH = """
async () => {
  const audio = document.querySelector('#audio'), wrong = [];
  if (audio.readyState < 1) await new Promise((go) => audio.addEventListener('loadedmetadata', go, { once: true }));
  document.querySelectorAll('details').forEach((e) => { e.open = true });
  const links = [...document.querySelectorAll('[data-t]')];
  for (const link of links) {
    // Evidence starts a second early, so that its first word is heard.
    const told = +link.dataset.t - (link.matches('.rule *, .pin') ? 1 : 0);
    audio.currentTime = 139;
    link.click();
    if (Math.abs(audio.currentTime - Math.max(0, told)) > 0.05) wrong.push([link.outerHTML, audio.currentTime]);
  }
  return { links: links.length, cards: links.filter((e) => e.matches('.seek')).length, wrong };
}
"""


def test_every_time_on_a_call_page_seeks_the_audio(pages, visit):
    found = visit(pages["call"]).evaluate(SEEK_EACH)

    assert found["wrong"] == []
    assert found["cards"] > 10
    assert found["links"] > 50


def test_every_moment_on_the_weekly_page_opens_its_call_at_its_second(pages, visit):
    links = visit(pages["weekly"]).evaluate(
        "[...new Set([...document.querySelectorAll('a[href*=\"#t=\"]')].map((e) => e.href))]"
    )

    assert len(links) > 3
    page = visit(links[0])
    for link in links:
        page.goto(link)
        told = float(link.partition("#t=")[2])
        page.wait_for_function(f"Math.abs(document.querySelector('#audio').currentTime - {told}) < 0.1", timeout=9000)


@pytest.mark.parametrize("name", PAGES)
def test_no_link_leads_nowhere(pages, visit, name):
    page = visit(pages[name])
    links = page.evaluate("[...new Set([...document.querySelectorAll('a[href]')].map((e) => e.getAttribute('href')))]")

    assert len(links) > 2
    for written in links:
        url = urlsplit(urljoin(pages[name].as_uri(), written))
        assert Path(unquote(url.path)).is_file(), written
        if url.fragment and not url.fragment.startswith("t="):
            assert page.evaluate("(id) => !!document.getElementById(id)", unquote(url.fragment)), written


def test_the_keys_play_move_and_mark(pages, visit):
    page = visit(pages["call"])
    page.wait_for_function("document.querySelector('#audio').readyState > 0")

    def key(pressed: str) -> None:
        page.keyboard.press(pressed)

    def at() -> float:
        return page.evaluate("document.querySelector('#audio').currentTime")

    def finding() -> str:
        return page.evaluate("document.querySelector('.pin.on').dataset.n")

    key("Space")
    assert page.evaluate("!document.querySelector('#audio').paused")
    key("Space")
    assert page.evaluate("document.querySelector('#audio').paused")
    before = at()
    key("ArrowRight")
    assert at() == pytest.approx(before + 5, abs=0.1)
    key("ArrowLeft")
    assert at() == pytest.approx(before, abs=0.1)
    key(">")
    assert page.evaluate("document.querySelector('#audio').playbackRate") == 1.25
    key("<")
    assert page.evaluate("document.querySelector('#audio').playbackRate") == 1

    key("m")
    assert page.locator(".pin.on").get_attribute("class").split()[1] == "missed"
    first = finding()
    key("n")
    assert finding() != first
    key("p")
    assert finding() == first
    assert page.locator("mark.on").first.is_visible()
    assert page.locator("mark.on").first.evaluate(
        "(e) => { const r = e.getBoundingClientRect(), bar = document.querySelector('.player').offsetHeight;"
        " return r.top >= bar && r.bottom <= innerHeight }"
    ), "the words stay in sight beside their rule"

    key("x")
    assert page.locator("#reviewed").inner_text() == "1 checked, 1 wrong"
    key("y")
    assert page.locator("#reviewed").inner_text() == "1 checked, 0 wrong"
    key("y")
    assert page.locator("#reviews").is_hidden()

    key("?")
    assert page.locator("#keys").is_visible()
    page.locator("#position").focus()
    key("End")
    assert at() > 130
    key("Home")
    assert at() < 2
    page.locator("mark").first.focus()
    key("Enter")
    assert page.locator("mark.on").count()
    page.locator("#card-1").focus()
    key("ArrowDown")
    assert page.locator(".scorecard.card-2").is_visible()
    assert page.locator(".scorecard.card-1").is_hidden()


@pytest.mark.parametrize("name", PAGES)
def test_the_tab_key_reaches_every_control_in_sight_and_shows_where_it_is(pages, visit, name):
    page = visit(pages[name])
    expected = page.evaluate(
        "[...document.querySelectorAll('a[href], button, select, input, summary, audio[controls], [tabindex]')]"
        ".filter((e) => e.tabIndex >= 0 && e.checkVisibility()).filter((e) => e.type !== 'radio' || e.checked || "
        "e === document.querySelector(`[name='${e.name}']`) && !document.querySelector(`[name='${e.name}']:checked`)"
        ").length"
    )
    page.evaluate(
        "(() => { window.stops = []; const seen = new Set();"
        " const ring = (x) => x && getComputedStyle(x).outlineStyle !== 'none';"
        " addEventListener('focusin', ({ target: e }) => { if (seen.has(e)) return; seen.add(e);"
        # A browser's own player is several stops, which show their place themselves.
        " const shows = e.matches('audio') || ring(e) || ring(document.querySelector('label[for=\"' + e.id + '\"]'));"
        " stops.push(shows ? '' : e.outerHTML.slice(0, 200)); }); })()"
    )
    for _ in range(2 * expected):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement === document.body"):
            break
    stops = page.evaluate("stops")

    assert [stop for stop in stops if stop] == []
    assert len(stops) == expected


def column(page, number: int) -> list[str]:
    """What the rows in sight say in a column, from the top."""
    return page.evaluate(
        "(n) => [...document.querySelectorAll('table[data-tools] tbody tr:not([hidden])')]"
        ".map((row) => row.cells[n].textContent.trim())",
        number,
    )


def test_a_table_is_sorted_by_a_click_and_the_third_gives_the_first_order_back(pages, visit):
    page = visit(pages["calls"])
    before = column(page, 7)
    button = page.get_by_role("button", name="Score")
    scored = sorted((int(score) for score in before if score.isdigit()), reverse=True)

    button.click()
    assert [int(score) for score in column(page, 7) if score.isdigit()] == scored
    assert page.locator("th[aria-sort=descending]").inner_text().startswith("Score")
    button.click()
    assert [int(score) for score in column(page, 7) if score.isdigit()] == scored[::-1]
    button.click()
    assert column(page, 7) == before
    assert page.locator("th[aria-sort]").count() == 0
    assert len(scored) > 10


def test_a_table_is_searched_and_filtered_and_says_how_many_are_left(pages, visit):
    page = visit(pages["calls"])
    every = column(page, 2)
    page.get_by_label("Agent").select_option("Chloe Brown")
    left = column(page, 2)

    assert set(left) == {"Chloe Brown"}
    assert len(left) == every.count("Chloe Brown") < len(every)
    assert page.locator(".tools output").inner_text() == f"{len(left)} of {len(every)}"
    page.get_by_label("Search calls").fill("C1 chloe")
    assert column(page, 0) == ["C1"]
    page.get_by_label("Search calls").fill("nobody at all")
    assert column(page, 0) == []


def test_agents_are_found_within_their_teams(pages, visit):
    page = visit(pages["weekly"])
    page.locator("#agents").get_by_label("Search agents").fill("billing")

    shown = page.locator("#agents tbody tr:not([hidden])").all_inner_texts()
    assert shown[0].startswith("Billing")
    assert [row.split("\t")[0] for row in shown[1:]] == ["Chloe Brown", "Grace Silva"]


def test_missed_only_leaves_what_was_missed(pages, visit):
    page = visit(pages["call"])
    missed = page.locator(".rule.missed:visible").count()
    assert 0 < missed < page.locator(".rule:visible").count()

    page.get_by_label("Missed only").check()

    assert page.locator(".rule:visible").count() == missed
    assert page.locator(".pin:visible").count() == page.locator(".pin.missed").count()
    assert page.locator(".step:visible").count() <= missed


def test_a_form_is_filled_in_by_keyboard_kept_and_taken_back(pages, settings, visit, tmp_path):
    page = visit(pages["review"])
    blind = page.locator("article:has([data-field=you_say])").count()
    assert page.locator("#progress").inner_text() == "0 of 10 judged"
    assert "The rule says" not in page.locator("#finding-1").inner_text()
    page.keyboard.press("1")
    for _ in range(blind):
        page.keyboard.press("n")
    for key in ("2", "s"):
        page.keyboard.press(key)
    assert page.locator("#progress").inner_text() == "Say who you are, then save."
    page.keyboard.type("Eva Lind")
    page.reload()
    assert page.locator("#reviewer").input_value() == "Eva Lind"
    page.locator("#save").click()
    assert "what should it be" in page.locator(f"#finding-{blind + 1} .fault").inner_text()
    says = page.locator(f"#finding-{blind + 1} b").inner_text()
    page.keyboard.press("4" if says != "not applicable" else "1")
    assert page.locator("#progress").inner_text() == "2 of 10 judged"
    with page.expect_download() as saved:
        page.keyboard.press("s")
    form = tmp_path / saved.value.suggested_filename
    saved.value.save_as(form)

    taken = import_reviews(settings, form)

    assert (form.name, taken.reviewer, taken.new, taken.empty) == ("review.json", "Eva Lind", 2, 8)
    assert page.faults == []


def test_marks_come_back_as_reviews(pages, settings, visit, tmp_path):
    page = visit(pages["call"])
    chosen = page.locator(".rule[data-n]:visible")
    wrong, right = chosen.nth(0).get_attribute("data-rule"), chosen.nth(1).get_attribute("data-rule")
    page.get_by_role("button", name=f"Wrong: {wrong}").first.click()
    page.get_by_role("button", name=f"Right: {right}").first.click()
    assert page.locator("#reviewed").inner_text() == "2 checked, 1 wrong"
    with page.expect_download() as saved:
        page.locator("#save").click()
    form = tmp_path / saved.value.suggested_filename
    saved.value.save_as(form)

    taken = import_reviews(settings, form, reviewer="Dana")

    assert (form.name, taken.new, taken.empty) == ("review-C1.json", 2, 0)
    assert import_reviews(settings, form, reviewer="Dana").new == 0
    known = ask(
        settings, "select rule_id, verdict <> rule_verdict as reversed, reviewer from reviews where reviewer = 'Dana'"
    )
    assert {row["rule_id"]: row["reversed"] for row in known} == {wrong: True, right: False}


def test_marks_outlive_the_page_until_they_are_cleared(pages, visit):
    page = visit(pages["call"])
    page.keyboard.press("m")
    page.keyboard.press("x")
    page.reload()

    assert page.locator("#reviewed").inner_text() == "1 checked, 1 wrong"
    page.locator("#clear").click()
    page.reload()
    assert page.locator("#reviews").is_hidden()


def test_a_recording_that_is_gone_is_said_so_and_the_rest_works(pages, settings, visit, tmp_path):
    alone = tmp_path / "reports" / "calls" / pages["call"].name
    alone.parent.mkdir(parents=True)
    shutil.copyfile(pages["call"], alone)
    page = visit(alone)
    page.wait_for_function("document.querySelector('#time').textContent.startsWith('No recording here')")
    page.keyboard.press("n")

    assert page.locator("mark.on").count()
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


PAPER = 688
"""Pixels between the margins of an A4 page."""


@pytest.mark.parametrize("name", PAGES)
def test_nothing_runs_over_the_edge_of_the_paper(pages, visit, name):
    page = visit(pages[name], width=PAPER)
    page.emulate_media(media="print")
    over = page.evaluate(
        "[...document.querySelectorAll('body *')].filter((e) => e.checkVisibility() && !e.closest('svg *'))"
        ".filter((e) => e.getBoundingClientRect().right > innerWidth + 1 && !e.closest('.drawing'))"
        ".map((e) => e.outerHTML.slice(0, 160))"
    )

    assert over == []


def squeezed(text: str) -> str:
    """Without spaces, quotation marks (a style sheet's) and ligatures."""
    return re.sub(r"[\s“”]+", "", unicodedata.normalize("NFKC", text))


@pytest.mark.parametrize(
    ("name", "cards"),
    [("call", ".rule, .turn"), ("weekly", ".tile, blockquote, #steps tbody tr.has-rules, #data dl")],
)
def test_printed_cards_are_whole(pages, visit, name, cards, tmp_path):
    pypdf = pytest.importorskip("pypdf", reason="needs pypdf, which reads what was printed (make setup)")
    page = visit(pages[name])
    page.emulate_media(media="print")
    texts = page.locator(cards).evaluate_all("(all) => all.filter((e) => e.checkVisibility()).map((e) => e.innerText)")
    page.pdf(path=tmp_path / "printed.pdf", prefer_css_page_size=True)
    sheets = [squeezed(sheet.extract_text()) for sheet in pypdf.PdfReader(tmp_path / "printed.pdf").pages]

    assert len(texts) > 10
    cut = [text for text in texts if not any(_within(text, sheet) for sheet in sheets)]
    assert cut == []


def _within(card: str, sheet: str) -> bool:
    """Whether every line of a card is on the sheet."""
    return all(squeezed(line) in sheet for line in re.split(r"[\n\t]", card))
