"""The template as it is, deployed on the stage: made, found in every service, and left alone."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from infra.conftest import Stack
from support import stage as staged
from support.aws import on

from puntual.aws.deployer import Deployed, deploy, packed, settled, variable_of
from puntual.aws.settings import Settings
from puntual.aws.stage.standing import Standing
from puntual.errors import PermanentError, TransientError
from puntual.infra.stack import output_of

stage_python, stage = staged.stage_python, staged.stage


def apply(stage: Standing, stack: Stack, **more: Any) -> tuple[Deployed, list[str]]:
    said: list[str] = []
    template = more.pop("template", stack.folder / "Puntual.template.json")
    listed = stack.folder / "Puntual.assets.json"
    name = more.pop("name", stack.name)
    done = on(stage, lambda: deploy(name, template, listed, say=said.append, **more))
    return done, said


@pytest.fixture(scope="module")
def deployed(stage: Standing, plain: Stack) -> tuple[Deployed, list[str]]:
    return apply(stage, plain)


def test_every_resource_of_the_template_exists_in_its_service(
    deployed: tuple[Deployed, list[str]], plain: Stack
) -> None:
    done, said = deployed
    count = len(plain.template["Resources"])
    assert sum(map(len, done.resources.values())) == count
    assert said[-1] == f"{count} resources, each found in its service"
    assert done.changed


def test_what_a_client_needs_to_know_are_the_settings_that_functions_read(
    deployed: tuple[Deployed, list[str]],
) -> None:
    settings = Settings.from_environment(deployed[0].settings)
    assert settings.state_machine.endswith(":stateMachine:banco-ejemplo-day")
    assert set(settings.topics) == {"error", "warn"}


def test_deploying_again_uploads_nothing_and_changes_nothing(
    stage: Standing, deployed: tuple[Deployed, list[str]], plain: Stack
) -> None:
    again, said = apply(stage, plain)
    assert (again.changed, again.uploaded) == (False, 0)
    assert "the stack puntual-banco-ejemplo stands as it is" in said
    assert again.settings == deployed[0].settings


def test_the_buckets_of_the_stack_are_versioned(
    stage: Standing, deployed: tuple[Deployed, list[str]]
) -> None:
    """Not their Object Lock: this stage makes the bucket without it (docs/reference/aws.md)."""
    s3, settings = staged.client(stage, "s3"), deployed[0].settings
    for bucket in ("PUNTUAL_LAKE", "PUNTUAL_DELIVERIES", "PUNTUAL_EVIDENCE"):
        assert s3.get_bucket_versioning(Bucket=settings[bucket])["Status"] == "Enabled"


def test_a_resource_that_is_not_there_is_told_although_the_stack_is_complete(
    stage: Standing, deployed: tuple[Deployed, list[str]], plain: Stack
) -> None:
    """aws-local.md L40: a stack may say that it is complete and have made nothing."""
    glue = staged.client(stage, "glue")
    job = glue.get_job(JobName="puntual-banco-ejemplo-load")["Job"]
    glue.delete_job(JobName="puntual-banco-ejemplo-load")
    try:
        with pytest.raises(PermanentError) as refused:
            apply(stage, plain)
    finally:
        kept = ("Name", "Role", "Command", "DefaultArguments", "GlueVersion", "Timeout")
        glue.create_job(**{key: job[key] for key in kept if key in job})
    assert refused.value.code in ("T5006", "T5023")
    assert "LoadJob" in refused.value.message


def test_a_stack_that_cannot_be_made_says_why(
    stage: Standing, plain: Stack, tmp_path: Path
) -> None:
    """The stage knows no metric mathematics, and says so when the alarm is made."""
    metrics = [{"Id": "m", "Expression": "1"}]
    alarm = {"Metrics": metrics, "EvaluationPeriods": 1, "ComparisonOperator": "LessThanThreshold"}
    wrong = {"Resources": {"Odd": {"Type": "AWS::CloudWatch::Alarm", "Properties": alarm}}}
    template = tmp_path / "wrong.json"
    template.write_text(json.dumps(wrong), encoding="utf-8")
    with pytest.raises(PermanentError) as refused:
        apply(stage, plain, name="wrong", template=template)
    assert refused.value.code == "T5022"
    assert "Odd" in refused.value.observed


class SlowCloud:
    """CloudFormation at its slowest: a stack that is for ever at work."""

    def describe_stacks(self, **_: str) -> dict[str, list[dict[str, str]]]:
        return {"Stacks": [{"StackStatus": "CREATE_IN_PROGRESS"}]}


def test_a_stack_that_is_not_ready_in_time_is_not_taken_for_ready() -> None:
    waits: list[float] = []
    with pytest.raises(TransientError) as late:
        settled(SlowCloud(), "slow", lambda _: None, waits.append, 3.0)
    assert late.value.code == "T5021"
    assert len(waits) == 3


def test_a_folder_is_packed_to_the_same_bytes_each_time(tmp_path: Path) -> None:
    for name in ("b.py", "a.py"):
        (tmp_path / name).write_text(name)
    first = packed(tmp_path)
    (tmp_path / "a.py").touch()
    assert packed(tmp_path) == first


@pytest.mark.parametrize("variable", ["PUNTUAL_LAKE", "PUNTUAL_TOPIC_ERROR"])
def test_an_output_is_named_after_the_variable_that_it_holds(variable: str) -> None:
    assert variable_of(output_of(variable)) == variable
