"""
What only an account can prove of a deployment; `make test-aws-account`, never in CI.

It costs money and leaves keys, buckets and a day of locked evidence behind. It runs where the
environment leads to, if `PUNTUAL_AWS_ACCOUNT` is set to that account's number.
"""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime

import pytest
from infra.conftest import EXAMPLE

ACCOUNT = os.environ.get("PUNTUAL_AWS_ACCOUNT", "")

pytestmark = [
    pytest.mark.skipif(not ACCOUNT, reason="PUNTUAL_AWS_ACCOUNT names no account"),
    pytest.mark.timeout(3600),
]


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Deploy the example with its dependencies; evidence is locked for a day."""
    import boto3

    from puntual.aws.deployer import deploy
    from puntual.infra.layer import fetch
    from puntual.infra.options import Options
    from puntual.infra.synth import synthesise
    from puntual.project.read import read_project
    from puntual.project.requirements import requirements
    from puntual.project.zones import zone

    found = boto3.client("sts").get_caller_identity()["Account"]
    assert found == ACCOUNT, "the environment leads to another account"
    folder = tmp_path_factory.mktemp("account")
    layer = fetch(requirements(), folder / "layer")
    options = Options(environment="aws", evidence_days=1)
    project = read_project(EXAMPLE, env="aws")
    made = synthesise(project, EXAMPLE, folder / "out", zones=zone, options=options, layer=layer)
    return dict(deploy(made.stack, made.template, made.assets, say=lambda _: None).settings)


def test_evidence_cannot_be_deleted_before_its_day_is_over(settings: dict[str, str]) -> None:
    import boto3
    from botocore.exceptions import ClientError

    s3 = boto3.client("s3")
    name = f"test-aws-account/{datetime.now(UTC).timestamp():.0f}"
    body = {"Body": b"proof", "ChecksumAlgorithm": "SHA256"}
    put = s3.put_object(Bucket=settings["PUNTUAL_EVIDENCE"], Key=name, **body)
    place = {"Bucket": settings["PUNTUAL_EVIDENCE"], "Key": name, "VersionId": put["VersionId"]}
    with pytest.raises(ClientError) as refused:
        s3.delete_object(**place)
    assert refused.value.response["Error"]["Code"] == "AccessDenied"


def test_the_layer_holds_what_the_watchdog_imports_and_its_role_is_enough(
    settings: dict[str, str],
) -> None:
    import boto3

    at = datetime.now(UTC).isoformat()
    answer = boto3.client("lambda").invoke(
        FunctionName="puntual-banco-ejemplo-watchdog", Payload=json.dumps({"time": at})
    )
    assert "FunctionError" not in answer, answer["Payload"].read()
    assert "NotStarted" in json.loads(answer["Payload"].read())


def test_step_functions_takes_the_definition(settings: dict[str, str]) -> None:
    import boto3

    states = boto3.client("stepfunctions")
    machine = states.describe_state_machine(stateMachineArn=settings["PUNTUAL_STATE_MACHINE"])
    judged = states.validate_state_machine_definition(definition=machine["definition"])
    assert [d for d in judged["diagnostics"] if d["severity"] == "ERROR"] == []


def test_the_schedule_keeps_its_zone(settings: dict[str, str]) -> None:
    import boto3

    found = boto3.client("scheduler").get_schedule(Name="puntual-banco-ejemplo-daily")
    assert found["ScheduleExpressionTimezone"] == "America/Mexico_City"
