"""`python -m puntual` is the command `puntual`."""

from puntual.cli.main import entry

entry()
