"""The index: every week with its figures and its reports, every agent, every team."""

import html
import re
from datetime import date
from pathlib import Path
from urllib.parse import quote

import msgspec

from callaudit.reports.page import agent_link
from callaudit.reports.statistics import Rate
from callaudit.reports.weekly.edition import Edition
from callaudit.reports.weekly.queries import AGENT_WEEKS, scorecard_titles
from callaudit.reports.weekly.rates import FEW, shown
from callaudit.reports.wording import counted, day, week_dates, week_start
from callaudit.warehouse.published import Published


class Link(msgspec.Struct, frozen=True, kw_only=True):
    """A report that lies there, by what it is called."""

    name: str
    href: str


class WeekLine(msgspec.Struct, frozen=True, kw_only=True):
    """A week with calls; `href` is the page of everybody by the index's scorecard, "" where none was made."""

    name: str
    iso_week: str
    href: str
    calls: int
    tense: int
    followed: str
    share: float | None
    few: bool
    critical: int
    others: tuple[Link, ...]


class AgentLine(msgspec.Struct, frozen=True, kw_only=True):
    """An agent, with the calls of the last four weeks that have any."""

    name: str
    href: str
    team: str
    calls: int
    last: str
    last_day: str


class Index(msgspec.Struct, frozen=True, kw_only=True):
    """The whole page."""

    scorecard: str
    weeks: tuple[WeekLine, ...]
    teams: tuple[Link, ...]
    agents: tuple[AgentLine, ...]
    agents_note: str


class _Made(msgspec.Struct, frozen=True, kw_only=True):
    """A weekly page on disk, as its head says."""

    week: str
    scorecard: str
    edition: str
    href: str


class _Week(msgspec.Struct, frozen=True, kw_only=True):
    """The calls of a week, and their steps by the index's scorecard."""

    iso_week: str
    calls: int
    tense: int
    met: int
    judged: int
    critical: int


class _Agent(msgspec.Struct, frozen=True, kw_only=True):
    """An agent with the calls of the last weeks; `team` is "" where none is known."""

    agent_id: str
    name: str
    team: str
    last: date | None
    calls: int


def index_page(published: Published, reports: Path, *, scorecard: str) -> Index:
    """What the warehouse says of every week and agent, and which reports lie in the folder."""
    titles = scorecard_titles(published)
    made = _made(reports)
    weeks = published.rows_as(
        _Week,
        """
        select c.iso_week, count(*) as calls, count(*) filter (c.tense) as tense,
            coalesce(sum(s.steps_met), 0)::bigint as met, coalesce(sum(s.steps_judged), 0)::bigint as judged,
            count(*) filter (s.critical_misses > 0) as critical
        from calls c left join call_scorecards s on s.call_id = c.call_id and s.scorecard = $scorecard
        where c.iso_week is not null group by c.iso_week order by c.iso_week desc
        """,
        {"scorecard": scorecard},
    )
    agents = published.rows_as(
        _Agent,
        """
        select c.agent_id, coalesce(arg_max(c.agent_name, c.started_at), c.agent_id) as name,
            coalesce(arg_max(c.team, c.started_at), '') as team, max(c.local_date) as last,
            count(*) filter (c.week_start > (select max(week_start) from weeks where calls > 0) - 7 * $weeks) as calls
        from calls c where c.agent_id is not null group by c.agent_id order by name, c.agent_id
        """,
        {"weeks": AGENT_WEEKS},
    )
    return Index(
        scorecard=titles.get(scorecard, scorecard),
        weeks=tuple(_week(row, made, scorecard, titles) for row in weeks),
        teams=_teams(made, scorecard, sorted({agent.team for agent in agents if agent.team})),
        agents=tuple(
            AgentLine(
                name=agent.name,
                href=agent_link(agent.agent_id),
                team=agent.team,
                calls=agent.calls,
                last=day(agent.last, year=True) if agent.last else "no date",
                last_day=str(agent.last or ""),
            )
            for agent in agents
        ),
        agents_note=f"{counted(len(agents), 'agent')}, in order of name. Calls are those of the last "
        f"{AGENT_WEEKS} weeks.",
    )


def _week(row: _Week, made: list[_Made], scorecard: str, titles: dict[str, str]) -> WeekLine:
    own = [page for page in made if page.week == row.iso_week]
    main = next((page for page in own if (page.scorecard, page.edition) == (scorecard, "")), None)
    rate = Rate.of(row.met, row.judged)
    few = row.calls < FEW
    return WeekLine(
        name=week_dates(week_start(row.iso_week)),
        iso_week=row.iso_week,
        href=main.href if main else "",
        calls=row.calls,
        tense=row.tense,
        followed=shown(rate, few=few),
        share=rate.share,
        few=few,
        critical=row.critical,
        others=tuple(Link(name=_called(page, scorecard, titles), href=page.href) for page in own if page is not main),
    )


def _called(page: _Made, scorecard: str, titles: dict[str, str]) -> str:
    """`team Billing`, or with the scorecard where it is not the index's own: `team Billing, Five tips`."""
    card = "" if page.scorecard == scorecard else titles.get(page.scorecard, page.scorecard)
    return ", ".join(filter(None, (page.edition, card)))


def _teams(made: list[_Made], scorecard: str, teams: list[str]) -> tuple[Link, ...]:
    """The newest page of each team that lies there."""
    found = []
    for team in teams:
        label = Edition(team=team).label
        lying = [page for page in made if (page.scorecard, page.edition) == (scorecard, label)]
        if lying:
            found.append(Link(name=team, href=max(lying, key=lambda page: page.week).href))
    return tuple(found)


_NAME = re.compile(r"weekly-(\d{4}-W\d\d)-.*\.html")
_META = re.compile(r'<meta name="callaudit-(scorecard|edition)" content="([^"]*)">')
_HEAD = 4096


def _made(reports: Path) -> list[_Made]:
    """The weekly pages that lie in the folder; a list of calls is no report and has no edition."""
    found = []
    for path in sorted(reports.glob("weekly-*.html")):
        name = _NAME.fullmatch(path.name)
        with path.open(encoding="utf-8", errors="replace") as page:
            told = {what: html.unescape(said) for what, said in _META.findall(page.read(_HEAD))}
        if name and "edition" in told:
            found.append(
                _Made(week=name[1], scorecard=told.get("scorecard", ""), edition=told["edition"], href=quote(path.name))
            )
    return found
