"""
What stands around the flow: `Begin`, `Rescue` and `End`, as `puntual run` does it on a laptop.

Plan and lease; plan B where a technical fault is left and a policy says so; the lease given back.
"""

from __future__ import annotations

from puntual.infra.asl_states import (
    BEGIN,
    END,
    FAIL,
    RESCUE,
    RUN,
    Json,
    catch,
    invoke,
    own_retry,
    retrier,
    retry,
)
from puntual.model.flow import ALL, DATA_LIMIT_EXCEEDED, Catcher
from puntual.planner.flow import RETRIED


def beginning(start: str) -> dict[str, Json]:
    """Plan and take the lease; if that fails nobody is told here, but by the rule outside."""
    payload: Json = {"task": "Begin", "input.$": "$", "execution.$": "$$.Execution.Id"}
    return {
        "Begin": {
            **invoke("begin", payload, BEGIN),
            "Retry": [retry(retrier(BEGIN, RETRIED))],
            "Catch": [
                catch(Catcher(errors=(DATA_LIMIT_EXCEEDED,), next=""), FAIL),
                catch(Catcher(errors=(ALL,), next=""), FAIL),
            ],
            "ResultSelector": {f"{key}.$": f"$.Payload.{key}" for key in RUN},
            "ResultPath": "$.run",
            "Next": "Planned",
        },
        "Planned": {
            "Type": "Choice",
            "Choices": [{"Variable": "$.run.planned", "BooleanEquals": True, "Next": start}],
            "Default": "Nothing",
        },
        "Nothing": {"Type": "Succeed"},
    }


def rescue(start: str) -> dict[str, Json]:
    """Ask whether plan B may save the day; `start` is its first state."""
    payload: Json = {"run.$": "$.run", "task": "Rescue", "error.$": "$.error"}
    unsaved = Catcher(errors=(ALL,), next="", result_path="$.unrescued")
    return {
        "Rescue": {
            **invoke("decide", payload, RESCUE),
            "Retry": own_retry(RESCUE),
            "Catch": [
                catch(
                    Catcher(errors=(DATA_LIMIT_EXCEEDED,), next="", result_path="$.unrescued"),
                    "End-failed",
                ),
                catch(unsaved, "End-failed"),
            ],
            "ResultSelector": {
                f"{key}.$": f"$.Payload.{key}" for key in ("fault", "reports", "whole")
            },
            "ResultPath": "$.rescue",
            "Next": "Rescuable",
        },
        "Rescuable": {
            "Type": "Choice",
            "Choices": [{"Variable": "$.rescue.fault", "StringEquals": "", "Next": "End-failed"}],
            "Default": start,
        },
    }


def ending() -> dict[str, Json]:
    """Give the lease back; that it cannot be given back fails nothing, for it ends by itself."""

    def end(*, failed: bool, ahead: str) -> Json:
        payload: Json = {"run.$": "$.run", "task": "End", "failed": failed}
        return {
            **invoke("end", payload, END),
            "Retry": own_retry(END),
            "Catch": [catch(Catcher(errors=(ALL,), next="", result_path="$.unended"), ahead)],
            "ResultPath": None,
            "Next": ahead,
        }

    return {
        "Rescued": {
            "Type": "Choice",
            "Choices": [{"Variable": "$.rescue.whole", "BooleanEquals": True, "Next": "End"}],
            "Default": "End-failed",
        },
        "End": end(failed=False, ahead="Done"),
        "Done": {"Type": "Succeed"},
        "End-failed": end(failed=True, ahead=FAIL),
        FAIL: {"Type": "Fail", "ErrorPath": "$.error.Error", "CausePath": "$.error.Cause"},
    }
