"""The dictionary shows the whole catalogue, joins as they are, and answers that were just given."""

import re
from html import unescape

import pytest

from callaudit.reports import dictionary
from callaudit.reports.dictionary.diagram import diagram, short_type
from callaudit.reports.dictionary.queries import SHOWN_ROWS
from callaudit.warehouse.dictionary import joins, read_dictionary
from callaudit.warehouse.queries import saved_queries


@pytest.fixture(scope="module")
def store(published, centre):
    hostile = centre.angry_call("<script>alert('C')</script>", agent=3, agent_name="<b>Eve</b> & 'Co'", queue="x\ny")
    return published([hostile, *centre.random_calls(3, 16)])


@pytest.fixture(scope="module")
def page(store, tmp_path_factory):
    return dictionary.render(store, out=tmp_path_factory.mktemp("page") / "dictionary.html").read_text()


def test_every_view_table_column_and_macro_is_on_the_page_with_its_meaning(store, page):
    text = unescape(page)
    found = read_dictionary(store)
    for relation in (*found.views, *found.tables):
        assert f'<details id="{relation.title}"' in page
        assert relation.meaning in text
        for column in relation.columns:
            assert re.search(rf"<th scope=\"row\"[^>]*>{column.name}</th>", page), column.name
            assert column.meaning in text
    for macro in found.macros:
        assert macro.call in text


def test_every_saved_query_was_run_and_its_values_are_written_in(page):
    for name in saved_queries():
        assert f'id="query-{name}"' in page
    assert "$agent" not in page
    assert "$scorecard" not in page
    assert f"The first {SHOWN_ROWS} rows." in page


def test_what_callers_said_cannot_become_part_of_the_page(page):
    assert "<script" not in page
    assert "<b>Eve" not in page
    assert "&lt;script&gt;alert" in page


def test_the_page_stands_alone(page):
    assert not re.search(r"(?:src|href)=\"(?!#)", page)
    assert "@import" not in page
    assert "url(" not in page


def test_every_link_in_the_page_leads_somewhere(page):
    assert set(re.findall(r'href="#([^"]+)"', page)) <= set(re.findall(r'id="([^"]+)"', page))


def test_the_same_copy_gives_the_same_page(store, page, tmp_path):
    assert dictionary.render(store, out=tmp_path / "again.html").read_text() == page


def test_an_empty_warehouse_has_a_dictionary_too(published, tmp_path):
    assert "0 calls" in dictionary.render(published([]), out=tmp_path / "d.html").read_text()


def test_no_two_boxes_of_a_drawing_overlap_and_all_lie_inside(store):
    tables = read_dictionary(store).tables
    drawn = diagram(tables, joins(tables), label="x")
    assert {b.name for b in drawn.boxes} == {t.title for t in tables}
    assert len(drawn.paths) == len(joins(tables))
    for n, one in enumerate(drawn.boxes):
        assert one.x >= 0 <= one.y
        assert one.x + drawn.box <= drawn.width
        assert one.y + one.height <= drawn.height
        for other in drawn.boxes[n + 1 :]:
            apart = abs(one.x - other.x) >= drawn.box
            assert apart or one.y + one.height <= other.y or other.y + other.height <= one.y


@pytest.mark.parametrize(
    ("kind", "short"),
    [
        ("varchar", "varchar"),
        ("varchar[]", "varchar[]"),
        ("timestamp with time zone", "timestamptz"),
        ("struct(kind varchar, turn integer)[]", "struct[]"),
    ],
)
def test_a_long_type_is_written_short_in_a_drawing(kind, short):
    assert short_type(kind) == short
