"""h1, h2, h3, h12, h15: a report project that somebody else wrote."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from core.project.base import FILES, edited, first_lines, shown, write

from puntual.project.read import lint


def settings_of(root: Path, text: str) -> str:
    """Return the complaints about a project whose settings are these."""
    return shown(lint(write(root, {**FILES, "puntual.yaml": text}))[1])


@pytest.mark.row("h1")
def test_an_alias_bomb_in_a_contract_is_refused_at_its_place_before_it_unfolds(
    tmp_path: Path,
) -> None:
    bomb = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
        f"{after}: &{after} [{', '.join(['*' + before] * 9)}]\n"
        for before, after in zip("abcdefgh", "bcdefghi", strict=True)
    )
    began = time.monotonic()
    complaints = lint(write(tmp_path, {**FILES, "contracts/branch.odcs.yaml": bomb}))[1]
    assert "contracts/branch.odcs.yaml:1:4  C1004  anchors are not allowed" in first_lines(
        complaints
    )
    assert time.monotonic() - began < 10


@pytest.mark.row("h1")
@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("name: " + "[" * 100_000, "C1006"),
        ("name: x\n" + "".join(f"k{i}: 1\n" for i in range(30_000)), "C1006"),
        ("name: '" + "x" * (1 << 20) + "'\n", "C1006"),
        ("name: !!python/object/apply:os.system [id]\n", "C1004"),
        ("name: x\nname: y\n", "C1005"),
        ("---\nname: x\n---\nname: y\n", "C1007"),
        ("name: \0\n", "C1003"),
        ("name: \ud800\n".encode("utf-8", "surrogatepass").decode("latin-1"), "C1003"),
    ],
    ids=["deep", "wide", "long", "tag", "twice", "documents", "nul", "control"],
)
def test_settings_that_would_exhaust_or_surprise_a_reader_are_refused(
    tmp_path: Path, text: str, code: str
) -> None:
    assert f"  {code}  " in settings_of(tmp_path, text)


@pytest.mark.row("h2")
@pytest.mark.parametrize(
    "written", ["0123", "1_000", "0o17", "0x1F", "2026-03-03", "12:30", "NO", "yes", "on", "~x"]
)
def test_what_other_readers_take_for_a_number_a_date_or_a_truth_value_is_text_here(
    tmp_path: Path, written: str
) -> None:
    complaints = edited(
        tmp_path, "controls/ledger.yaml", "id: ledger_tie", f"id: ledger_tie\n    basis: {written}"
    )
    assert "C1010" not in shown(complaints)


@pytest.mark.row("h2", "h14")
@pytest.mark.parametrize("written", ["1.10", "12", "true", "null", "1e3"])
def test_a_number_where_text_is_meant_is_refused_and_never_rounded(
    tmp_path: Path, written: str
) -> None:
    said = shown(
        edited(tmp_path, "controls/ledger.yaml", 'tolerance: "0.50"', f"tolerance: {written}")
    )
    assert "C1010" in said


@pytest.mark.row("h3")
@pytest.mark.parametrize(
    "name",
    [
        'x"; DROP TABLE credits; --',
        "x'y",
        "x y",
        "x;y",
        "ñ",
        "X",
        "x" * 64,
        "x\\",
        "$x",
        "x-y",
        "1x",
    ],
)
def test_a_name_in_the_settings_is_a_plain_word_or_refused(tmp_path: Path, name: str) -> None:
    quoted = "'" + name.replace("'", "''") + "'"
    said = shown(edited(tmp_path, "puntual.yaml", "  movements:\n", f"  {quoted}:\n"))
    assert "C1013" in said


@pytest.mark.row("h3", "h4")
@pytest.mark.parametrize(
    "sql",
    [
        "SELECT 1; DROP TABLE credits",
        "COPY credits TO 'x'",
        "SELECT * FROM read_csv('/etc/passwd')",
        "SELECT * FROM '/etc/passwd'",
        "SELECT * FROM glob('/**')",
        "SELECT * FROM query('DROP TABLE credits')",
        "SELECT getenv('HOME')",
        "SELECT current_setting('home_directory')",
        "SELECT * FROM duckdb_secrets()",
        "SELECT * FROM enable_logging(storage='file')",
        "SELECT * FROM information_schema.tables",
        "SELECT * FROM pg_catalog.pg_class",
        "SELECT write_log('x')",
        "SELECT sleep_ms(100000)",
        "SELECT setval('s', 1)",
        "PRAGMA database_list",
        "INSTALL httpfs",
        "LOAD httpfs",
        "ATTACH 'x.db'",
        "EXPORT DATABASE 'x'",
        "CREATE SECRET s (TYPE s3)",
        "SET lock_configuration = false",
        "CALL pragma_version()",
        "EXPLAIN ANALYZE SELECT 1",
        "WITH x AS (INSERT INTO credits VALUES (1) RETURNING *) SELECT * FROM x",
    ],
)
def test_project_sql_is_one_select_of_allowed_functions_on_its_own_datasets(
    tmp_path: Path, sql: str
) -> None:
    said = shown(lint(write(tmp_path, {**FILES, "models/movements.sql": sql}))[1])
    assert "models/movements.sql:1:" in said
    assert any(code in said for code in ("C1201", "C1202", "C1203", "C1206", "C1207"))


@pytest.mark.row("h3")
@pytest.mark.parametrize(
    "sql",
    [
        "SELECT * FROM credits " + "JOIN credits " * 200,
        "SELECT * FROM credits " + "JOIN (SELECT DISTINCT ON (x) x FROM credits) " * 30,
        "SELECT " + "(" * 5_000 + "1" + ")" * 5_000,
        "SELECT " + "1, " * 60_000 + "1",
        "SELECT " + "NOT " * 20_000 + "true",
        "/*" * 100_000,
        "SELECT '" + "''" * 200_000,
    ],
    ids=["joins", "joins of selects", "brackets", "words", "not", "comments", "quotes"],
)
def test_sql_that_takes_a_parser_exponential_time_is_refused_quickly(
    tmp_path: Path, sql: str
) -> None:
    began = time.monotonic()
    said = shown(lint(write(tmp_path, {**FILES, "models/movements.sql": sql}))[1])
    assert "C1201" in said
    assert time.monotonic() - began < 60


def test_joins_with_their_conditions_are_no_bomb(tmp_path: Path) -> None:
    joined = "JOIN credits AS c{0} ON c{0}.credit_id = e.credit_id\n"
    sql = (
        "SELECT e.event_id AS movement_id, e.credit_id, e.amount, e.occurred_at, e._object,"
        " e._position FROM card_events AS e\n" + "".join(joined.format(i) for i in range(30))
    )
    said = shown(lint(write(tmp_path, {**FILES, "models/movements.sql": sql}))[1])
    assert "models/movements.sql" not in said


@pytest.mark.row("h12")
@pytest.mark.parametrize(
    "pattern", ["(?=a)b", "(a)\\\\1", "(?<!x)y", "a++", "(", "[z-a]", "a{99999999999}"]
)
def test_a_pattern_that_is_no_re2_is_refused(tmp_path: Path, pattern: str) -> None:
    old = 'pattern: "^[A-Z]+$"'
    said = shown(edited(tmp_path, "contracts/card_events.odcs.yaml", old, f'pattern: "{pattern}"'))
    assert "contracts/card_events.odcs.yaml" in said


@pytest.mark.row("h15")
@pytest.mark.parametrize(
    "connection",
    [
        "http://169.254.169.254/latest/meta-data/",
        "https://example.com/x",
        "file:///etc/passwd",
        "s3://bucket/x",
        "ftp://example.com/x",
        "gopher://127.0.0.1:25/x",
        "mysql://h/x",
        "postgresql+ssl://h/x",
    ],
)
def test_a_source_is_reached_by_sqlite_or_postgresql_and_no_other_scheme(
    tmp_path: Path, connection: str
) -> None:
    said = shown(edited(tmp_path, "puntual.yaml", "sqlite:data/core.db", connection))
    assert "C1011" in said
