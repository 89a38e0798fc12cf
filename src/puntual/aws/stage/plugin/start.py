"""
Start the stage: `python start.py serve|check|sweep FOLDER`, in the stage's own interpreter.

It makes `puntual` importable by its place alone. With the folder above on the search path, the
project's packages would come in as well, and ministack needs a botocore of its own.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
COMMANDS = ("serve", "check", "sweep")


def placed(name: str, root: Path) -> None:
    """Import the package that lies in a folder, without its neighbours."""
    spec = importlib.util.spec_from_file_location(
        name, root / "__init__.py", submodule_search_locations=[str(root)]
    )
    if spec is None or spec.loader is None:
        raise SystemExit(f"no package {name} in {root}")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)


def main(words: list[str]) -> int:
    """Run one command; what it returns is the exit code."""
    if not words or words[0] not in COMMANDS:
        raise SystemExit(f"usage: start.py {'|'.join(COMMANDS)} FOLDER")
    placed("puntual", ROOT)
    command = importlib.import_module(f"puntual.aws.stage.plugin.{words[0]}")
    return int(command.main(words[1:]))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
