"""
What every Glue job of a day does: the steps of one state, its outcome kept in the lake.

A failed job is only `States.TaskFailed` to the machine, whatever it failed by. So a fault that
may pass ends the process with an error, which the machine retries, and any other known fault
ends it well: the state that follows reads the outcome and raises what it says (`aws.md` 2).
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import traceback
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from puntual.aws.fanned import Streams, alone
from puntual.aws.settings import Settings
from puntual.aws.wire import TaskOrder, order_in
from puntual.aws.world import Engines, deployed, opened
from puntual.planner.flow import RETRIED
from puntual.runner.flow import Failed
from puntual.runner.route import is_bug

RETRY = 75
"""Exit code of a fault that may pass by waiting (sysexits.h, EX_TEMPFAIL)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """
    What a job was started with.

    Attributes:
        payload: As the machine gave it.
        settings: The deployment.
        environment: Where `env:NAME` of the project is looked up first.
        by: The id of this run of the job.
    """

    payload: Mapping[str, Any]
    settings: Settings
    environment: Mapping[str, str]
    by: str

    @property
    def order(self) -> TaskOrder:
        """The order that the payload is."""
        return order_in(self.payload)


def called(arguments: Sequence[str], environment: Mapping[str, str]) -> Call:
    """
    Return what a job is started with; Glue adds arguments of its own, which are left alone.

    Args:
        arguments: `--order JSON --settings JSON --JOB_RUN_ID ID`.
        environment: What `--settings` does not say.

    Raises:
        PermanentError: T5009 the deployment is not known.
        json.JSONDecodeError: An argument is no JSON.
    """
    parser = argparse.ArgumentParser(allow_abbrev=False)
    parser.add_argument("--order", required=True)
    parser.add_argument("--settings", default="{}")
    parser.add_argument("--JOB_RUN_ID", dest="by", default="")
    known, _ = parser.parse_known_args(arguments)
    told = {**environment, **json.loads(known.settings)}
    return Call(
        payload=json.loads(known.order),
        settings=Settings.from_environment(told),
        environment=told,
        by=known.by,
    )


def run(arguments: Sequence[str] | None, engines: Engines, streams: Streams = alone) -> int:
    """
    Do what a job was started for, and return its exit code.

    Args:
        arguments: Of the process; None for its own.
        engines: Which engine the steps of this job need.
        streams: Who reads streams.

    Returns:
        0 when all is done, or the fault is kept and none of those that may pass; else `RETRY`.
    """
    call = called(sys.argv[1:] if arguments is None else arguments, os.environ)
    ref = call.order.run
    try:
        with (
            deployed(call.settings) as project,
            opened(
                call.settings,
                project,
                engines,
                run=ref.id,
                as_of=ref.as_of,
                environment=call.environment,
                streams=streams,
            ) as place,
        ):
            place.carry(call.payload, by=call.by)
    except Failed as failed:
        if is_bug(failed) and failed.fault is not None:
            traceback.print_exception(failed.fault)
        sys.stderr.write(f"{failed.name}: {failed.cause}\n")
        return RETRY if failed.name in RETRIED else 0
    return 0
