"""The Glue job `land`: streams, files and extracts become immutable raw objects, and are sealed."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from puntual.aws.jobs.fetch import fanned
from puntual.aws.jobs.job import run
from puntual.aws.world import duckdb


def main(argv: Sequence[str] | None = None) -> int:
    """Do the steps that the machine orders; see `job.run`."""
    return run(argv, duckdb, fanned)


if __name__ == "__main__":
    code = main()
    if code:  # Glue takes any SystemExit for a failure, that of 0 as well
        sys.exit(code)
