"""The pages in a real browser: no sideways scrolling on a phone, no request leaves, the keys do what they say."""

import json
import re
import shutil
import subprocess
import wave
from datetime import datetime
from html import unescape
from pathlib import Path
from typing import Any

import pytest

from reports import call_page, dictionary, weekly

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="no chromium here: the pages are not tried in a browser"),
]


def in_browser(page: Path, ask: str, *, folder: Path, width: int | None = None) -> Any:
    """Open a copy of the page with no way to the network, evaluate `ask` in it, and return its value.

    No window is narrower than 500 pixels, so a `width` is that of a frame.
    """
    tried, opened = page.with_name("tried.html"), page.with_name("opened.html")
    answer = "JSON.stringify((() => { " + ask + " })())"
    ending = f"<script>addEventListener('load', () => parent.postMessage({answer}, '*'))</script></body>"
    tried.write_text(page.read_text().replace("</body>", ending))
    opened.write_text(
        "<!doctype html><body style='margin:0'>"
        "<script>addEventListener('message', (e) => { document.body.dataset.answer = e.data })</script>"
        f"<iframe src='tried.html' style='border:0;height:900px;width:{f'{width}px' if width else '100%'}'></iframe>"
    )
    found = subprocess.run(
        [
            str(CHROMIUM), "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
            "--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-extensions",
            f"--user-data-dir={folder / 'profile'}", "--window-size=1280,900", "--host-resolver-rules=MAP * ~NOTFOUND",
            "--virtual-time-budget=3000", "--dump-dom", opened.as_uri(),
        ],
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    told = re.search(r'data-answer="([^"]*)"', found.stdout)
    assert told, found.stderr[-2000:]
    return json.loads(unescape(told[1]))


@pytest.fixture(scope="module")
def pages(published, centre, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    tmp_path = tmp_path_factory.mktemp("pages")
    calls = [centre.angry_call(f"C{i}", datetime(2026, 3, 2 + i, 9, tzinfo=centre.MINUS_FIVE), i) for i in range(3)]
    store = published([*calls, *centre.random_calls(5, 24)])
    audio = tmp_path / "audio" / "c.wav"
    audio.parent.mkdir()
    with wave.open(str(audio), "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(1)
        sound.setframerate(8000)
        sound.writeframes(bytes([128]) * 8000 * 30)
    return {
        "weekly": weekly.render(store, week="2026-W10", out=tmp_path / "reports" / "weekly.html"),
        "call": call_page.render(store, "C1", out=tmp_path / "reports" / "calls" / "C1.html", audio=audio),
        "dictionary": dictionary.render(store, out=tmp_path / "reports" / "dictionary.html"),
    }


SIDEWAYS = "return [document.documentElement.scrollWidth, innerWidth]"
REQUESTS = "return performance.getEntriesByType('resource').map((e) => e.name)"


@pytest.mark.parametrize("name", ["weekly", "call", "dictionary"])
def test_a_phone_shows_the_page_without_sideways_scrolling(pages, name, tmp_path):
    wide, window = in_browser(pages[name], SIDEWAYS, width=390, folder=tmp_path)

    assert window == 390
    assert wide <= window


@pytest.mark.parametrize("name", ["weekly", "call", "dictionary"])
def test_a_page_asks_for_nothing_but_its_own_audio(pages, name, tmp_path):
    requested = in_browser(pages[name], REQUESTS, folder=tmp_path)

    assert [url for url in requested if not re.fullmatch(r"file:///.*/audio/c\.wav", url)] == []


def test_a_request_would_be_noticed(tmp_path):
    page = tmp_path / "page.html"
    page.write_text('<body><img src="http://example.invalid/x.png"></body>')

    assert in_browser(page, REQUESTS, folder=tmp_path) == ["http://example.invalid/x.png"]


def test_keys_clicks_and_marks_work_on_the_call_page(pages, tmp_path):
    ask = """
      const faults = []; addEventListener('error', (e) => faults.push(e.message));
      const press = (key) => document.body.dispatchEvent(new KeyboardEvent('keydown', {key, bubbles: true}));
      press('m');
      const first = document.querySelector('.pin.on');
      press('x');
      const said = document.querySelector('#reviewed').textContent;
      const stored = Object.values(JSON.parse(localStorage.getItem(Object.keys(localStorage)[0])));
      let saved = null;
      const Real = Blob;
      window.Blob = function (parts, kind) { saved = JSON.parse(parts[0]); return new Real(parts, kind); };
      HTMLAnchorElement.prototype.click = () => {};
      document.querySelector('#save').click();
      press('n');
      const second = document.querySelector('.pin.on').dataset.n;
      document.querySelector('label[for=card-2]').click();
      const open = [...document.querySelectorAll('.scorecard')].filter((e) => e.offsetParent).length;
      return {faults, missed: first.matches('.missed'), marks: document.querySelectorAll('mark.on').length,
        moved: second !== first.dataset.n, said, stored, open, saved,
        controls: !document.querySelector('#controls').hidden,
        buttons: document.querySelectorAll('[data-review] button').length};
    """
    answer = in_browser(pages["call"], ask, folder=tmp_path)

    assert answer["faults"] == []
    assert answer["missed"]
    assert answer["marks"] >= 1
    assert answer["moved"]
    assert answer["said"] == "1 checked, 1 wrong"
    assert answer["stored"] == [False]
    assert answer["saved"]["call_id"] == "C1"
    assert [(r["rule_verdict"], r["verdict"]) for r in answer["saved"]["reviews"]] == [("missed", "met")]
    assert answer["open"] == 1
    assert answer["controls"]
    assert answer["buttons"] > 20
