"""
The `puntual` command: finds the sub-command, and turns every outcome into its exit code.

Sub-commands are imported only when they are called, so that `puntual --help` stays fast.
"""

from __future__ import annotations

import gc
import importlib
import io
import os
import signal
import sys
from pathlib import Path
from types import FrameType

import click

from puntual import __version__
from puntual.cli import text
from puntual.errors import ProjectError, PuntualError

COMMANDS: dict[str, tuple[str, str]] = {
    "init": ("puntual.cli.init", "Make a new report project, with data to try it on."),
    "check": ("puntual.cli.check", "Read the project and report every complaint at once."),
    "plan": ("puntual.cli.plan", "Say what a run would do, and why."),
    "land": ("puntual.cli.land", "Land what streams and folders have by now, before the run."),
    "run": ("puntual.cli.run", "Do the day: land, prove, load, report, deliver."),
    "status": ("puntual.cli.status", "What is owed and how it stands."),
    "ack": ("puntual.cli.ack", "Record what the receiver of a delivery answered, with its proof."),
    "notices": ("puntual.cli.notices", "What people were told, and what nobody has taken yet."),
    "watch": (
        "puntual.cli.watch",
        "Start each day's run at its hour; see what is late; tell people.",
    ),
    "explain": ("puntual.cli.explain", "Why a delivery is not full, or what a code means."),
    "reconcile": ("puntual.cli.reconcile", "Where rows and money fell out, hop by hop."),
    "exceptions": ("puntual.cli.exceptions", "What is missing or set aside, and why."),
    "policy": ("puntual.cli.policy", "The policies of partial delivery, and who approved them."),
    "sign": ("puntual.cli.sign", "Agree to a policy, or to a delivery that waits for it."),
    "deliver": ("puntual.cli.deliver", "Send what is made and approved."),
    "amend": ("puntual.cli.amend", "Make the next version of a delivery that was sent."),
    "diff": ("puntual.cli.diff", "What two versions of a delivery say differently."),
    "query": ("puntual.cli.query", "Ask the curated data with SQL."),
    "stream": ("puntual.cli.stream", "Make and feed an embedded stream."),
    "lineage": ("puntual.cli.lineage", "Where a column, or one number of a file, comes from."),
    "export": ("puntual.cli.export", "Write what ran in forms that other systems read."),
    "verify": ("puntual.cli.verify", "Recompute the evidence of a delivery, offline."),
    "key": ("puntual.cli.key", "Who may sign what: make, replace and end keys."),
    "ledger": ("puntual.cli.ledger", "What is on record, and proofs about it."),
    "replay": ("puntual.cli.replay", "Rebuild delivered days from raw and compare every byte."),
    "calendar": ("puntual.cli.calendar", "Show, pin and refresh the calendars of business days."),
    "drill": ("puntual.cli.drill", "Play a bad night on a copy of the example."),
    "doctor": ("puntual.cli.doctor", "Is this machine fit to deliver?"),
    "synth": ("puntual.cli.synth", "Write the CloudFormation template of a project; no network."),
    "deploy": ("puntual.cli.deploy", "Create or update a project's stack; see that it is there."),
    "aws": ("puntual.cli.aws", "AWS on this machine, to try what is deployed."),
}

RARELY = 50_000
"""Objects between two collections: importing makes many that stay, and a command is short."""

EXIT_PROJECT, EXIT_TECHNICAL, EXIT_BUG, EXIT_INTERRUPTED = 2, 3, 70, 130


class LazyGroup(click.Group):
    """A group that knows its commands' names and imports only the one that is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the commands in the order in which a day uses them."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import a command; None if there is none of that name."""
        if cmd_name not in COMMANDS:
            return None
        command = importlib.import_module(COMMANDS[cmd_name][0]).command
        assert isinstance(command, click.Command)  # noqa: S101 - our own modules
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands without importing one."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, about) for name, (_, about) in COMMANDS.items()])


@click.group(
    cls=LazyGroup,
    epilog="Exit codes: 0 delivered or nothing wrong · 1 business finding, held · 2 wrong project "
    "or call · 3 technical failure · 4 partial or emergency · 5 deadline missed · 6 waiting for a "
    "person · 70 a bug · 130 interrupted",
)
@click.option(
    "-C",
    "--project",
    type=click.Path(path_type=Path, file_okay=False),
    default=None,
    help="Folder of the report project (default: this folder).",
)
@click.version_option(__version__, prog_name="puntual")
@click.pass_context
def group(ctx: click.Context, project: Path | None) -> None:
    """Regulatory reports, on time and provably right."""
    ctx.obj = project


class Pressed:
    """
    Raises KeyboardInterrupt on Ctrl-C, and keeps in mind that it did.

    DuckDB turns an interrupt in the middle of a query into an error of its own.
    """

    def __init__(self) -> None:
        self.ever = False

    def __call__(self, signum: int, frame: FrameType | None) -> None:
        """Take the signal."""
        self.ever = True
        raise KeyboardInterrupt


def main(argv: list[str] | None = None, pressed: Pressed | None = None) -> int:
    """
    Run the command line and return its exit code (design 7).

    Args:
        argv: Arguments after the program's name; None: the process's own.
        pressed: Knows whether Ctrl-C was pressed; None: only what is raised tells.
    """
    arguments = sys.argv[1:] if argv is None else argv
    wants_json = "--json" in arguments
    try:
        # click answers with the code that a command gave to `ctx.exit`; commands return nothing
        try:
            from puntual.local.disk import machine_faults

            with machine_faults("this command"):
                code = group.main(args=arguments, prog_name="puntual", standalone_mode=False)
        except (PuntualError, RuntimeError) as raised:
            if pressed is not None and pressed.ever:
                raise KeyboardInterrupt from raised
            raise
    except click.ClickException as wrong:
        return _wrong_call(wrong, wants_json)
    except (KeyboardInterrupt, click.Abort):
        text.complain("interrupted; run again: it continues from what is committed")
        return EXIT_INTERRUPTED
    except ProjectError as error:
        text.fault(error, wants_json)
        return EXIT_PROJECT
    except PuntualError as error:
        text.fault(error, wants_json)
        return EXIT_TECHNICAL
    except BrokenPipeError:
        sys.stderr.close()
        return EXIT_TECHNICAL
    except SystemExit:
        return EXIT_TECHNICAL  # click's answer to a reader that went away is 1, a finding
    except Exception:  # noqa: BLE001 - the one place where a bug becomes its exit code
        import traceback

        traceback.print_exc()
        text.complain("this is a bug in puntual; nothing was taken for right that was not proven")
        return EXIT_BUG
    return code if isinstance(code, int) else 0


def _wrong_call(wrong: click.ClickException, wants_json: bool) -> int:
    if isinstance(wrong, click.exceptions.NoArgsIsHelpError):
        click.echo(wrong.ctx.get_help() if wrong.ctx else wrong.format_message())
        return EXIT_PROJECT
    error = ProjectError(
        "C1001", wrong.format_message(), next_step="puntual --help, or puntual COMMAND --help"
    )
    text.fault(error, wants_json)
    return EXIT_PROJECT


def entry() -> None:
    """Run as a console script; Ctrl-C ends it with its exit code, also while it shuts down."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a character it cannot write is no bug of ours
            stream.reconfigure(errors="backslashreplace")
    gc.set_threshold(RARELY)
    pressed = Pressed()
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, pressed)
    try:
        code = main(pressed=pressed)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
    except KeyboardInterrupt:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        code = EXIT_INTERRUPTED
    except OSError:
        code = EXIT_TECHNICAL  # what went wrong could not be told; and 1 would be a finding
    sys.exit(code if _told() else max(code, EXIT_TECHNICAL))


def _told() -> bool:
    """Write out what was said; False, and silence for good, where nobody takes it."""
    told = True
    for stream in (s for s in (sys.stdout, sys.stderr) if not s.closed):
        try:
            stream.flush()
        except OSError:
            told = False
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
    return told


if __name__ == "__main__":
    entry()
