"""
Any bytes where somebody else's bytes are read: a value, a complaint or a known fault, soon.

A sample runs with every test; `make fuzz` runs many times as much (`FUZZ`, the factor).
"""

from __future__ import annotations

import os
import resource
import signal
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import date
from pathlib import Path
from types import FrameType

import pytest
from conformance.test_engine import PAYMENTS, aside, contract, out, raw, rows
from core.evidence.test_manifest import MANIFEST
from core.evidence.test_package import package_of
from core.project.base import FILES, write
from core.render.test_layout import DELIMITED, FIXED, NAMES, TYPES
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from puntual.engines.duckdb.engine import DuckDBEngine
from puntual.errors import EvidenceError
from puntual.evidence import manifest as manifests
from puntual.evidence import statement
from puntual.evidence.verify import holds, verify
from puntual.landing.control import read_kept
from puntual.landing.forms import examine
from puntual.model.contract import Csv, Format, JsonLines, Parquet
from puntual.project.complaints import Complaints, show
from puntual.project.files import SourceFile
from puntual.project.queries import parse
from puntual.project.read import lint
from puntual.project.snippets import from_file
from puntual.project.yaml import load
from puntual.render.readback import read_back

FACTOR = int(os.environ.get("FUZZ", "1"))
SECONDS = 60
"""For one example, on a machine that does something else as well."""
MOST = 512 * 1024
"""Growth of the process over all examples, in KiB (failures.md G5)."""

TOKENS = [
    b"", b"\0", b"\xff", b"\xef\xbb\xbf", b"\xed\xa0\x80", b"\r", b"\n", b"\r\n", b"\t", b" ", b"'",
    b'"', b"\\", b"\\u0000", b"\\ud800", b"{", b"}", b"[", b"]", b"(", b")", b":", b",", b";", b"|",
    b"-", b"- ", b"? ", b"&a ", b"*a", b"!!x ", b"<<", b"---\n", b"%YAML 1.1\n", b"#", b"null",
    b"true", b"1e999999999", b"-0", b"0x1", b"NaN", b"9" * 400, b"A" * 5_000, b"[" * 500, b"{" * 99,
    b"../../etc/passwd", b"$x", b":x", b"?", b"--", b"/*", b"SELECT", b" JOIN credits", b"UNION ",
    b"=1+1", b"\xe2\x80\xae", b"{reference_date}", b"{", b"%Y", b"2026-02-30", b"1.005", b"1,5",
]  # fmt: skip
EDITS = st.lists(
    st.tuples(
        st.integers(0, 1 << 20),
        st.integers(0, 40),
        st.one_of(st.sampled_from(TOKENS), st.binary(max_size=8)),
    ),
    min_size=1,
    max_size=4,
)


def edited(data: bytes, edits: list[tuple[int, int, bytes]]) -> bytes:
    """Return bytes in which pieces were replaced, each at a place, of a length, by others."""
    for place, length, new in edits:
        at = place % (len(data) + 1)
        data = data[:at] + new + data[at + length :]
    return data


def fuzzed(examples: int) -> settings:
    return settings(
        max_examples=examples * FACTOR,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )


def _hung(signum: int, frame: FrameType | None) -> None:
    raise TimeoutError(f"an example took more than {SECONDS} s")


@contextmanager
def soon() -> Iterator[None]:
    """Fail an example that hangs."""
    before = signal.signal(signal.SIGALRM, _hung)
    signal.alarm(SECONDS)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


@pytest.fixture(scope="module", autouse=True)
def bounded() -> Iterator[None]:
    """Fail when all of it together took more memory than a process may."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    yield
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < MOST


@pytest.mark.row("h1", "h2", "h3")
@fuzzed(25)
@given(path=st.sampled_from(sorted(FILES)), edits=EDITS)
def test_any_file_of_a_project_is_read_or_complained_about(
    path: str, edits: list[tuple[int, int, bytes]]
) -> None:
    with soon(), tempfile.TemporaryDirectory() as folder:
        root = write(Path(folder))
        (root / path).write_bytes(edited(FILES[path].encode(), edits))
        project, complaints, *_ = lint(root)
        assert project is not None or complaints
        assert all(line.isprintable() for c in complaints for line in show(c).split("\n"))


def source(text: str) -> SourceFile:
    return SourceFile(path="x", data=b"", text=text, lines=tuple(text.split("\n")))


@pytest.mark.row("h1", "h2")
@fuzzed(150)
@given(path=st.sampled_from([p for p in sorted(FILES) if p.endswith("yaml")]), edits=EDITS)
def test_any_yaml_is_read_or_complained_about(
    path: str, edits: list[tuple[int, int, bytes]]
) -> None:
    text = edited(FILES[path].encode(), edits).decode("utf-8", "replace")
    complaints = Complaints()
    with soon():
        assert load(source(text), complaints) is not None or complaints.found


WORDS = """
    SELECT * FROM credits ( ) , JOIN ON USING WHERE a b 1 'x' AS AND NOT IN CASE WHEN THEN ELSE END
    UNION ALL WITH GROUP BY ORDER LIMIT OVER PARTITION :: . = < - || [ ] { } : ? $1 -> ; CAST
    INTERVAL DISTINCT LATERAL UNNEST PIVOT VALUES EXISTS BETWEEN LIKE IS NULL EXCLUDE COLUMNS
    FILTER NATURAL CROSS LEFT ASOF :reference_date sum max list_transform
"""
SQL = st.lists(st.sampled_from(WORDS.split()), max_size=40)


@pytest.mark.row("h3")
@fuzzed(200)
@given(words=SQL)
def test_any_sql_is_read_or_complained_about(words: list[str]) -> None:
    complaints = Complaints()
    with soon():
        read = parse(from_file(source("SELECT " + " ".join(words))), complaints)
    assert read is not None or complaints.found


CSV = b'id,amount,note\nA,1.00,x\nB,2.50,"y, z"\nC,,\n'
JSON = (
    b'{"id":"A","amount":"1.00","note":"x"}\n{"id":"B","amount":2.5,"x":{"y":[1,2]}}\n{"id":"C"}\n'
)


@pytest.mark.row("h11", "h13", "h14", "f21")
@fuzzed(20)
@given(
    form=st.sampled_from([Csv(), Csv(multiline=True), Csv(quote=None, header=False), JsonLines()]),
    edits=EDITS,
)
def test_any_bytes_of_a_source_are_rows_or_set_aside(
    form: Format, edits: list[tuple[int, int, bytes]]
) -> None:
    data = edited(JSON if isinstance(form, JsonLines) else CSV, edits)
    with soon(), tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        made = contract(form, *PAYMENTS)
        day = raw(folder, made, data)
        if data:
            examine(day.parts[0].uri, made)
        engine = DuckDBEngine(threads=1, temporary=name)
        done = engine.curate(day, out(folder))
        kept = sum(len(rows(file.path)) for file in done.files)
        assert kept + len(aside(done)) == engine.count(day).records


@pytest.mark.row("h10", "h13")
@fuzzed(150)
@given(
    form=st.sampled_from([Csv(), JsonLines(), Parquet()]), data=st.binary(min_size=1), edits=EDITS
)
def test_any_bytes_are_examined(
    form: Format, data: bytes, edits: list[tuple[int, int, bytes]]
) -> None:
    begin = {Csv: CSV, JsonLines: JSON, Parquet: b"PAR1" + data + b"PAR1"}[type(form)]
    with soon(), tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "x"
        path.write_bytes(edited(begin, edits) or b"x")
        examine(str(path), contract(form, *PAYMENTS))


@pytest.mark.row("h11", "h14")
@fuzzed(300)
@given(edits=EDITS)
def test_any_control_record_is_one_or_a_finding(edits: list[tuple[int, int, bytes]]) -> None:
    right = b'{"source":"s","reference_date":"2026-03-02","count":"4","sums":{"amount":"330.35"}}'
    with soon():
        read = read_kept("s", date(2026, 3, 2), edited(right, edits), ())
    assert (read.record is None) == bool(read.findings)


@pytest.mark.row("h11", "h18")
@fuzzed(300)
@given(edits=EDITS, what=st.sampled_from(["manifest", "statement"]))
def test_any_manifest_and_any_statement_are_read_back_alike_or_refused(
    edits: list[tuple[int, int, bytes]], what: str
) -> None:
    right = manifests.encode(MANIFEST) if what == "manifest" else package_of()["statement.json"]
    data = edited(right, edits)
    with soon(), suppress(EvidenceError):
        if what == "manifest":
            assert manifests.encode(manifests.decode(data)) == data
        else:
            statement.decode(data)


@pytest.mark.row("h18", "f77")
@fuzzed(150)
@given(name=st.sampled_from(sorted(package_of())), edits=EDITS)
def test_any_changed_package_is_answered_and_does_not_hold(
    name: str, edits: list[tuple[int, int, bytes]]
) -> None:
    files = package_of()
    changed = {**files, name: edited(files[name], edits)}
    with soon():
        lines = verify(changed, changed.__getitem__)
    if name != "statement.json":  # signed by its envelope: tests/tamper
        assert holds(lines) == (changed == files)


@pytest.mark.row("f77")
@fuzzed(150)
@given(fixed=st.booleans(), edits=EDITS)
def test_any_bytes_are_read_back_or_said_to_be_unreadable(
    fixed: bool, edits: list[tuple[int, int, bytes]]
) -> None:
    layout, right = (FIXED, b"H2026-11-20\nCARD  -000012.30\n000001\n") if fixed else (
        DELIMITED, b"H|Banco Ejemplo|20261120\nCARD|-12.30\nT|1|-12.30\n"
    )  # fmt: skip
    with soon():
        read_back(layout, edited(right, edits), NAMES, TYPES)
