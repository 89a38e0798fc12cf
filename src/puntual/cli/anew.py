"""`puntual run --from STEP`: it is of one day."""

from __future__ import annotations

import click

from puntual.cli.day import Owed


def one_day_of(owed: tuple[Owed, ...]) -> Owed:
    """
    Return the one day that a checkpoint is of.

    Raises:
        click.BadParameter: There are more, or none.
    """
    if len(owed) != 1:
        raise click.BadParameter(
            f"a checkpoint is of one reference date, and -d names {len(owed)}", param_hint="--from"
        )
    return owed[0]
