"""The template: of every resource what matters, and no role with more than its own."""

from __future__ import annotations

import inspect
import json
import re
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from infra.conftest import EXAMPLE, Stack

from puntual.aws import names
from puntual.aws.deployed import ASKS
from puntual.aws.settings import Settings
from puntual.infra.asl_check import problems, read
from puntual.infra.catalogue import RECORDS as STREAM_COLUMNS
from puntual.infra.options import slug
from puntual.infra.permissions import NEEDS, RECORDS
from puntual.infra.places import FUNCTIONS, JOBS
from puntual.landing.arrivals import SCHEMA
from puntual.project.read import read_project

Json = dict[str, Any]
ENCRYPTED = {"SSEAlgorithm": "aws:kms"}


def text_of(value: Any) -> str:
    """Return a value of the template as a text, references as `<Name>`."""
    from puntual.infra.acknowledged import shown

    return shown(value)


def test_cdk_nag_and_cloudformations_schemas_find_nothing(judged: Stack) -> None:
    found = {
        report["pluginName"]: [v["ruleName"] for v in report["violations"]]
        for report in judged.report["pluginReports"]
    }
    assert found["AwsSolutions"] == []
    assert all(rules == [] for rules in found.values()), found


def test_every_exception_to_a_rule_has_its_reason(judged: Stack) -> None:
    (nag,) = [r for r in judged.report["pluginReports"] if r["pluginName"] == "AwsSolutions"]
    reasons = {(v["ruleName"].partition("[")[0], v["reason"]) for v in nag["suppressedViolations"]}
    assert {rule for rule, _ in reasons} == {
        "AwsSolutions-GL1",
        "AwsSolutions-GL3",
        "AwsSolutions-IAM5",
        "AwsSolutions-KDS3",
        "AwsSolutions-SQS3",
    }
    assert all(len(reason) > 30 for _, reason in reasons)


def test_two_syntheses_give_the_same_bytes_whatever_the_layer_holds_by_then(
    plain: Stack, tmp_path: Path
) -> None:
    from puntual.infra.options import Options
    from puntual.infra.synth import synthesise
    from puntual.project.zones import zone

    folder, layer = tmp_path / "again", tmp_path / "layer"
    (layer / "python").mkdir(parents=True)
    (layer / "python" / "fetched.py").write_text("")
    project = read_project(EXAMPLE)
    synthesise(project, EXAMPLE, folder, zones=zone, options=Options(), layer=layer)
    for name in ("Puntual.template.json", "Puntual.assets.json"):
        assert (folder / name).read_bytes() == (plain.folder / name).read_bytes()


def test_a_streaming_job_is_made_where_it_is_asked_for_and_started_again_when_it_ends(
    plain: Stack, judged: Stack
) -> None:
    names = {job["Name"] for job in plain.of("AWS::Glue::Job").values()}
    assert names == {f"puntual-banco-ejemplo-{job}" for job in JOBS}
    job = judged.one("AWS::Glue::Job", Name="puntual-banco-ejemplo-stream")
    assert job["Command"]["Name"] == "gluestreaming"
    assert job["ExecutionProperty"] == {"MaxConcurrentRuns": 1}
    assert "Timeout" not in job
    starter = judged.one("AWS::Scheduler::Schedule", Name="puntual-banco-ejemplo-stream")
    assert starter["ScheduleExpression"] == "rate(15 minutes)"
    assert text_of(starter["Target"]["Arn"]).endswith(":scheduler:::aws-sdk:glue:startJobRun")
    logical = next(n for n in judged.of("AWS::IAM::Role") if "StreamRole" in n)
    (policy,) = judged.of("AWS::IAM::Role")[logical]["Policies"]
    may = {a for s in policy["PolicyDocument"]["Statement"] for a in _listed(s["Action"])}
    assert "kinesis:GetRecords" in may
    assert not any(action.startswith(("kms:Sign", "glue:", "redshift")) for action in may)


def _listed(value: str | list[str]) -> list[str]:
    return [value] if isinstance(value, str) else value


def test_the_template_knows_no_account_region_or_endpoint(plain: Stack) -> None:
    text = json.dumps(plain.template)
    assert not re.search(r":\d{12}:", text)
    assert not re.search(r"[a-z]{2}-(east|west|central|north|south)-\d", text)
    assert "AWS_" not in text
    assert "http://" not in text


def test_the_stream_is_encrypted_on_demand_and_keeps_seven_days(plain: Stack) -> None:
    stream = plain.one("AWS::Kinesis::Stream")
    assert stream["Name"] == "card-events"
    assert stream["StreamModeDetails"] == {"StreamMode": "ON_DEMAND"}
    assert stream["RetentionPeriodHours"] == 168
    assert stream["StreamEncryption"]["EncryptionType"] == "KMS"


@pytest.mark.parametrize("name", ["Lake", "Deliveries", "Evidence"])
def test_a_bucket_is_versioned_encrypted_by_its_own_key_and_closed(plain: Stack, name: str) -> None:
    logical = next(n for n in plain.of("AWS::S3::Bucket") if n.startswith(f"ReportStorage{name}"))
    bucket = plain.of("AWS::S3::Bucket")[logical]
    assert bucket["VersioningConfiguration"] == {"Status": "Enabled"}
    (rule,) = bucket["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    by_default = rule["ServerSideEncryptionByDefault"]
    assert by_default["SSEAlgorithm"] == "aws:kms"
    assert f"{name}Key" in text_of(by_default["KMSMasterKeyID"])
    assert set(bucket["PublicAccessBlockConfiguration"].values()) == {True}
    assert plain.template["Resources"][logical]["DeletionPolicy"] == "Retain"


def test_every_bucket_refuses_what_is_not_encrypted_on_its_way(plain: Stack) -> None:
    policies = plain.of("AWS::S3::BucketPolicy")
    assert len(policies) == len(plain.of("AWS::S3::Bucket"))
    for policy in policies.values():
        deny = policy["PolicyDocument"]["Statement"][0]
        assert (deny["Effect"], deny["Principal"]) == ("Deny", "*")
        assert deny["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}


def test_evidence_cannot_be_deleted_by_anybody_for_ten_years(plain: Stack) -> None:
    (bucket,) = [b for b in plain.of("AWS::S3::Bucket").values() if "ObjectLockEnabled" in b]
    retention = bucket["ObjectLockConfiguration"]["Rule"]["DefaultRetention"]
    assert retention == {"Mode": "COMPLIANCE", "Days": 3653}


def test_two_keys_sign_with_p256_one_makes_pseudonyms_and_the_others_rotate(plain: Stack) -> None:
    keys = plain.of("AWS::KMS::Key").values()
    never_read = [(k["KeyUsage"], k["KeySpec"]) for k in keys if "KeyUsage" in k]
    signs, keyed = ("SIGN_VERIFY", "ECC_NIST_P256"), ("GENERATE_VERIFY_MAC", "HMAC_256")
    assert sorted(never_read) == [keyed, signs, signs]
    assert [k["EnableKeyRotation"] for k in keys if "KeyUsage" not in k] == [True] * 4


def test_a_key_that_is_to_replace_another_stands_beside_it_and_may_be_signed_with(
    plain: Stack, judged: Stack
) -> None:
    """The second key for statements and the third for the ledger change none that was there."""
    before, after = plain.of("AWS::KMS::Key"), judged.of("AWS::KMS::Key")
    assert {name: after[name] for name in before} == before
    function = judged.one("AWS::Lambda::Function", FunctionName="puntual-banco-ejemplo-attest")
    told = {key: text_of(v) for key, v in function["Environment"]["Variables"].items()}
    settings = Settings.from_environment(told)
    assert settings.authority == "https://tsa.example/tsr"
    signers = settings.signers
    assert {role: len(keys) for role, keys in signers.items()} == {"pipeline": 2, "log": 3}
    listed = {key for keys in signers.values() for key in keys}
    assert len(listed) == 5
    assert set(allowed(judged, "attest", "kms:Sign")) == listed


def test_every_contract_and_model_has_a_table_whose_partitions_are_registered(
    plain: Stack,
) -> None:
    tables = {
        t["TableInput"]["Name"]: t["TableInput"] for t in plain.of("AWS::Glue::Table").values()
    }
    project = read_project(EXAMPLE)
    raw = {f"raw_{dataset}" for dataset in project.contracts}
    assert set(tables) == {*project.contracts, *project.models, *raw}
    for table in tables.values():
        assert [key["Name"] for key in table["PartitionKeys"]] == ["reference_date"]
        assert not any(name.startswith("projection.") for name in table["Parameters"])
    columns = tables["card_events"]["StorageDescriptor"]["Columns"]
    assert {"Name": "amount", "Type": "decimal(18,2)"} in columns
    assert [c["Name"] for c in columns[-2:]] == ["_object", "_position"]


def test_the_raw_table_of_a_stream_has_the_columns_that_landing_writes() -> None:
    assert [name for name, _ in STREAM_COLUMNS] == SCHEMA.names


@pytest.mark.parametrize("job", JOBS)
def test_a_job_is_glue_5_without_retries_of_its_own_and_bounded(plain: Stack, job: str) -> None:
    found = plain.one("AWS::Glue::Job", Name=f"puntual-banco-ejemplo-{job}")
    assert found["GlueVersion"] == "5.0"
    assert found["MaxRetries"] == 0
    assert found["ExecutionProperty"] == {"MaxConcurrentRuns": 3}
    assert found["Timeout"] >= 1
    assert (found["WorkerType"], found["NumberOfWorkers"]) == ("G.1X", 2)
    assert found["DefaultArguments"]["--job-bookmark-option"] == "job-bookmark-disable"


def test_a_jobs_own_timeout_is_that_of_its_longest_task(plain: Stack) -> None:
    machine = read(plain.one("AWS::StepFunctions::StateMachine")["DefinitionString"])
    for job in JOBS:
        tasks = [
            state["Parameters"]["Timeout"]
            for state in machine["States"].values()
            if state.get("Parameters", {}).get("JobName") == f"${{{job.capitalize()}Job}}"
        ]
        found = plain.one("AWS::Glue::Job", Name=f"puntual-banco-ejemplo-{job}")
        assert found["Timeout"] == max(tasks)


def test_every_function_has_time_for_its_longest_task_and_is_found_by_its_handler(
    plain: Stack,
) -> None:
    machine = read(plain.one("AWS::StepFunctions::StateMachine")["DefinitionString"])
    for name in FUNCTIONS:
        found = plain.one("AWS::Lambda::Function", FunctionName=f"puntual-banco-ejemplo-{name}")
        tasks = [
            state["TimeoutSeconds"]
            for state in machine["States"].values()
            if state.get("Parameters", {}).get("FunctionName")
            == f"${{{name.capitalize()}Function}}"
        ]
        assert found["Timeout"] == min(900, max(tasks))
    for found in plain.of("AWS::Lambda::Function").values():
        module, _, function = found["Handler"].rpartition(".")
        assert len(inspect.signature(getattr(import_module(module), function)).parameters) == 2


@pytest.mark.parametrize("job", JOBS)
def test_a_jobs_script_is_the_file_of_the_package(plain: Stack, job: str) -> None:
    assert callable(import_module(f"puntual.aws.jobs.{job}").main)


def test_functions_and_jobs_are_told_what_their_settings_read(plain: Stack) -> None:
    found = plain.one("AWS::Lambda::Function", FunctionName="puntual-banco-ejemplo-report")
    told = found["Environment"]["Variables"]
    settings = Settings.from_environment({key: text_of(value) for key, value in told.items()})
    empty = [
        name for name in settings.__slots__ if not getattr(settings, name) and name != "environment"
    ]
    assert empty == ["authority"], "which is asked for, or is not"
    job = plain.one("AWS::Glue::Job", Name="puntual-banco-ejemplo-land")
    given = json.loads(text_of(job["DefaultArguments"]["--settings"]))
    assert set(given) == set(told) - {"PUNTUAL_CACHE", "PUNTUAL_CACHE_BYTES"}


def test_the_names_are_those_by_which_the_rest_of_aws_looks_for_them(plain: Stack) -> None:
    project = read_project(EXAMPLE)
    assert slug(project) == names.slug(project.name)
    machine = plain.one("AWS::StepFunctions::StateMachine")
    assert machine["StateMachineName"] == names.machine(project.name)
    functions = {f["FunctionName"] for f in plain.of("AWS::Lambda::Function").values()}
    assert names.function(project.name, "begin") in functions


def test_functions_need_what_the_package_declares_pinned_to_what_it_runs_with_here() -> None:
    from puntual.project.requirements import requirements

    pins = requirements().splitlines()
    assert pins == sorted(pins)
    assert {pin.partition("==")[0] for pin in pins} >= {"boto3", "duckdb", "psycopg[binary]"}
    assert not {"pyspark", "aws-cdk-lib"} & {pin.partition("==")[0] for pin in pins}


def test_redshift_is_serverless_private_and_without_a_password_of_ours(plain: Stack) -> None:
    namespace = plain.one("AWS::RedshiftServerless::Namespace")
    assert namespace["ManageAdminPassword"] is True
    assert "AdminUserPassword" not in namespace
    workgroup = plain.one("AWS::RedshiftServerless::Workgroup")
    assert workgroup["PubliclyAccessible"] is False
    assert workgroup["BaseCapacity"] == 8
    assert {"ParameterKey": "require_ssl", "ParameterValue": "true"} in workgroup[
        "ConfigParameters"
    ]


def test_athena_reads_no_more_than_its_limit_and_nobody_gets_around_it(plain: Stack) -> None:
    workgroup = plain.one("AWS::Athena::WorkGroup")["WorkGroupConfiguration"]
    assert workgroup["EnforceWorkGroupConfiguration"] is True
    assert workgroup["BytesScannedCutoffPerQuery"] == 100 << 30


def test_the_machine_is_standard_logged_and_right(plain: Stack) -> None:
    machine = plain.one("AWS::StepFunctions::StateMachine")
    assert machine["StateMachineType"] == "STANDARD"
    assert machine["LoggingConfiguration"]["Level"] == "ALL"
    assert problems(read(machine["DefinitionString"])) == ()
    asked = set(re.findall(r"\$\{(\w+)\}", machine["DefinitionString"]))
    assert asked == set(machine["DefinitionSubstitutions"])


def test_the_schedule_fires_in_the_projects_zone_and_a_missed_start_is_kept(plain: Stack) -> None:
    schedule = plain.one("AWS::Scheduler::Schedule")
    assert schedule["ScheduleExpression"] == "cron(0 2 * * ? *)"
    assert schedule["ScheduleExpressionTimezone"] == "America/Mexico_City"
    target = schedule["Target"]
    assert json.loads(target["Input"]) == {
        "reference_date": "",
        "attempt": 1,
        "from_step": "",
        "as_of": "",
        "scheduled": "<aws.scheduler.scheduled-time>",
    }
    assert "DeadLetterConfig" in target
    assert target["RetryPolicy"]["MaximumRetryAttempts"] == 10


def test_a_start_in_the_hour_that_does_not_exist_has_a_schedule_after_it() -> None:
    """aws.md T1: in Tijuana 02:00 of 2026-03-08 is 03:00."""
    from infra.projects import made

    from puntual.infra.orchestration import after_gaps
    from puntual.project.zones import zone

    assert after_gaps(made(time_zone="America/Tijuana"), zone) == ("cron(0 3 ? 3 SUN *)",)
    assert after_gaps(made(time_zone="America/Mexico_City"), zone) == ()


def test_what_no_state_can_tell_a_rule_tells(plain: Stack) -> None:
    (rule,) = [r for r in plain.of("AWS::Events::Rule").values() if "EventPattern" in r]
    assert rule["EventPattern"]["detail"]["status"] == ["FAILED", "TIMED_OUT", "ABORTED"]
    assert "TopicsError" in text_of(rule["Targets"][0]["Arn"])


def test_the_watchdog_is_started_by_a_rule_and_not_by_the_scheduler(plain: Stack) -> None:
    (rule,) = [r for r in plain.of("AWS::Events::Rule").values() if "ScheduleExpression" in r]
    assert rule["ScheduleExpression"] == "rate(5 minutes)"
    assert "WatchdogFunction" in text_of(rule["Targets"][0]["Arn"])
    assert plain.one("AWS::Lambda::Permission")["Principal"] == "events.amazonaws.com"


def test_every_alarm_tells_when_it_begins_and_when_it_is_over(plain: Stack) -> None:
    alarms = {a["AlarmName"]: a for a in plain.of("AWS::CloudWatch::Alarm").values()}
    assert sorted(name.removeprefix("puntual-banco-ejemplo-") for name in alarms) == [
        "DeadlineAtRiskArrearsDaily",
        "DeadlineAtRiskCreditDaily",
        "ExecutionsAborted",
        "ExecutionsFailed",
        "ExecutionsTimedOut",
        "JobFailsCurate",
        "JobFailsLand",
        "JobFailsLoad",
        "NotStarted",
        "ReadLateCardEvents",
        "ScheduleMissed",
        "SourceSilentCardEvents",
        "VolumeLowCardEvents",
    ]
    for alarm in alarms.values():
        assert alarm["AlarmActions"] == alarm["OKActions"]
        assert len(alarm["AlarmActions"]) == 1
        assert alarm["AlarmDescription"]


def test_a_watchdog_that_is_silent_is_an_alarm_itself(plain: Stack) -> None:
    alarm = plain.one("AWS::CloudWatch::Alarm", AlarmName="puntual-banco-ejemplo-NotStarted")
    assert alarm["TreatMissingData"] == "breaching"


def test_the_dashboard_shows_what_is_watched(plain: Stack) -> None:
    body = text_of(plain.one("AWS::CloudWatch::Dashboard")["DashboardBody"])
    shown = {widget["properties"]["title"] for widget in json.loads(body)["widgets"]}
    assert len(shown) == len(plain.of("AWS::CloudWatch::Alarm"))


def test_topics_are_by_severity_and_an_address_is_subscribed_to_its_own(judged: Stack) -> None:
    topics = {t["TopicName"] for t in judged.of("AWS::SNS::Topic").values()}
    assert topics == {"puntual-banco-ejemplo-error", "puntual-banco-ejemplo-warn"}
    mail = judged.one("AWS::SNS::Subscription")
    assert (mail["Protocol"], mail["Endpoint"]) == ("email", "ops@bank.example")
    assert judged.one("AWS::SES::EmailIdentity")["EmailIdentity"] == "bank.example"


def statements(stack: Stack, role: str) -> list[Json]:
    (found,) = [
        properties
        for name, properties in stack.of("AWS::IAM::Role").items()
        if name.startswith(f"ReportCompute{role.title()}Role")
    ]
    assert "ManagedPolicyArns" not in found
    return [s for p in found["Policies"] for s in p["PolicyDocument"]["Statement"]]


def allowed(stack: Stack, role: str, action: str) -> set[str]:
    """Return the resources on which a role may do something."""
    return {
        text_of(resource)
        for statement in statements(stack, role)
        if action in as_list(statement["Action"])
        for resource in as_list(statement["Resource"])
    }


def as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


@pytest.mark.parametrize("role", sorted(NEEDS))
def test_a_role_writes_its_own_prefixes_and_the_records_and_nothing_else(
    judged: Stack, role: str
) -> None:
    buckets: dict[str, set[str]] = {}
    for resource in allowed(judged, role, "s3:PutObject"):
        bucket, _, key = resource.partition("/")
        found = re.match(r"<ReportStorage(Lake|Deliveries|Evidence)[0-9A-F]{8}\.Arn>", bucket)
        assert found is not None, resource
        buckets.setdefault(found[1], set()).add(key)
    needs = NEEDS[role]
    own = {f"banco-ejemplo/{area}/*" for area in (*needs.writes, *RECORDS)}
    whole = {"banco-ejemplo/*"}
    expected = {"Lake": own}
    expected |= {"Deliveries": whole} if needs.delivers else {}
    expected |= {"Evidence": whole} if needs.records else {}
    assert buckets == expected


@pytest.mark.parametrize("role", sorted(NEEDS))
def test_no_role_deletes_or_loosens_anything(judged: Stack, role: str) -> None:
    actions = {a for s in statements(judged, role) for a in as_list(s["Action"])}
    loosening = {a for a in actions if re.search("[*]|Delete|Bypass|Policy", a)}
    hides = {"s3:DeleteObject"} if NEEDS[role].delivers else set()
    assert loosening == hides, "a marker on a version that stays, and of half a package alone"
    for resource in allowed(judged, role, "s3:DeleteObject"):
        bucket, _, key = resource.partition("/")
        assert bucket.startswith("<ReportStorageDeliveries"), resource
        assert key == "banco-ejemplo/evidence/*"


@pytest.mark.parametrize(
    ("action", "roles"),
    [
        ("kinesis:GetRecords", {"land", "stream"}),
        ("secretsmanager:GetSecretValue", {"land"}),
        ("glue:BatchUpdatePartition", {"curate"}),
        ("redshift-data:BatchExecuteStatement", {"load", "reconcile", "report"}),
        ("athena:StartQueryExecution", {"report", "rehearse"}),
        ("kms:Sign", {"land", "decide", "attest", "deliver"}),
        ("kms:GenerateMac", {"reconcile", "report"}),
        ("sns:Publish", {"begin", "notify", "end"}),
    ],
)
def test_only_the_step_that_needs_it_may(judged: Stack, action: str, roles: set[str]) -> None:
    assert {role for role in NEEDS if allowed(judged, role, action)} == roles


@pytest.mark.parametrize("role", sorted(NEEDS))
def test_what_is_allowed_on_everything_has_no_narrower_resource(judged: Stack, role: str) -> None:
    found = {
        action
        for s in statements(judged, role)
        if "*" in as_list(s["Resource"])
        for action in as_list(s["Action"])
    }
    assert found <= {
        "cloudwatch:GetMetricStatistics",
        "redshift-data:CancelStatement",
        "redshift-data:DescribeStatement",
        "redshift-data:GetStatementResult",
    }


def test_the_machine_may_start_ask_and_stop_its_jobs_and_call_its_functions(plain: Stack) -> None:
    """aws-local.md 9: `.sync` of Glue needs its Get and Stop actions, and no grant is derived."""
    (role,) = [p for n, p in plain.of("AWS::IAM::Role").items() if "OrchestrationMachineRole" in n]
    (policy,) = role["Policies"]
    jobs, functions, _ = policy["PolicyDocument"]["Statement"]
    assert {"glue:StartJobRun", "glue:GetJobRun", "glue:BatchStopJobRun"} <= set(jobs["Action"])
    assert len(jobs["Resource"]) == len(JOBS)
    assert len(functions["Resource"]) == len(FUNCTIONS)


def test_the_deployer_knows_how_to_ask_for_every_type_of_resource(judged: Stack) -> None:
    assert {r["Type"] for r in judged.template["Resources"].values()} <= set(ASKS)


def test_what_travels_holds_no_data_state_or_evidence(plain: Stack) -> None:
    listed = json.loads((plain.folder / "Puntual.assets.json").read_text(encoding="utf-8"))
    (project,) = [
        plain.folder / asset["source"]["path"]
        for asset in listed["files"].values()
        if asset.get("displayName") == "Report/Project"
    ]
    inside = {path.name for path in project.iterdir()}
    assert inside <= {
        "puntual.yaml",
        "calendars",
        "checks",
        "contracts",
        "controls",
        "models",
        "policies",
        "reports",
        "tests",
    }
    (program,) = [
        plain.folder / asset["source"]["path"]
        for asset in listed["files"].values()
        if asset.get("displayName") == "Report/Program"
    ]
    assert (program / "puntual" / "aws" / "functions.py").is_file()
    assert not (program / "puntual" / "infra").exists()


def test_the_template_is_within_cloudformations_limits(judged: Stack) -> None:
    """1 MB of template in a bucket, 500 resources, 200 outputs."""
    text = (judged.folder / "Puntual.template.json").read_bytes()
    assert len(text) < 1_000_000
    assert len(judged.template["Resources"]) < 500
