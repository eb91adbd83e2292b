"""The week in a few lines: for a chat, and for those who read mail as plain text."""

import re

from callaudit.reports.weekly.headlines import Figure
from callaudit.reports.weekly.notices import Known
from callaudit.reports.weekly.page import Weekly
from callaudit.reports.weekly.rates import ChangeText
from callaudit.reports.weekly.steps import StepLine

LONGEST = 2000
"""Characters; some chats cut a longer message."""

_STEPS_SHOWN = 8
# What a chat would read as its own marks, a link or a mention of a person.
_MARKS = re.compile(r"([\\`*_\[\]<>~|#@])")


def chat_summary(page: Weekly, *, link: str = "") -> str:
    """The week as Markdown, under 2,000 characters: what to know, four figures, the steps that changed, a link.

    Nobody is named. `link` is the address of the report; without one nothing is linked.
    """
    lines = [f"**{_plain(page.title)}**", _plain(page.summary), ""]
    lines += [f"> Please note: {_plain(notice)}" for notice in page.notices]
    lines += [f"- **{_plain(known.point)}** {_plain(known.detail)}".rstrip() for known in page.know]
    lines += ["", *(f"- {_plain(f.name)}: **{f.value}** ({_noted(f.unsure, f.change)})" for f in page.figures)]
    changed = _changed(page)
    if changed:
        lines += ["", "Steps that changed:"]
        lines += [f"- {_plain(s.title)}: {s.value} ({_noted(s.unsure.text, s.change)})" for s in changed[:_STEPS_SHOWN]]
        if len(changed) > _STEPS_SHOWN:
            lines.append(f"- and {len(changed) - _STEPS_SHOWN} more")
    if link:
        lines += ["", f"[The full report]({link})"]
    return _shortened(lines)


def plain_summary(page: Weekly, *, closing: str = "") -> str:
    """The week as plain text, with every step."""
    lines = [page.title, page.summary, ""]
    lines += [f"Please note: {notice}" for notice in page.notices]
    lines += [f"* {sentence(known)}" for known in page.know]
    lines += ["", *(f"{f.name}: {f.value} ({_beside(f)}); {told(f.change)}" for f in page.figures)]
    width = max((len(s.title) for s in page.steps), default=0)
    lines += ["", page.steps_title]
    lines += [
        f"{s.number:>3}. {s.title:<{width}}  {s.value:>9}  {_noted(s.unsure.text, s.change)}{_aimed(s)}".rstrip()
        for s in page.steps
    ]
    return "\n".join([*lines, "", closing]).rstrip() + "\n"


def told(change: ChangeText) -> str:
    """`no clear change, +2 pts`."""
    words = change.words[:1].lower() + change.words[1:]
    return f"{words}, {change.amount}" if change.amount else words


def _aimed(step: StepLine) -> str:
    return f"; {step.aim.words[:1].lower()}{step.aim.words[1:]}" if step.aim else ""


def _beside(figure: Figure) -> str:
    """`likely 59% to 68%, 3% unsure`."""
    return ", ".join(filter(None, (figure.likely, figure.unsure)))


def _noted(unsure: str, change: ChangeText) -> str:
    """`12% unsure; no clear change, +2 pts`."""
    return "; ".join(filter(None, (unsure, told(change))))


def sentence(known: Known) -> str:
    """The point and the figures, without what only a page can link to."""
    return f"{known.point} {known.detail}".strip()


def _changed(page: Weekly) -> list[StepLine]:
    return [step for step in page.steps if step.change.tone]


def _plain(text: str) -> str:
    return _MARKS.sub(r"\\\1", text)


def _shortened(lines: list[str]) -> str:
    """The lines that fit, and the last one, which is the link."""
    text = "\n".join(lines) + "\n"
    while len(text) > LONGEST and len(lines) > 2:
        del lines[-3 if len(lines) > 3 else 1]
        text = "\n".join(lines) + "\n"
    return text
