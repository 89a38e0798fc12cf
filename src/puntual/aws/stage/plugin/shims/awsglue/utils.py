"""Arguments of a Glue script, as `awsglue.utils` reads them."""

from __future__ import annotations


class GlueArgumentError(Exception):
    """An argument that the script asks for was not given."""


def getResolvedOptions(argv: list[str], options: list[str]) -> dict[str, str]:  # noqa: N802
    """
    Return the named arguments of `--name value` and `--name=value` words.

    Raises:
        GlueArgumentError: One that is asked for is not there.
    """
    given: dict[str, str] = {}
    for at, word in enumerate(argv):
        if word.startswith("--"):
            name, equals, value = word[2:].partition("=")
            following = argv[at + 1] if at + 1 < len(argv) else ""
            given[name] = value if equals else following
    if missing := [name for name in options if name not in given]:
        raise GlueArgumentError(f"the following arguments are required: {', '.join(missing)}")
    return {name: given[name] for name in options}
