"""The tables and views of the warehouse: migrations applied once and in order, views made when their text changed."""

import hashlib
import tomllib
from pathlib import Path

import duckdb

from callaudit.audit_rules.scorecard import LEAST_JUDGED
from callaudit.transcription.errors import SetupError
from callaudit.warehouse.sentences import macros
from callaudit.warehouse.session import transaction

MIGRATIONS = Path(__file__).parent / "migrations"
VIEWS = Path(__file__).parent / "views"
COLUMNS = Path(__file__).parent / "columns.toml"


# A view stands below those it reads.
VIEW_ORDER = (
    "wilson",
    "site",
    "impossible_calls",
    "core_current",
    "calls",
    "utterances",
    "turns",
    "speech",
    "announcements",
    "holds",
    "silences",
    "episodes",
    "promises",
    "rules",
    "scorecard_rules",
    "targets",
    "bands",
    "roster",
    "evidence",
    "findings",
    "call_steps",
    "call_scorecards",
    "scorecards_by_week",
    "steps_by_week",
    "rules_by_week",
    "agents_by_week",
    "agent_steps_by_week",
    "agent_step_month",
    "coverage",
    "not_audited",
    "not_audited_by_week",
    "weeks",
    "erased_by_week",
    "rule_changes",
    "verdict_changes",
    "heard_again",
    "reviews",
    "random_reviews",
    "reviewer_verdicts",
    "reviewer_agreement",
    "disputes",
    "agreements",
    "runs",
    "questions",
)


def pending_migrations(con: duckdb.DuckDBPyConnection, path: Path, migrations: Path) -> list[Path]:
    """The migrations that the file has not seen, in order. Raises SetupError as `open_writer` does."""
    files = {int(file.name[:4]): file for file in sorted(migrations.glob("[0-9][0-9][0-9][0-9]_*.sql"))}
    applied = applied_migrations(con, path)
    for number, (name, sha256) in sorted(applied.items()):
        if number not in files:
            raise SetupError(
                f"{path} was written by a newer callaudit",
                why=f"It holds migration {name}, which this version does not know (newest: {max(files):04d}).",
                tries=("install the newer callaudit", "or name another file under warehouse in callaudit.toml"),
            )
        if _checksum(files[number].read_bytes()) != sha256:
            raise SetupError(
                f"the tables of {path} do not match this callaudit",
                why=f"{name} was changed after it had been applied to this file.",
                tries=("install callaudit again", f"put back {name} as it was released"),
            )
    return [files[number] for number in sorted(files.keys() - applied.keys())]


def applied_migrations(con: duckdb.DuckDBPyConnection, path: Path) -> dict[int, tuple[str, str]]:
    """Name and checksum of each migration that the file has seen, by its number."""
    tables = con.execute("select schema_name, table_name from duckdb_tables() where not internal").fetchall()
    if ("core", "migrations") in tables:
        return {number: (name, sha256) for number, name, sha256 in con.execute("from core.migrations").fetchall()}
    if tables:
        raise SetupError(
            f"{path} is another program's database",
            why=f"It holds tables of its own ({tables[0][1]}, ...).",
            tries=("name another file under warehouse in callaudit.toml",),
        )
    return {}


def apply_migration(con: duckdb.DuckDBPyConnection, number: int, file: Path) -> None:
    """Bring the tables up by one migration, whole or not at all; raises SetupError where it cannot be applied."""
    content = file.read_bytes()
    con.begin()
    try:
        con.execute(content.decode())
        con.execute("insert into core.migrations values (?, ?, ?)", [number, file.name, _checksum(content)])
        con.commit()
    except duckdb.Error as error:
        con.rollback()
        raise SetupError(
            f"migration {file.name} cannot be applied", why=str(error).strip(), tries=("install callaudit again",)
        ) from error


# The limit stands in one place, for the terminal's scorecards and for the views.
_LEAST_JUDGED = f"""
create or replace macro least_judged() as {LEAST_JUDGED};
comment on macro least_judged is 'Share of the weight called for, 0 to 1, that must be judged for a score.';
"""


def remake_views(con: duckdb.DuckDBPyConnection) -> None:
    """Views hold nothing, so they are dropped and made again whenever their text changed."""
    sources = [_LEAST_JUDGED, macros(), *((VIEWS / f"{name}.sql").read_text() for name in VIEW_ORDER)]
    glossary = COLUMNS.read_text()
    wanted = _checksum("\0".join([*sources, glossary]).encode())
    if con.execute("select sha256 from core.view_sets").fetchall() == [(wanted,)]:
        return
    with transaction(con):
        for schema, name in con.execute(
            """
            select schema_name, view_name from duckdb_views()
            where not internal and database_name = current_database()
            """
        ).fetchall():
            con.execute(f'drop view "{schema}"."{name}"')
        for name, kind in con.execute(
            """
            select distinct function_name, if(function_type = 'table_macro', 'macro table', 'macro')
            from duckdb_functions() where not internal and database_name = current_database()
            """
        ).fetchall():
            con.execute(f'drop {kind} "{name}"')
        for source in sources:
            con.execute(source)
        _comment_columns(con, tomllib.loads(glossary))
        con.execute("delete from core.view_sets")
        con.execute("insert into core.view_sets values (?)", [wanted])


def _comment_columns(con: duckdb.DuckDBPyConnection, glossary: dict[str, dict[str, str]]) -> None:
    """One meaning per column name, wherever it stands; a table's own section may say it more closely."""
    columns = con.execute(
        """
        select schema_name, table_name, column_name from duckdb_columns()
        where not internal and database_name = current_database()
        """
    ).fetchall()
    for schema, table, column in columns:
        meaning = glossary.get(table, {}).get(column) or glossary["everywhere"].get(column)
        if meaning is not None:
            text = meaning.replace("'", "''")
            con.execute(f'comment on column "{schema}"."{table}"."{column}" is \'{text}\'')


def _checksum(content: bytes) -> str:
    return hashlib.sha256(content.replace(b"\r\n", b"\n")).hexdigest()
