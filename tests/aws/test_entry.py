"""Small parts of the entry points: payloads, archives, names, what a command makes of an end."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Mapping
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from puntual.aws import names
from puntual.aws.bundle import folder_of, unpack
from puntual.aws.executions import Execution, Executions
from puntual.aws.jobs.job import called
from puntual.aws.secrets import Secrets
from puntual.aws.wire import LIMIT, RunRef, bounded, order_in, ref_in, ref_out
from puntual.cli.remote import fault_of
from puntual.errors import EvidenceError, PermanentError, ProjectError, TransientError
from puntual.infra import options
from puntual.planner.flow import ERROR_NAMES
from puntual.project.read import read_project

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "credit-report"
REF = RunRef(
    id="a1",
    reference_date=date(2026, 11, 20),
    attempt=2,
    epoch=7,
    as_of=datetime(2026, 11, 23, 11, tzinfo=UTC),
    from_step="load:ledger",
)


def test_a_run_is_named_to_its_states_and_read_back() -> None:
    assert ref_in(json.loads(json.dumps(ref_out(REF)))) == REF


@pytest.mark.parametrize("said", [{}, None, "text", {"run": ref_out(REF), "task": "Land"}])
def test_a_payload_that_is_no_order_is_the_deployments_fault(said: Any) -> None:
    with pytest.raises(ProjectError, match="C1911"):
        order_in(said)


@pytest.mark.row("f64")
def test_an_answer_is_small_whatever_a_step_has_to_say() -> None:
    answer = bounded({"outcomes": {"land:a": "done"}, "completeness": "", "summary": "é" * 90_000})
    assert len(json.dumps(answer, ensure_ascii=False).encode()) <= LIMIT
    assert str(answer["summary"]).startswith("éé")


SETTINGS = {
    "PUNTUAL_PROJECT": "p", "PUNTUAL_LAKE": "l", "PUNTUAL_DELIVERIES": "d", "PUNTUAL_EVIDENCE": "e",
}  # fmt: skip


def test_a_job_takes_its_own_arguments_and_leaves_those_of_glue() -> None:
    order = {"run": ref_out(REF), "task": "Land", "steps": ["land:a"]}
    call = called(
        ["script.py", "--JOB_NAME", "x", "--order", json.dumps(order), "--JOB_RUN_ID", "jr_1",
         "--settings", json.dumps(SETTINGS), "--enable-metrics", "true"],
        {"CORE": "postgresql://h/d"},
    )  # fmt: skip
    assert (call.order.steps, call.by, call.settings.lake) == (("land:a",), "jr_1", "l")
    assert call.environment["CORE"] == "postgresql://h/d"


def _archive(**files: str) -> bytes:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return data.getvalue()


class Bucket:
    def __init__(self, data: bytes) -> None:
        self.data, self.asked = data, 0

    def get_object(self, **place: str) -> dict[str, Any]:
        self.asked += 1
        return {"Body": io.BytesIO(self.data)}


def test_a_project_is_fetched_and_unpacked_once(tmp_path: Path) -> None:
    s3 = Bucket(_archive(**{"puntual.yaml": "name: x", "models/m.sql": "SELECT 1"}))
    for _ in range(2):
        folder = folder_of("s3://assets/0a1b.zip", tmp_path, s3)
    assert (folder / "models/m.sql").read_text() == "SELECT 1"
    assert s3.asked == 1


@pytest.mark.parametrize(
    "data",
    [b"no archive", _archive(**{"../outside": "x"}), _archive(**{"/etc/x": "x"})],
    ids=["no archive", "a way up", "a place of its own"],
)
def test_an_archive_that_is_none_or_leads_out_is_evidence_of_a_fault(
    tmp_path: Path, data: bytes
) -> None:
    with pytest.raises(EvidenceError, match="V1005"):
        unpack(data, tmp_path / "project", "s3://assets/x.zip")
    assert not (tmp_path / "outside").exists()


class Manager:
    def __init__(self) -> None:
        self.asked: list[str] = []

    def get_secret_value(self, **asked: str) -> Mapping[str, str]:
        self.asked.append(asked["SecretId"])
        if asked["SecretId"] != "banco-ejemplo/CORE":
            raise ClientError({"Error": {"Code": "ResourceNotFoundException"}}, "GetSecretValue")
        return {"SecretString": "postgresql://h/d"}


def test_a_connection_is_a_variable_or_else_a_secret_of_the_project() -> None:
    manager = Manager()
    found = Secrets({"HERE": "postgresql://here/d"}, manager, "banco_ejemplo")
    assert (found["HERE"], manager.asked) == ("postgresql://here/d", [])
    assert [found["CORE"], found["CORE"]] == ["postgresql://h/d"] * 2
    assert manager.asked == ["banco-ejemplo/CORE"]
    assert found.get("NOWHERE") is None


def test_an_execution_is_named_by_project_day_and_attempt_within_the_services_limit() -> None:
    there = Executions(None, "arn:aws:states:r:1:stateMachine:x-day", "Banco Ejemplo")
    assert there.name(date(2026, 11, 20), 3) == "banco-ejemplo-2026-11-20-3"
    long = Executions(None, "m", "x" * 90).name(date(2026, 11, 20), 12)
    assert len(long) == 80
    assert long.endswith("-2026-11-20-12")


def test_what_is_looked_for_is_named_as_what_is_deployed() -> None:
    project = read_project(EXAMPLE)
    assert names.slug(project.name) == options.slug(project)


@pytest.mark.parametrize("kind", ERROR_NAMES, ids=lambda kind: kind.__name__)
def test_an_execution_ends_a_command_as_the_class_that_its_error_names(
    kind: type[Exception],
) -> None:
    cause = json.dumps({"errorType": kind.__name__, "errorMessage": "T4003 it did not answer"})
    ended = Execution(arn="arn", attempt=1, status="FAILED", error=kind.__name__, cause=cause)
    fault = fault_of(ended)
    assert type(fault) is kind
    assert "T4003 it did not answer" in fault.message


@pytest.mark.parametrize(
    ("status", "error", "kind"),
    [
        ("TIMED_OUT", "States.Timeout", TransientError),
        ("ABORTED", "", TransientError),
        ("FAILED", "KeyError", PermanentError),
    ],
)
def test_an_end_that_names_none_of_our_classes_is_told_apart(
    status: str, error: str, kind: type[Exception]
) -> None:
    ended = Execution(arn="arn", attempt=1, status=status, error=error, cause="not JSON")
    assert type(fault_of(ended)) is kind
