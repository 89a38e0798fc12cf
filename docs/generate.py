"""
Write the pages of docs/reference that the program can write itself.

    python docs/generate.py            write them
    python docs/generate.py --check    write nothing; exit 1 if one of them is not up to date
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import click

from puntual.cli.main import COMMANDS, group
from puntual.infra.asl import machine
from puntual.infra.picture import mermaid
from puntual.model.codes import CODES, Code
from puntual.project.read import read_project

REFERENCE = Path(__file__).resolve().parent / "reference"
sys.path.insert(0, str(REFERENCE.parents[1]))  # run as a script, it sees its own folder only
from docs.catalogue import failures_page  # noqa: E402

FAMILIES = {
    "C": "Project and contract",
    "S": "Source and landing",
    "Q": "Quality",
    "R": "Reconciliation",
    "P": "Policy and decision",
    "L": "Layout",
    "D": "Delivery",
    "V": "Evidence",
    "T": "Technical",
}
MADE = "<!-- Made by docs/generate.py (`make docs`); edit the program, not this page. -->"


def codes_page() -> str:
    """Return the page of every message code, by family."""
    parts = [
        "# Message codes",
        MADE,
        "Every message has a stable code; `puntual explain CODE` says the same as this page.",
    ]
    for letter, title in FAMILIES.items():
        family = [CODES[code] for code in sorted(CODES) if code.startswith(letter)]
        if family:
            parts += [f"## {letter}: {title}", *(_code(code) for code in family)]
    return "\n\n".join(parts) + "\n"


def _code(code: Code) -> str:
    return f"### {code.code} {code.title}\n\n{code.meaning}\n\n**Repair:** {code.repair}"


def commands_page() -> str:
    """Return the page of every command with its arguments and options."""
    parts = [
        "# Commands",
        MADE,
        "`puntual --help` lists them, `puntual COMMAND --help` says what is on this page.",
    ]
    context = click.Context(group, info_name="puntual")
    for name in COMMANDS:
        command = group.get_command(context, name)
        if command is not None:
            parts += _command(f"puntual {name}", command, 2)
    return "\n\n".join(parts) + "\n"


def _command(path: str, command: click.Command, level: int) -> Iterator[str]:
    """Yield the sections of a command, and of those below it."""
    context = click.Context(command, info_name=path)
    usage = " ".join([path, *command.collect_usage_pieces(context)])
    yield f"{'#' * level} `{path}`"
    yield (command.help or "").strip()
    yield f"```\n{usage}\n```"
    rows = [row for p in command.get_params(context) if (row := _parameter(context, p))]
    if rows:
        yield "\n".join(["| option | |", "|---|---|", *rows])
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            below = command.get_command(context, name)
            if below is not None:
                yield from _command(f"{path} {name}", below, level + 1)


def machine_page() -> str:
    """Return the page that draws the example's state machine, from its own JSON."""
    project = read_project(REFERENCE.parents[1] / "examples" / "credit-report")
    definition = machine(project)
    worst = definition["TimeoutSeconds"]
    parts = [
        "# The state machine",
        MADE,
        "`puntual synth` compiles it from the plan; this is the example's. ⚙ is a Glue job, the "
        "rest are functions; a dotted way is an error that is left after the retries. Every task "
        f"has a timeout, the whole {worst} s, which is its worst case and a minute. "
        "[On AWS](aws.md) says what the states mean.",
        f"```mermaid\n{mermaid(definition)}```",
    ]
    return "\n\n".join(parts) + "\n"


def _parameter(context: click.Context, parameter: click.Parameter) -> str:
    """Return a table row for an option; "" for an argument and for `--help`."""
    record = parameter.get_help_record(context)
    if record is None or "--help" in parameter.opts or isinstance(parameter, click.Argument):
        return ""
    names, about = (text.replace("|", "\\|").replace("\n", " ") for text in record)
    return f"| `{names}` | {about} |"


def pages() -> dict[Path, str]:
    """Return every generated page with the text it should have."""
    return {
        REFERENCE / "codes.md": codes_page(),
        REFERENCE / "commands.md": commands_page(),
        REFERENCE / "failures.md": failures_page(MADE),
        REFERENCE / "state-machine.md": machine_page(),
    }


def main(arguments: list[str]) -> int:
    """Write or check the pages, and return the exit code."""
    if arguments not in ([], ["--check"]):
        print(__doc__, file=sys.stderr)
        return 2
    stale = 0
    for page, text in pages().items():
        if page.exists() and page.read_text(encoding="utf-8") == text:
            continue
        if arguments:
            print(f"{page.name} is not what the program says: run `make docs`", file=sys.stderr)
            stale = 1
        else:
            page.write_text(text, encoding="utf-8")
            print(f"wrote docs/reference/{page.name}")
    return stale


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
