"""The weekly report as a mail: a short HTML body with one picture, the same as plain text, and the full forms attached.

Many mail programs clip a body above 102 kB and show neither style sheets nor SVG, so the body is made of tables with
inline styles and the trend is a PNG.
"""

import hashlib
import mimetypes
import re
from collections.abc import Sequence
from email import policy
from email.headerregistry import Address
from email.message import EmailMessage
from pathlib import Path

import msgspec
from markupsafe import escape

from callaudit.reports import charts
from callaudit.reports.formats.chat_summary import plain_summary
from callaudit.reports.page import environment
from callaudit.reports.weekly.page import Weekly
from callaudit.reports.weekly.queries import Readings
from callaudit.reports.weekly.trend import trend_points
from callaudit.transcription.errors import InputError, SetupError

LONGEST_BODY = 100_000
"""Bytes of HTML; mail programs clip at 102 kB."""

_PICTURE_WIDTH = 592


class Letter(msgspec.Struct, frozen=True, kw_only=True):
    """A mail without its envelope. `digest` is the sha256 of all that a reader gets to see."""

    week: str
    scorecard: str
    subject: str
    html: str
    text: str
    picture: bytes
    attachments: tuple[tuple[str, bytes], ...]
    digest: str


def letter(readings: Readings, page: Weekly, *, link: str = "", attached: Sequence[Path] = ()) -> Letter:
    """The week as a mail with those files attached; `link` is the full report's address, "" where it has none.

    Nobody is named in it; the attachments name agents as the report does.
    Raises SetupError where the picture cannot be drawn.
    """
    picture = _picture(readings)
    closing = _closing(link, attached)
    html = (
        environment()
        .get_template("mail.html.j2")
        .render(
            page=page,
            link=link,
            picture=_PICTURE_ID if picture else "",
            widths=[None if s.rate.share is None else round(100 * s.rate.share) for s in page.steps],
            closing=closing,
        )
    )
    if len(html.encode("utf-8", "replace")) > LONGEST_BODY:
        raise AssertionError("the body of the mail would be clipped")
    text = plain_summary(page, closing=f"{f'The full report: {link}' if link else ''}\n{closing}".strip())
    attachments = tuple((path.name, _alone(path, link)) for path in attached)
    seen = hashlib.sha256()
    for part in (page.title.encode(), html.encode("utf-8", "replace"), text.encode("utf-8", "replace"), picture):
        seen.update(hashlib.sha256(part).digest())
    for name, content in attachments:
        seen.update(hashlib.sha256(name.encode() + b"\0" + content).digest())
    return Letter(
        week=readings.week,
        scorecard=readings.scorecard,
        subject=page.title,
        html=html,
        text=text,
        picture=picture,
        attachments=attachments,
        digest=seen.hexdigest(),
    )


def message(written: Letter, *, sender: str, to: Sequence[str], date: str, again: int = 0) -> EmailMessage:
    """The letter with its envelope, in the form that is sent.

    The same letter always has the same Message-ID, so that a mailbox that gets it twice can tell; `again` counts
    the times it was sent on purpose. Raises InputError for an address that is none.
    """
    made = EmailMessage(policy=policy.SMTP)
    made["Subject"] = written.subject
    made["From"] = address_of(sender)
    made["To"] = tuple(address_of(one) for one in to)
    made["Date"] = date
    identity = f"{written.digest[:32]}{f'.{again}' if again else ''}"
    made["Message-ID"] = f"<{written.week}.{identity}@{address_of(sender).domain}>"
    # No "out of office" comes back, and it says what it is.
    made["Auto-Submitted"] = "auto-generated"
    made.set_content(_sendable(written.text), cte="quoted-printable")
    made.add_alternative(_sendable(written.html), subtype="html", cte="quoted-printable")
    html = list(made.iter_parts())[1]
    if written.picture and isinstance(html, EmailMessage):
        html.add_related(
            written.picture, "image", "png", cid=f"<{_PICTURE_ID}>", filename="trend.png", disposition="inline"
        )
    for name, content in written.attachments:
        kind = mimetypes.guess_type(name)[0] or "application/octet-stream"
        main, _, sub = _KINDS.get(Path(name).suffix, kind).partition("/")
        made.add_attachment(content, maintype=main, subtype=sub, filename=name)
    _fix_boundaries(made, written.digest)
    return made


def address_of(text: str) -> Address:
    """`Name <box@host>` or `box@host`. Raises InputError for anything else, and for more than one."""
    made = EmailMessage(policy=policy.SMTP)
    try:
        made["To"] = text
        found = made["To"].addresses
    except (ValueError, IndexError) as error:
        raise InputError(f"{text!r} is no mail address", why=f"{error}.") from error
    if len(found) != 1 or made["To"].defects or not found[0].username or not found[0].domain:
        raise InputError(f"{text!r} is no mail address", tries=("write it as name@example.com",))
    if not found[0].addr_spec.isascii():
        raise InputError(f"{text!r} is a mail address that not every server takes", tries=("use ASCII letters",))
    return Address(display_name=found[0].display_name, addr_spec=found[0].addr_spec)


# The start of an address that leads to another page of ours, neither within the page nor away.
_BESIDE = "(?!#|[a-z]+:)"
_PICTURE_ID = "trend@callaudit"
_KINDS = {
    ".xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    ".csv": "text/csv",
    ".md": "text/markdown",
}


def _closing(link: str, attached: Sequence[Path]) -> str:
    where = "the full report" if link or attached else "the report on the audit machine"
    told = f"Attached: {', '.join(path.name for path in attached)}. " if attached else ""
    return (
        f"{told}Agents are named only in {where}. Numbers come from rules on machine transcripts; listen before any "
        "decision about a person."
    )


def _alone(path: Path, link: str) -> bytes:
    """A file as it can be read away from its folder: links to other pages lead to where those are served, or nowhere.

    `link` is the page's own address, "" where it has none.
    """
    content = path.read_bytes()
    if path.suffix != ".html":
        return content
    text = content.decode("utf-8")
    if link:
        folder = escape(link.rpartition("/")[0])
        return re.sub(rf'href="{_BESIDE}', lambda _: f'href="{folder}/', text).encode()
    return re.sub(rf'<a\b[^>]*\bhref="{_BESIDE}[^"]*"[^>]*>(.*?)</a>', r"\1", text, flags=re.DOTALL).encode()


def _picture(readings: Readings) -> bytes:
    """The trend as a PNG of twice its size, for sharp screens; nothing for a first week."""
    points = trend_points(readings)
    if len(points) < 2:
        return b""
    chart = charts.trend(points, width=_PICTURE_WIDTH, height=230, labels=6)
    svg = str(environment().get_template("charts.html.j2").module.trend(chart, "", ""))  # type: ignore[attr-defined]  # A macro of the template.
    return draw(svg.replace("<svg ", '<svg xmlns="http://www.w3.org/2000/svg" ', 1))


def draw(svg: str) -> bytes:
    """An SVG drawing as a PNG of twice its size on white.

    Raises SetupError where the library is missing, or the system has no font to write the numbers with.
    """
    try:
        from resvg_py import svg_to_bytes  # noqa: PLC0415  An extra.
    except ImportError as error:
        raise SetupError(
            "the picture in the mail needs resvg", why=f"{error}.", tries=('pip install "call-audit[mail]"',)
        ) from error
    written, bare = (bytes(svg_to_bytes(svg_string=_PROBE.format(text), style_sheet=_FONTS)) for text in ("80%", ""))
    if written == bare:
        raise SetupError(
            "the picture in the mail has no font to write with",
            why="This system has none.",
            tries=("apt-get install fonts-dejavu-core  (Debian, Ubuntu)",),
        )
    return bytes(svg_to_bytes(svg_string=svg, zoom=2, background="white", style_sheet=_FONTS))


_FONTS = "text { font-family: 'Segoe UI', Helvetica, Arial, 'Liberation Sans', 'DejaVu Sans', sans-serif }"
_PROBE = '<svg xmlns="http://www.w3.org/2000/svg" width="60" height="20"><text x="2" y="15">{}</text></svg>'


def _sendable(text: str) -> str:
    """Half a character (a lone surrogate) cannot be sent."""
    return text.encode("utf-8", "replace").decode("utf-8")


def _fix_boundaries(made: EmailMessage, digest: str) -> None:
    """The marks between the parts, from what is in them: the same letter has the same bytes."""
    for number, part in enumerate(p for p in made.walk() if p.is_multipart()):
        part.set_boundary(f"=_{number}_{digest[:40]}")
