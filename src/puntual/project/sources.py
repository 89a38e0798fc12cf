"""Reads the sources of `puntual.yaml`: stream, files or database, and how each vouches."""

from __future__ import annotations

import re

from puntual.model.source import (
    Control,
    ControlFile,
    ControlSnapshot,
    DatabaseSource,
    FileSource,
    Marker,
    NoControl,
    Settled,
    Source,
    StreamSource,
)
from puntual.project.patterns import placeholder_errors
from puntual.project.queries import parameter_errors
from puntual.project.section import Section, check_name
from puntual.project.snippets import from_key
from puntual.project.yaml import Mapping

_DATE = frozenset({"reference_date"})
_CONNECTION = re.compile(r"sqlite:.+|postgres(ql)?://\S+|env:[A-Za-z_][A-Za-z0-9_]*")
_PASSWORD = re.compile(r"://[^/@\s:]*:[^/@\s]+@|[?&](ssl)?password=", re.IGNORECASE)
_TABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)?")


def read_source(name: str, section: Section) -> Source | None:
    """Read one source; None when its kind is unknown or its name cannot be used."""
    if section.broken or not check_name(section, name, section.node):
        return None
    kind = section.one_of("kind", ("stream", "files", "database"))
    source: Source | None = None
    if kind == "stream":
        control = _control(section, kind)
        source = StreamSource(name=name, stream=section.text("stream"), control=control)
    elif kind == "files":
        source = _files(name, section)
    elif kind == "database":
        source = _database(name, section)
    if kind:
        section.done()
    return source


def check_pattern(section: Section, key: str, text: str) -> None:
    """Complain about a path whose placeholders are not `{reference_date:%Y%m%d}`."""
    for why in placeholder_errors(text, _DATE) if text else ():
        section.complain("C1016", why, key)


def check_secret(section: Section, key: str, text: str) -> bool:
    """Complain about a password in a connection; its line is not shown."""
    if not _PASSWORD.search(text):
        return False
    message = f"'{key}' holds a password; secrets are references: env:NAME"
    section.complaints.add(
        "C1020", message, section.source, section.spot(key), hint="use env:NAME", secret=True
    )
    return True


def _files(name: str, section: Section) -> FileSource:
    pattern = section.text("path")
    check_pattern(section, "path", pattern)
    complete = section.section("complete", "'complete'")
    whole: Marker | Settled = Settled(seconds=0)
    if complete is not None and not complete.broken:
        if complete.has("marker") == complete.has("settled"):
            message = "'complete' needs exactly one of marker and settled"
            complete.complain("C1011", message)
        elif complete.has("marker"):
            whole = Marker(suffix=complete.text("marker"))
        else:
            whole = Settled(seconds=complete.integer("settled", high=86_400))
        complete.done()
    return FileSource(
        name=name, pattern=pattern, complete=whole, control=_control(section, "files")
    )


def _database(name: str, section: Section) -> DatabaseSource:
    connection = section.text("connection")
    secret = check_secret(section, "connection", connection)
    if connection and not secret and not _CONNECTION.fullmatch(connection):
        message = "'connection' must be sqlite:PATH, postgresql://… or env:NAME"
        section.complain("C1011", message, "connection")
    query = ""
    if section.has("table") == section.has("query"):
        section.complain("C1011", f"{section.what} needs exactly one of query and table")
    elif section.has("query"):
        snippet = from_key(section, "query")
        if snippet is not None:
            query = snippet.text.strip()
            parameter_errors(snippet, section.complaints)
    else:
        query = _table(section)
    return DatabaseSource(
        name=name,
        connection=connection,
        query=query,
        control=_control(section, "database"),
        may_be_empty=section.boolean("may_be_empty", default=False),
    )


def _table(section: Section) -> str:
    table = section.text("table")
    if not _TABLE.fullmatch(table):
        section.complain("C1013", f"'{table}' is no table name: name or schema.name", "table")
        return ""
    return "SELECT * FROM " + ".".join(f'"{part}"' for part in table.split("."))


def _control(section: Section, kind: str) -> Control:
    nothing = NoControl(reason="")
    if not isinstance(section.mapping.get("control"), Mapping):
        word = section.text("control")
        if word == "snapshot" and kind == "database":
            return ControlSnapshot()
        if word:
            possible = "{file: PATTERN} or {none: reason}"
            possible = f"snapshot, {possible}" if kind == "database" else possible
            message = f"'control' of {kind} must be {possible}"
            section.complain("C1011", message, "control")
        return nothing
    inner = section.section("control", "'control'")
    if inner is None:
        return nothing
    control: Control = nothing
    if inner.has("file") == inner.has("none"):
        inner.complain("C1011", "'control' needs exactly one of file and none")
    elif inner.has("file"):
        control = ControlFile(pattern=inner.text("file"))
        check_pattern(inner, "file", inner.text("file"))
    else:
        control = NoControl(reason=inner.text("none"))
    inner.done()
    return control
