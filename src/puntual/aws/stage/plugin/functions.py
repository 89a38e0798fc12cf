"""
Lambda functions in the project's interpreter, with their errors' names.

As it comes, ministack runs a function in its own environment and calls every error
`Runtime.HandlerError` (L7), so that no Retry or Catch by `TransientError` ever matches; and it
answers 200 for a function that it cannot run (L8).
"""

from __future__ import annotations

import threading
from typing import Any

from ministack.core import lambda_runtime
from ministack.services import lambda_svc

from puntual.aws.stage.plugin.archives import linking
from puntual.aws.stage.plugin.error_names import exception_name, runtime_name
from puntual.aws.stage.plugin.faults import Faults
from puntual.aws.stage.plugin.settings import Settings

Data = dict[str, Any]
THROTTLED = "Lambda.TooManyRequestsException"


def _unplayable(function: Data) -> str:
    """Return why a function cannot run here; "" if it can."""
    config = function.get("config") or function
    runtime = str(config.get("Runtime", ""))
    if not function.get("code_zip"):
        return "the function has no code"
    if not runtime.startswith("python"):
        return f"runtime {runtime} is not played on this stage"
    return ""


def install(settings: Settings, faults: Faults) -> None:
    """Replace how functions are run and how their errors are named."""
    binary, invoke = lambda_runtime._detect_runtime_binary, lambda_runtime.Worker.invoke
    execute = lambda_svc._execute_function_with_config_scope
    raised = threading.local()

    def detect_runtime_binary(runtime: str) -> tuple[str, str]:
        found, script = binary(runtime)
        return (settings.python if runtime.startswith("python") else found), script

    def remember(worker: Any, *args: Any, **kwargs: Any) -> Data:
        result: Data = invoke(worker, *args, **kwargs)
        if result.get("status") == "error" and result.get("trace"):
            raised.name = exception_name(result["trace"], result.get("error", ""))
        return result

    def execute_function(function: Data, *args: Any, **kwargs: Any) -> Data:
        config = function.get("config") or function
        name = str(config.get("FunctionName", ""))
        if why := _unplayable(function):
            body = {"errorType": "Runtime.Unplayable", "errorMessage": why}
            return {"body": body, "error": True, "log": why}
        if faults.next("lambda", name):
            refused: Data = lambda_svc._throttle_response(
                "CallerRateLimitExceeded", "Rate Exceeded."
            )
            refused["body"]["errorType"] = THROTTLED
            return refused
        raised.__dict__.clear()
        result: Data = execute(function, *args, **kwargs)
        if result.get("error") and isinstance(result.get("body"), dict):
            message = str(result["body"].get("errorMessage", ""))
            kind = raised.__dict__.get("name") or runtime_name(message)
            if result.get("throttle"):
                kind = THROTTLED
            if kind:
                result["body"]["errorType"] = kind
        return result

    lambda_runtime.zipfile = linking(settings.archives())
    lambda_runtime._detect_runtime_binary = detect_runtime_binary
    lambda_runtime.Worker.invoke = remember
    lambda_svc._execute_function_with_config_scope = execute_function
