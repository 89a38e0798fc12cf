"""
What emulators get wrong, row by row, and what became of it here.

The rows are those of docs/reference/aws-local.md. A test that touches a row that is not corrected
says so by `support.stage.skip_for`, with the reason that stands here, and never passes in silence.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Answer(StrEnum):
    """What the stage does about a row."""

    CORRECTED = "corrected"
    REFUSED = "refused"
    SKIPPED = "skipped"
    OTHER = "other"


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """
    One wrong answer.

    Attributes:
        says: What the emulator does as it comes.
        answer: corrected: as on AWS here · refused: said loudly, or not used by what we compile ·
            skipped: as the emulator has it, so no test may rest on it · other: of an emulator that
            this stage is not made of.
        why: How it is corrected, or why it is not.
    """

    says: str
    answer: Answer
    why: str


def _row(says: str, answer: Answer, why: str) -> Row:
    return Row(says=says, answer=answer, why=why)


_C, _R, _S, _O = Answer.CORRECTED, Answer.REFUSED, Answer.SKIPPED, Answer.OTHER
_MOTO = "of moto, which is not part of the stage"
_OTHERS = "of an emulator that is not part of the stage"

ROWS: dict[str, Row] = {
    "L1": _row("a Spark job succeeds unrun", _C, "the script runs in the project's interpreter"),
    "L2": _row("a job without script succeeds", _C, "it fails"),
    "L3": _row("arguments as environment, minutes as seconds", _C, "argv; Timeout in minutes"),
    "L4": _row("MaxConcurrentRuns is not stored", _C, "ConcurrentRunsExceededException"),
    "L5": _row("a stopped run goes on", _C, "STOPPING, its process ends, STOPPED"),
    "L6": _row("scripts of one name share a file", _C, "each run has its own copy"),
    "L7": _row("every Lambda error has one name", _C, "the exception's class"),
    "L8": _row("a function that cannot run answers 200", _C, "an error; the project's interpreter"),
    "L9": _row("Athena reads everything below a table", _C, "the registered partitions"),
    "L10": _row(
        "Athena's text goes to DuckDB as it is",
        _S,
        "sqlglot turns names and casts; `/` between "
        "integers or decimals is still DuckDB's, and `puntual check` refuses it",
    ),
    "L11": _row("without DuckDB, Athena answers mock rows", _C, "checked before it starts"),
    "L12": _row("Retry without cap and jitter", _C, "the delays of the definition, scaled"),
    "L13": _row("the machine's TimeoutSeconds is ignored", _C, "TIMED_OUT, and its event"),
    "L14": _row("a timed-out task's job runs on", _C, "the job, or the query, is stopped"),
    "L15": _row("waits are scaled, timeouts are not", _S, "scenarios about timeouts run at 1"),
    "L16": _row("States.ALL matches States.Runtime", _C, "as aws.md E2-E5"),
    "L17": _row("a payload of any size passes", _C, "States.DataLimitExceeded above 256 KiB"),
    "L18": _row("names that lead nowhere are accepted", _C, "InvalidDefinition, in stacks too"),
    "L19": _row("ItemBatcher, ResultWriter, Assign ignored", _R, "InvalidDefinition"),
    "L20": _row(
        "history without Parallel's inside",
        _S,
        "assert on top-level states; a failed execution shows no output",
    ),
    "L21": _row("a cron's zone is ignored, no retry, no queue", _S, "schedules of tests are at(…)"),
    "L22": _row("context attributes stay as text; 10 s", _C, "filled in; swept every second"),
    "L23": _row("a changed schedule never fires", _C, "a change forgets when it fired"),
    "L24": _row("UpdatePartition is unknown", _R, "we use BatchUpdatePartition"),
    "L25": _row(
        "a split shard and its records vanish",
        _C,
        "the parent stays closed and readable, "
        "and names its children; SubscribeToShard is not used",
    ),
    "L26": _row("nothing is ever throttled", _C, "faults by file"),
    "L27": _row("AWS/States has no metrics", _C, "counted at each change of status"),
    "L28": _row("no role is checked", _S, "only an account shows it; templates are asserted"),
    "L29": _row("JSON filters of logs and metric filters", _S, "metrics are sent as metrics"),
    "L30": _row("updates of stacks are partial", _S, "a fresh stage for each session"),
    "L31": _row("http:invoke, aws-sdk:s3, aws-sdk:sesv2", _R, "loud; bodies only inside Lambdas"),
    "L32": _row("listens on 0.0.0.0:8883", _C, "IOT_MTLS_ENABLED=0"),
    "L33": _row("SIGKILL loses all but S3", _S, "kill tests kill our processes, not the stage"),
    **{f"L{number}": _row("", _O, _MOTO) for number in range(40, 53)},
    **{f"L{number}": _row("", _O, _OTHERS) for number in range(60, 66)},
}
"""Row → what became of it."""
