"""`puntual init`: a new report project from the shipped example, with data to try it on."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import click

import puntual
from puntual.cli import places, reading, text
from puntual.cli.options import json_option
from puntual.errors import ProjectError
from puntual.local.disk import translated

GENERATED = ("data", "inbox", "control", "out", "evidence", ".puntual", "__pycache__")


@click.command(name="init", help="Make a new report project, with data to try it on.")
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False))
@click.option("--data/--no-data", default=True, help="Also generate data (default: yes).")
@click.option("--seed", type=int, default=42, help="Seed of the data (default 42).")
@json_option
def command(folder: Path, data: bool, seed: int, as_json: bool) -> None:
    """Copy the example into a folder that is new or empty, and generate its data."""
    if folder.exists() and any(folder.iterdir()):
        raise ProjectError(
            "C1007",
            "the folder is not empty",
            where=str(folder),
            expected="a new or empty folder",
            observed=f"{sum(1 for _ in folder.iterdir())} entries",
            next_step="name another folder",
        )
    places.make_folder(folder)
    with translated(str(folder)):
        shutil.copytree(
            example(), folder, ignore=shutil.ignore_patterns(*GENERATED), dirs_exist_ok=True
        )
    if data:
        generator = str(folder / "generate.py")
        subprocess.run(  # noqa: S603 - the generator that was just copied from this package
            [sys.executable, generator, "--seed", str(seed), "--into", str(folder)],
            check=True,
            stdout=subprocess.DEVNULL,
        )
    made = reading.read(folder)
    counts = {
        "reports": len(made.reports),
        "contracts": len(made.contracts),
        "checks": len(made.checks),
        "controls": len(made.controls),
    }
    if as_json:
        text.envelope("init", {"folder": str(folder)} | {k: str(v) for k, v in counts.items()})
        return
    text.say(" ● " + ", ".join(f"{n} {what}" for what, n in counts.items()))
    text.say(f"   next: cd {folder} && puntual check && python demo.py")


def example() -> Path:
    """Return the folder of the shipped example, in a wheel or in a checkout."""
    package = Path(puntual.__file__).parent
    shipped = package / "cli" / "example"
    return shipped if shipped.is_dir() else package.parents[1] / "examples" / "credit-report"
