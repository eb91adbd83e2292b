"""What every page shares: the template environment, file names that are safe, and writing in one go."""

import base64
import hashlib
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from urllib.parse import quote

import jinja2
import msgspec
from markupsafe import Markup

from callaudit.reports import wording
from callaudit.transcription.errors import SetupError
from callaudit.transcription.transcript import Seconds

_PLAIN = re.compile(r"[A-Za-z0-9_\-]")
# Names that Windows keeps for devices, whatever ending follows.
_DEVICES = re.compile(r"(con|prn|aux|nul|com[0-9]|lpt[0-9])$", re.IGNORECASE)
_LONGEST = 120
# Embeddings, overrides and isolates of Unicode's bidirectional algorithm (UAX 9; "Trojan Source", 2021).
_TURNING = dict.fromkeys([*range(0x202A, 0x202F), *range(0x2066, 0x206A)])


def call_file_name(call_id: str) -> str:
    """The name of a call's page: letters, digits, `-` and `_` as they are, every other byte as `=XX`.

    Different calls get different names. `=` in place of `%`, so that a name in a link needs no second encoding.
    A very long id keeps its beginning and ends in its sha256 behind `==`, which no other name contains.
    """
    return f"{file_stem(call_id)}.html"


def file_stem(name: str) -> str:
    """A name as part of a file name, as `call_file_name` writes it."""
    stem = "".join(c if _PLAIN.match(c) else _escaped(c) for c in name) or "="
    if _DEVICES.match(stem):
        stem = _escaped(stem[0]) + stem[1:]
    if len(stem) > _LONGEST:
        stem = f"{stem[: _LONGEST // 2]}=={hashlib.sha256(name.encode('utf-8', 'surrogatepass')).hexdigest()}"
    return stem


def call_link(call_id: str, *, at: Seconds | None = None) -> str:
    """The address of a call's page as seen from the weekly page, at a time in the call where one is given."""
    return f"calls/{quote(call_file_name(call_id))}" + (f"#t={at:.1f}" if at is not None else "")


def weekly_file_name(week: str, scorecard: str, edition: str = "") -> str:
    """The name of a week's page by a scorecard, one folder above the calls' pages; `edition` is an edition's suffix."""
    return f"weekly-{week}-{file_stem(scorecard)}{edition}.html"


INDEX = "index.html"
"""The page that leads to all others."""


def agent_link(agent_id: str) -> str:
    """The address of an agent's page as seen from the weekly page and the index."""
    return f"agents/{quote(call_file_name(agent_id))}"


class Brand(msgspec.Struct, frozen=True, kw_only=True):
    """Whose pages these are: a company's name and its logo as a `data:` address, each "" where there is none."""

    company: str = ""
    logo: str = ""


NO_BRAND = Brand()
_PICTURES = {".png": "image/png", ".jpg": "image/jpeg", ".jpeg": "image/jpeg", ".svg": "image/svg+xml"}
_LARGEST_LOGO = 200_000


def brand(company: str, logo: Path | None) -> Brand:
    """The company's name and its logo, read into the page so that a page stays one file.

    Raises SetupError where the logo is no picture that browsers show, cannot be read or is above 200 kB.
    """
    if logo is None:
        return Brand(company=company)
    kind = _PICTURES.get(logo.suffix.lower())
    if kind is None:
        raise SetupError(f"the logo {logo} is no picture", why=f"It ends in none of {', '.join(_PICTURES)}.")
    try:
        content = logo.read_bytes()
    except OSError as error:
        raise SetupError(f"the logo {logo} cannot be read", why=f"{error.strerror}.") from error
    if len(content) > _LARGEST_LOGO:
        raise SetupError(
            f"the logo {logo} is too large",
            why=f"It has {len(content):,} bytes, and every page holds it; {_LARGEST_LOGO:,} are allowed.",
        )
    return Brand(company=company, logo=f"data:{kind};base64,{base64.b64encode(content).decode()}")


def link(path: Path, *, page: Path) -> str:
    """The relative address of a file as seen from a page, fit for an attribute on every system."""
    return quote(Path(os.path.relpath(path.absolute(), page.absolute().parent)).as_posix())


@cache
def environment() -> jinja2.Environment:
    """Templates of this folder: everything escaped, an unknown name is an error, the wording as filters."""
    made = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        finalize=_readable,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    for written in (wording.percent, wording.between, wording.points, wording.clock, wording.sentence):
        made.filters[written.__name__] = written
    made.globals["fetches_nothing"] = _fetches_nothing
    made.filters["count"] = lambda n: f"{n:,}"
    made.filters["counted"] = wording.counted
    return made


def _readable(value: object) -> object:
    """Words without the marks that turn the direction of what stands after them: a name may not reorder a page.

    What is escaped already (`forceescape`) is left as it is: an id that a form sends back must stay the same.
    """
    return value.translate(_TURNING) if isinstance(value, str) and not isinstance(value, Markup) else value


def _fetches_nothing(script: str = "") -> str:
    """The Content-Security-Policy of a page that asks for nothing but the audio beside it and runs its own script only.

    Should words of a call ever get past the escaping, a browser still runs and fetches nothing of theirs.
    """
    rules = [
        "default-src 'none'",
        "style-src 'unsafe-inline'",
        "base-uri 'none'",
        "form-action 'none'",
        "img-src data:",
    ]
    if script:
        digest = hashlib.sha256(environment().get_template(script).render().encode()).digest()
        rules += [f"script-src 'sha256-{base64.b64encode(digest).decode()}'", "media-src 'self' file:"]
    return "; ".join(rules)


def write_page(out: Path, template: str, *, brand: Brand = NO_BRAND, **values: object) -> Path:
    """Render a template to `out`, complete or not at all; the same values give the same bytes."""
    html = environment().get_template(template).render(brand=brand, **values)
    with complete(out) as partial:
        partial.write_text(html, encoding="utf-8", errors="xmlcharrefreplace", newline="\n")
    return out


@contextmanager
def complete(out: Path, *, mode: int | None = None) -> Iterator[Path]:
    """A file beside `out` to write to, which takes its place when the block ends well and is gone when it does not.

    `mode` are its permissions from the start, for what not everybody may read.
    """
    out.parent.mkdir(parents=True, exist_ok=True)
    partial = out.with_name(f".{out.name}.{os.getpid()}.partial")
    try:
        if mode is not None:
            partial.touch(mode=mode)
        yield partial
        partial.replace(out)
    finally:
        partial.unlink(missing_ok=True)


def _escaped(character: str) -> str:
    return "".join(f"={byte:02X}" for byte in character.encode("utf-8", "surrogatepass"))
