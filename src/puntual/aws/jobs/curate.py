"""The Glue job `curate`: raw days are parsed by their contracts and models are built, by Spark."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from puntual.aws.jobs.job import run
from puntual.aws.spark import spark


def main(argv: Sequence[str] | None = None) -> int:
    """Do the steps that the machine orders; see `job.run`."""
    return run(argv, spark)


if __name__ == "__main__":
    code = main()
    if code:  # Glue takes any SystemExit for a failure, that of 0 as well
        sys.exit(code)
