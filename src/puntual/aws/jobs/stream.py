"""
The Glue streaming job: streams are landed as they come, so that the day's run only catches up.

It is the day's own landing in small rounds: each record is landed once, by its position, which
is published together with the records. So there is no checkpoint of Structured Streaming, which
would be a second truth beside it, and a round that dies is done again by whoever lands next.
A round holds the run's lease while it lands; while a run has it, the run lands.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from puntual.aws.settings import Settings
from puntual.aws.world import RUN, Place, deployed, duckdb, opened
from puntual.errors import TransientError
from puntual.model.project import Project
from puntual.model.source import StreamSource
from puntual.project.zones import zone

EVERY = 60
"""Seconds between two rounds."""

HOLDER = "the streaming job"


def main(argv: Sequence[str] | None = None, *, sleep: Callable[[float], None] = time.sleep) -> int:
    """
    Land in rounds until the process is stopped.

    Args:
        argv: `--settings JSON --every SECONDS --rounds NUMBER`; 0 rounds are endless.
        sleep: Waits some seconds.

    Raises:
        PermanentError: What waiting does not heal; Glue starts the job again, or somebody does.
        EvidenceError: Bytes are not what was recorded.
    """
    parser = argparse.ArgumentParser(allow_abbrev=False)
    parser.add_argument("--settings", default="{}")
    parser.add_argument("--every", type=int, default=EVERY)
    parser.add_argument("--rounds", type=int, default=0)
    known, _ = parser.parse_known_args(sys.argv[1:] if argv is None else argv)
    told = {**os.environ, **json.loads(known.settings)}
    settings = Settings.from_environment(told)
    done = 0
    with deployed(settings) as project:
        while True:
            with opened(settings, project, duckdb, environment=told) as place:
                landed = land_round(place, project)
            sys.stdout.write(json.dumps({"event": "round", "landed": landed}) + "\n")
            sys.stdout.flush()
            done += 1
            if done == known.rounds:
                return 0
            sleep(known.every)


def land_round(place: Place, project: Project) -> list[str]:
    """
    Land what every stream has now, and return which were landed.

    What may pass by waiting, a lease that a run holds among it, is left to the next round.

    Raises:
        PermanentError: S1101, S1109, T1001-T1003, T2001, T3001, T5004-T5008.
        EvidenceError: V1001, V1002, V2001, V2002.
    """
    landed: list[str] = []
    today = datetime.now(UTC).astimezone(zone(project.time_zone)).date()
    streams = [s for s in project.sources.values() if isinstance(s, StreamSource)]
    try:
        with place.lease(HOLDER).acquire(RUN) as lease:
            for source in streams:
                place.landing.read_on(source, today, epoch=lease.epoch)
                landed.append(source.name)
    except TransientError as fault:
        sys.stderr.write(f"{fault.code} {fault.message}\n")
    return landed


if __name__ == "__main__":
    main()
