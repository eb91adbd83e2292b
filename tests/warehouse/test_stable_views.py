"""Analysts' queries outlive a release: what changes of a view or macro that they use is told in the changelog."""

import hashlib
import re
from pathlib import Path

CHANGELOG = Path(__file__).parents[2] / "CHANGELOG.md"


def test_a_public_view_changes_only_with_a_line_in_the_changelog(warehouse):
    columns = warehouse.execute(
        """
        select table_name, column_name, data_type from duckdb_columns()
        where schema_name = 'main' and not internal and database_name = current_database()
        union all
        select function_name, parameters::varchar, 'macro' from duckdb_functions()
        where not internal and database_name = current_database()
        order by all
        """
    ).fetchall()
    fingerprint = hashlib.sha256(repr(columns).encode()).hexdigest()[:8]
    newest = re.split(r"^## ", CHANGELOG.read_text(encoding="utf-8"), flags=re.MULTILINE)[1]
    assert f"(views {fingerprint})" in newest, (
        f"write into CHANGELOG.md what changed of the public views, and end the line with (views {fingerprint})"
    )
