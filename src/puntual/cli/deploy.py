"""`puntual deploy`: a project's stack, created or updated where the environment leads to."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import click

from puntual.cli import reading, text
from puntual.cli.founded import found
from puntual.cli.key import key_file, root_key_option, root_passphrase_option
from puntual.cli.options import json_option, project_option, root_of
from puntual.cli.places import state_folder
from puntual.cli.synth import options_of, stack_options, synthesised
from puntual.errors import ProjectError
from puntual.evidence import trust
from puntual.evidence.trust import Role


@click.command(
    name="deploy",
    help="Create or update a project's stack on AWS, or on the stage of `puntual aws local up`.",
)
@project_option
@stack_options
@click.option(
    "--dependencies",
    is_flag=True,
    default=False,
    help="Fetch what functions need into the layer (an account needs it; a stage has it).",
)
@click.option(
    "--new-key",
    "new_keys",
    type=click.Choice([Role.PIPELINE.value, Role.LOG.value]),
    multiple=True,
    help="Make one more KMS key for a role; `puntual key rotate` has it sign.",
)
@root_key_option
@root_passphrase_option
@json_option
@click.pass_context
def command(
    ctx: click.Context,
    /,
    project: Path | None,
    env: str,
    out: Path | None,
    layer: Path | None,
    dependencies: bool,
    emails: tuple[str, ...],
    new_keys: tuple[str, ...],
    root_key: Path | None,
    root_passphrase: str,
    as_json: bool,
    **sizes: Any,
) -> None:
    """Synthesise, upload, apply, and ask every service for what it should have."""
    root = root_of(ctx, project)
    keys = _keys(reading.read(root, env).name, new_keys)
    options = options_of(env, emails, {**sizes, "keys": keys})
    if dependencies and layer is None:
        from puntual.infra.layer import fetch
        from puntual.project.requirements import requirements

        text.complain("fetching what functions need")
        layer = fetch(requirements(), state_folder(root) / "aws" / "layer")
    made = synthesised(root, out, env=env, layer=layer, options=options)
    from puntual.aws.deployer import deploy

    done = deploy(made.stack, made.template, made.assets, say=text.complain)
    by = key_file(root_key, root_passphrase)
    trusted = found(root, made.project, done.settings, by)
    fingerprint = trust.fingerprint(trusted.current.root)
    if trusted.begun:
        text.complain(f" ! trust file 1 of {trusted.current.origin} was signed by the root key")
        text.complain(f"   hand its fingerprint over on paper: {fingerprint}")
        text.complain("   and move .puntual/keys/root.pem away (then: --root-key FILE)")
    for role in trusted.waiting:
        text.complain(f" ! a new key of {role.value} is deployed, and signs nothing yet")
        text.complain(f"   {text.in_env(f'key rotate {role.value}', env)} has it sign")
    if as_json:
        text.envelope(
            "deploy",
            {
                "stack": done.stack,
                "changed": done.changed,
                "resources": {kind: list(names) for kind, names in done.resources.items()},
                "settings": dict(done.settings),
                "trust": {
                    "origin": trusted.current.origin,
                    "version": str(trusted.current.version),
                    "root": fingerprint,
                },
            },
        )
        return
    for name, value in done.settings.items():
        text.say(f"export {name}={value}")


def _keys(project: str, more: Iterable[str]) -> dict[str, int]:
    """
    Return how many keys the roles have: as many as are deployed, and those that are made now.

    Raises:
        TransientError: T5001, T5002.
        PermanentError: T5004-T5009.
    """
    from puntual.aws.clients import client
    from puntual.aws.deployment import settings_of

    try:
        found = settings_of(project, client("lambda")).signers
    except ProjectError:
        found = {}  # its first deployment
    made = Counter({role: len(keys) for role, keys in found.items()})
    made.update(more if found else ())
    return made
