"""Every wrong answer of an emulator is corrected, with a test, or said; and what decides it."""

from __future__ import annotations

import ast
import re
import shutil
import zipfile
from pathlib import Path

import pytest
from support.stage import shows, skip_for

from puntual.aws.stage import plugin
from puntual.aws.stage.capabilities import ROWS, Answer
from puntual.aws.stage.environment import LOCK
from puntual.aws.stage.plugin.archives import linking
from puntual.aws.stage.plugin.definition import complaints as definition_complaints
from puntual.aws.stage.plugin.delays import delay, matches
from puntual.aws.stage.plugin.error_names import exception_name, runtime_name
from puntual.aws.stage.plugin.job_process import on_path
from puntual.aws.stage.plugin.pin import NEEDED, PIN
from puntual.aws.stage.plugin.pin import complaints as pin_complaints
from puntual.aws.stage.plugin.redshift_sql import compiled
from puntual.aws.stage.plugin.scheduled import filled, instant
from puntual.aws.stage.plugin.shards import KEYS, ranges, split_at
from puntual.aws.stage.plugin.unload import unload_of

HERE = Path(__file__).parent
PLUGIN = Path(str(plugin.__file__)).parent


def shown_in(file: Path) -> set[str]:
    """Return the rows that a file's tests show."""
    return {
        str(word.value)
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id == "shows"
        for word in node.args
        if isinstance(word, ast.Constant)
    }


def test_every_corrected_row_has_a_test_that_shows_it() -> None:
    shown = set().union(*(shown_in(file) for file in HERE.glob("test_stage_*.py")))
    corrected = {row for row, held in ROWS.items() if held.answer is Answer.CORRECTED}
    assert sorted(corrected - shown) == []


def test_the_table_has_every_row_of_the_reference_and_a_reason_for_each() -> None:
    numbers = [*range(1, 34), *range(40, 53), *range(60, 66)]
    assert list(ROWS) == [f"L{number}" for number in numbers]
    assert [row for row, held in ROWS.items() if not held.why] == []


def test_a_test_on_a_row_that_is_not_corrected_is_skipped_with_its_reason() -> None:
    skip_for("L1")
    with pytest.raises(pytest.skip.Exception, match="L28: no role is checked: only an account"):
        skip_for("L28")


@shows("L11")
def test_a_stage_says_every_difference_at_once() -> None:
    needed = {"json": ("loads", "gone"), "not_there": ("x",), "ast": ("AST.also_gone",)}
    assert pin_complaints("0", needed)[1:] == [
        "json.gone is gone",
        "not_there cannot be imported: No module named 'not_there'",
        "ast.AST.also_gone is gone",
    ]
    assert "the corrections were written for 0" in pin_complaints("0", needed)[0]


def test_every_name_of_the_emulator_that_is_used_is_checked_before_the_start() -> None:
    checked = {name.split(".")[0] for names in NEEDED.values() for name in names}
    used: set[str] = set()
    for file in PLUGIN.glob("*.py"):
        tree = ast.parse(file.read_text(encoding="utf-8"))
        modules = {
            alias.asname or alias.name
            for node in ast.walk(tree)
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("ministack")
            for alias in node.names
        }
        used |= {
            node.attr
            for node in ast.walk(tree)
            if isinstance(node, ast.Attribute)
            and isinstance(node.value, ast.Name)
            and node.value.id in modules
        }
    assert sorted(used - checked) == []


def test_the_stage_s_packages_are_locked_by_hash_and_name_no_index() -> None:
    text = LOCK.read_text(encoding="utf-8")
    pinned = re.findall(r"^[a-z0-9-]+==\S+.*$", text, re.MULTILINE)
    assert f"ministack=={PIN} \\" in pinned
    assert len(pinned) > 20
    assert all(line.endswith("\\") for line in pinned)
    assert "://" not in text


DELAYS = [
    ({"IntervalSeconds": 3, "MaxAttempts": 3, "BackoffRate": 2}, [3, 6, 12]),  # aws.md R1
    ({"IntervalSeconds": 3, "BackoffRate": 2, "MaxDelaySeconds": 5}, [3, 5, 5]),  # R2
    ({}, [1, 2, 4]),  # R4
    ({"IntervalSeconds": 3, "BackoffRate": 2, "JitterStrategy": "FULL"}, [1.5, 3, 6]),  # R6
    ({"IntervalSeconds": 100, "BackoffRate": 3}, [100, 300, 900]),  # no cap of 60 s
]


@pytest.mark.parametrize(("retrier", "delays"), DELAYS)
def test_a_retry_waits_what_it_declares(retrier: dict[str, object], delays: list[float]) -> None:
    def half(low: float, high: float) -> float:
        return (low + high) / 2

    assert [delay(retrier, k, half) for k in range(3)] == delays


MATCHES = [
    (["States.ALL"], "PermanentError", True),  # E2
    (["States.ALL"], "States.Timeout", True),
    (["States.ALL"], "States.Runtime", False),  # E5
    (["States.Runtime"], "States.Runtime", False),
    (["States.ALL"], "States.DataLimitExceeded", False),  # E2
    (["States.DataLimitExceeded"], "States.DataLimitExceeded", True),  # E4
    (["States.TaskFailed"], "Glue.ConcurrentRunsExceededException", True),  # E3
    (["States.TaskFailed"], "States.Timeout", False),
    (["States.timeout"], "States.Timeout", False),  # R7
]


@pytest.mark.parametrize(("listed", "error", "expected"), MATCHES)
def test_a_list_of_names_matches_as_documented(
    listed: list[str], error: str, expected: bool
) -> None:
    assert matches(listed, error) is expected


def test_the_class_is_read_off_a_traceback_also_of_a_message_with_lines() -> None:
    trace = "Traceback (most recent call last):\n  File x\npuntual.errors.TransientError: a\nb: c"
    assert exception_name(trace, "a\nb: c") == "TransientError"
    assert exception_name("Traceback\nKeyError: 'x'\n", "'x'") == "KeyError"
    assert exception_name("Traceback\nplain.StopIteration\n", "") == "StopIteration"
    assert runtime_name("Worker process died") == "Runtime.ExitError"
    assert runtime_name("no rows") is None


def test_a_schedule_stands_for_its_instant() -> None:
    assert instant("at(2026-11-23T02:00:00)", 0.0) == "2026-11-23T02:00:00Z"
    assert instant("cron(0 2 * * ? *)", 1795399261.0) == "2026-11-23T02:01:00Z"
    text = '{"at": "<aws.scheduler.scheduled-time>", "id": "<aws.scheduler.execution-id>"}'
    assert (
        filled(text, expression="at(2026-11-23T02:00:00)", fired=0.0, identity="e", schedule="s")
        == '{"at": "2026-11-23T02:00:00Z", "id": "e"}'
    )


def test_a_definition_with_names_that_lead_nowhere_is_complained_of_whole() -> None:
    text = """{"StartAt": "A", "States": {
      "A": {"Type": "Task", "Next": "B", "Catch": [{"ErrorEquals": ["States.ALL"], "Next": "C"}]},
      "P": {"Type": "Parallel", "Branches": [{"StartAt": "X", "States": {"Y": {}}}], "Assign": {}}
    }}"""
    assert definition_complaints(text) == [
        "$.States.A.Next: no state 'B'",
        "$.States.A.Catch.Next: no state 'C'",
        "$.States.P.Assign: not played on this stage",
        "$.States.P.StartAt: no state 'X'",
    ]


def test_hash_keys_are_divided_without_gap() -> None:
    parts = list(ranges(3, KEYS))
    assert parts[0][0] == 0
    assert parts[-1][1] == KEYS - 1
    assert [low for low, _ in parts[1:]] == [high + 1 for _, high in parts[:-1]]
    assert split_at({"a": (0, 9), "b": (10, 19)}, 5, 12) == ["a", "b"]


def test_unload_is_read_and_another_format_refused() -> None:
    found = unload_of("UNLOAD (SELECT 1 AS a)\nTO 's3://b/p' WITH (format = 'PARQUET')")
    assert found is not None
    assert (found.query, found.bucket, found.prefix) == ("SELECT 1 AS a", "b", "p/")
    assert unload_of("SELECT 1") is None
    with pytest.raises(ValueError, match="not played"):
        unload_of("UNLOAD (SELECT 1) TO 's3://b/p/' WITH (format = 'ORC')")


REDSHIFT = [
    (
        "create table t (a varchar(max) encode zstd distkey, b super) diststyle key sortkey(a)",
        "CREATE TABLE t (a VARCHAR(65535), b JSONB)",
    ),
    ("select nvl(a, 0), getdate()", "SELECT COALESCE(a, 0), CURRENT_TIMESTAMP"),
    ("select * from t where d = :day", "SELECT * FROM t WHERE d = '2026-11-20'"),
]


@pytest.mark.parametrize(("written", "read"), REDSHIFT)
def test_what_only_redshift_knows_is_taken_out(written: str, read: str) -> None:
    (said,) = compiled(written, {"day": "2026-11-20"})
    assert said.upper() == read.upper()


def test_a_wheel_is_unpacked_once_and_a_zip_is_not(tmp_path: Path) -> None:
    for name in ("a.whl", "b.zip"):
        with zipfile.ZipFile(tmp_path / name, "w") as archive:
            archive.writestr("pack/data.sql", "select 1")
    folder = Path(on_path(tmp_path / "a.whl", tmp_path / "cache"))
    assert (folder / "pack/data.sql").read_text() == "select 1"
    shutil.copy(tmp_path / "a.whl", tmp_path / "again.whl")
    assert on_path(tmp_path / "again.whl", tmp_path / "cache") == str(folder)
    assert on_path(tmp_path / "b.zip", tmp_path / "cache") == str(tmp_path / "b.zip")


def test_a_function_s_archives_are_linked_and_removing_the_links_spares_them(
    tmp_path: Path,
) -> None:
    with zipfile.ZipFile(tmp_path / "layer.zip", "w") as archive:
        archive.writestr("python/pack/__init__.py", "")
    (tmp_path / "worker").mkdir()
    with linking(tmp_path / "cache").ZipFile(tmp_path / "layer.zip") as archive:
        archive.extractall(tmp_path / "worker")
    assert (tmp_path / "worker/python/pack/__init__.py").exists()
    shutil.rmtree(tmp_path / "worker")
    assert len(list((tmp_path / "cache").glob("*/python/pack/__init__.py"))) == 1


def test_the_page_of_the_stage_has_every_row_and_every_kind_of_fault() -> None:
    page = (HERE.parents[1] / "docs/reference/aws-local.md").read_text(encoding="utf-8")
    missing = [
        row
        for row, held in ROWS.items()
        if held.answer is not Answer.OTHER
        and f"| {row} | {held.says} | {held.answer} | {held.why} |\n" not in page
    ]
    assert missing == []
    kinds = {
        str(node.args[0].value)
        for file in PLUGIN.glob("*.py")
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and (node.func.attr, getattr(node.func.value, "id", "")) == ("next", "faults")
        and isinstance(node.args[0], ast.Constant)
    }
    assert kinds >= {"glue-busy", "kinesis", "kinesis-put", "kinesis-read", "lambda", "s3"}
    assert [kind for kind in kinds if f'"{kind}":' not in page] == []
