"""
Compare two sides with puntual's own engines and print what differs, one key a line.

    python -m bench.reconcile.ours postgresql DSN LEFT RIGHT KEY
    python -m bench.reconcile.ours duckdb LEFT.parquet RIGHT.parquet KEY
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from puntual.checks.comparable import common_shape
from puntual.engines.compare.rows import compare
from puntual.ports.side import Side

MEMORY = "300MB"
"""Of each of the two sides; the process needs some 100 MB more."""


@contextmanager
def postgresql(dsn: str, left: str, right: str) -> Iterator[tuple[Side, Side]]:
    from puntual.engines.postgresql.side import open_side, table

    with (
        open_side(dsn, table(left), name=left) as one,
        open_side(dsn, table(right), name=right) as b,
    ):
        yield one, b


@contextmanager
def duckdb(left: str, right: str) -> Iterator[tuple[Side, Side]]:
    from puntual.engines.duckdb.session import Limits, open_session
    from puntual.engines.duckdb.side import files, open_side

    with ExitStack() as opened, tempfile.TemporaryDirectory() as folder:
        sides = []
        for path in (left, right):
            limits = Limits(memory=MEMORY)
            session = opened.enter_context(open_session(folder, limits=limits, zone="UTC"))
            sides.append(opened.enter_context(open_side(session, files((path,)), name=path)))
        yield sides[0], sides[1]


def main() -> int:
    kind, *given, key = sys.argv[1:]
    opened = postgresql(*given) if kind == "postgresql" else duckdb(*given)
    with opened as (left, right):
        shape = common_shape(left.types(), right.types(), key=(key,))
        found = compare(left, right, shape)
    print(json.dumps({"outcome": found.outcome, "rows": [found.left.rows, found.right.rows]}))
    for reason in found.reasons:
        print(json.dumps({"reason": f"{reason.code} {reason.message}: {reason.observed}"}))
    for difference in found.differences:
        print(json.dumps({"key": difference.key[0], "class": type(difference).__name__.lower()}))
    return 0 if not found.reasons else 1


if __name__ == "__main__":
    sys.exit(main())
