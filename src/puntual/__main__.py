"""`python -m puntual`: the same as the command `puntual`."""

from puntual.cli.main import entry

if __name__ == "__main__":
    entry()
