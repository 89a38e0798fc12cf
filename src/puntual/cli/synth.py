"""`puntual synth`: a project as one CloudFormation template and what travels with it."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from puntual.cli import reading, text
from puntual.cli.books import see_authority
from puntual.cli.options import json_option, project_option, root_of
from puntual.cli.places import state_folder
from puntual.errors import ProjectError
from puntual.model.check import Severity
from puntual.project.zones import zone

if TYPE_CHECKING:
    from puntual.infra.options import Options
    from puntual.infra.synth import Synthesised

F = TypeVar("F", bound=Callable[..., Any])
ENVIRONMENT = "aws"


def stack_options(command: F) -> F:
    """Add what a stack may be told beside its project."""
    for option in reversed(
        (
            click.option(
                "-e",
                "--env",
                default=ENVIRONMENT,
                show_default=True,
                help="The environment of puntual.yaml that functions and jobs read.",
            ),
            click.option(
                "--out",
                type=click.Path(path_type=Path, file_okay=False),
                default=None,
                help="Folder of template and assets (default: .puntual/aws/cdk.out).",
            ),
            click.option(
                "--layer",
                type=click.Path(path_type=Path, file_okay=False, exists=True),
                default=None,
                help="A folder whose python/ holds what functions need, made before.",
            ),
            click.option("--workers", type=click.IntRange(2, 299), default=None, help="Of a job."),
            click.option("--worker-type", default=None, help="Of a job: G.1X, G.2X, G.4X, …"),
            click.option(
                "--capacity",
                type=click.IntRange(4, 1024),
                default=None,
                help="Base capacity of Redshift Serverless, RPU.",
            ),
            click.option(
                "--scan-limit",
                type=click.IntRange(1),
                default=None,
                help="GiB that one Athena query may read.",
            ),
            click.option(
                "--evidence-days",
                type=click.IntRange(1),
                default=None,
                help="Days for which nobody can delete evidence; cannot be shortened later.",
            ),
            click.option(
                "--email",
                "emails",
                multiple=True,
                metavar="SEVERITY=ADDRESS",
                help="Who is written to: error=…, warn=… (repeatable).",
            ),
            click.option(
                "--timestamp-url",
                "authority",
                default=None,
                metavar="URL",
                help="Time stamp authority (RFC 3161) that every delivery is stamped by.",
            ),
            click.option("--mail-identity", default=None, help="What SES sends from."),
            click.option(
                "--streaming",
                is_flag=True,
                default=False,
                help="Land streams as they come, by a Glue streaming job.",
            ),
        )
    ):
        command = option(command)
    return command


@click.command(name="synth", help="Write the CloudFormation template of a project; no network.")
@project_option
@stack_options
@json_option
@click.pass_context
def command(
    ctx: click.Context,
    /,
    project: Path | None,
    env: str,
    out: Path | None,
    layer: Path | None,
    emails: tuple[str, ...],
    as_json: bool,
    **sizes: Any,
) -> None:
    """Write the template, the state machine in it checked, and what it names."""
    root = root_of(ctx, project)
    made = synthesised(root, out, env=env, layer=layer, options=options_of(env, emails, sizes))
    found = {
        "stack": made.stack,
        "template": str(made.template),
        "assets": str(made.assets),
    }
    if as_json:
        text.envelope("synth", found)
        return
    text.say(f" {made.stack}: {made.template}")
    text.say("  deploy it: puntual deploy; or with tools of your own, from that folder")


def options_of(env: str, emails: tuple[str, ...], sizes: Mapping[str, Any]) -> Options:
    """
    Return the options of a stack from those of a command; what was not said is as by default.

    Raises:
        ProjectError: C1604 the extra is missing; C1908 a time stamp authority without http.
        click.BadParameter: An address without a severity.
    """
    needed()
    from puntual.infra.options import GIB, Options

    addresses = {}
    for each in emails:
        severity, _, address = each.partition("=")
        if severity not in set(Severity) or not address:
            raise click.BadParameter(f"{each!r} is not such as error=ops@bank.example", None, None)
        addresses[severity] = address
    see_authority(sizes.get("authority") or "", "--timestamp-url")
    limit = sizes.get("scan_limit")
    chosen = {
        "worker_type": sizes.get("worker_type"),
        "workers": sizes.get("workers"),
        "base_capacity": sizes.get("capacity"),
        "scan_limit": limit * GIB if limit else None,
        "evidence_days": sizes.get("evidence_days"),
        "mail_identity": sizes.get("mail_identity"),
        "streaming": sizes.get("streaming"),
        "authority": sizes.get("authority"),
        "keys": sizes.get("keys"),
    }
    given = {name: value for name, value in chosen.items() if value is not None}
    return Options(environment=env, emails=addresses, **given)


def synthesised(
    root: Path, out: Path | None, *, env: str, layer: Path | None, options: Options
) -> Synthesised:
    """
    Write a project's template.

    Raises:
        ProjectError: C1000 the project is wrong; C1603; C1604 Node.js or an extra is missing.
    """
    read = reading.read(root, env or None)
    from puntual.infra.synth import synthesise

    place = out or state_folder(root) / "aws" / "cdk.out"
    return synthesise(read, root, place, zones=zone, options=options, layer=layer)


def needed() -> None:
    """
    Refuse where a template cannot be made.

    Raises:
        ProjectError: C1604.
    """
    missing = [name for name in ("aws_cdk", "boto3", "psycopg") if find_spec(name) is None]
    if shutil.which("node") is None:
        missing.append("node")
    if missing:
        raise ProjectError(
            "C1604",
            "a template cannot be made here",
            where="the environment that runs puntual",
            expected="the extras aws, infra and postgres, and Node.js on the PATH",
            observed=f"without {', '.join(missing)}",
            next_step="pip install 'puntual[aws,infra,postgres]'; Node.js 22 or newer",
        )
