"""Reads `puntual.yaml`, with the overrides of an environment."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from puntual.model.contract import Measure
from puntual.model.policy import Roles
from puntual.model.project import AWS, LOCAL, WarehouseSettings
from puntual.model.route import Route
from puntual.model.run import RunSettings
from puntual.model.source import DatabaseSource, Source
from puntual.project.complaints import Complaints, suggest
from puntual.project.contracts import read_measures
from puntual.project.files import SourceFile
from puntual.project.notices import read_routes
from puntual.project.policies import read_roles
from puntual.project.runs import read_run
from puntual.project.section import IDENTIFIER, Section, check_name
from puntual.project.sources import check_secret, read_source
from puntual.project.yaml import Entry, Mapping, Node, Scalar
from puntual.project.zones import is_zone, zone_names

FILE = "puntual.yaml"
_OVERRIDES = frozenset({"sources", "warehouse", "notices"})
PLACES = (LOCAL, AWS)


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelSettings:
    """What `puntual.yaml` promises of a model, and where it says so."""

    section: Section
    key: tuple[str, ...] = ()
    measures: tuple[Measure, ...] = ()
    carries: str | None = None
    filters: Section | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """`puntual.yaml`, read."""

    top: Section
    name: str
    time_zone: str
    sources: dict[str, Source]
    source_sections: dict[str, Section]
    models: dict[str, ModelSettings] = field(default_factory=dict)
    warehouse: WarehouseSettings
    warehouse_section: Section | None
    run: RunSettings
    run_section: Section | None
    notices: tuple[Route, ...] = ()
    roles: Roles = field(default_factory=dict)
    place: str = LOCAL
    environments: dict[str, str] = field(default_factory=dict)


def read_settings(
    node: Node, source: SourceFile, complaints: Complaints, env: str | None
) -> Settings | None:
    """
    Read `puntual.yaml` as it is in one environment; check it in every other one as well.

    Args:
        node: The file's tree.
        source: The file.
        complaints: Where what is wrong goes.
        env: The environment; None for the file as it stands.
    """
    base = Section(node, source, complaints, FILE)
    if base.broken:
        return None
    environments = base.sections("environments", "environment", needed=False)
    if env is not None and env not in environments:
        hint = suggest(env, environments)
        message = f"unknown environment '{env}'"
        base.complain("C1012", message, base.key_spot("environments"), hint=hint)
    places = {name: _place(name, section) for name, section in environments.items()}
    for name, section in environments.items():
        if name != env and not section.broken:
            mapping = _override(base.mapping, section.mapping)
            _read(mapping, source, complaints, places[name])
    chosen = environments.get(env) if env is not None else None
    mapping = _override(base.mapping, chosen.mapping) if chosen else base.mapping
    read = _read(mapping, source, complaints, places[env] if chosen and env else LOCAL)
    return replace(read, environments=places)


def _place(name: str, section: Section) -> str:
    """Return where an environment runs, and complain about keys that it may not override."""
    place = section.one_of("kind", PLACES, LOCAL)
    for entry in section.mapping.entries:
        if entry.key.text not in _OVERRIDES | {"kind"}:
            hint = suggest(entry.key.text, _OVERRIDES | {"kind"})
            message = (
                f"an environment may override sources, warehouse and notices, not this: {name}"
            )
            section.complain("C1008", message, entry.key, hint=hint)
    return place


def _read(mapping: Mapping, source: SourceFile, complaints: Complaints, place: str) -> Settings:
    top = Section(mapping, source, complaints, FILE)
    top.asked.append("environments")
    name = top.text("name")
    zone = top.text("time_zone")
    if zone and not is_zone(zone):
        hint = suggest(zone, zone_names())
        top.complain("C1015", f"unknown time zone '{zone}'", "time_zone", hint=hint)
    sections = top.sections("sources", "source")
    if not sections and isinstance(top.mapping.get("sources"), Mapping):
        top.complain("C1011", "'sources' is empty", "sources")
    read = {n: s for n, part in sections.items() if (s := read_source(n, part)) is not None}
    models = {
        n: _model(part, n) for n, part in top.sections("models", "model", needed=False).items()
    }
    section = top.section("warehouse", "'warehouse'")
    warehouse = _warehouse(section, place) if section is not None else _NOWHERE
    if place == AWS:
        _reachable(read, sections)
    run_section = top.section("run", "'run'", needed=False)
    run = read_run(run_section)
    notices = read_routes(top.sections("notices", "route", needed=False))
    roles = read_roles(top)
    top.done()
    return Settings(
        top=top,
        name=name,
        time_zone=zone,
        sources=read,
        source_sections=sections,
        models=models,
        warehouse=warehouse,
        warehouse_section=section,
        run=run,
        run_section=run_section,
        notices=notices,
        roles=roles,
        place=place,
    )


_NOWHERE = WarehouseSettings(kind="duckdb", location="", tables=())


def _model(section: Section, name: str) -> ModelSettings:
    check_name(section, name, section.node)
    settings = ModelSettings(
        section=section,
        key=section.names("key", ()),
        measures=read_measures(section, None),
        carries=section.optional_text("carries"),
        filters=section.section("filters", "'filters'", needed=False),
    )
    section.done()
    return settings


def _reachable(sources: dict[str, Source], sections: dict[str, Section]) -> None:
    """Complain about sources that lie on one machine, which nothing on AWS can read."""
    for name, source in sources.items():
        if isinstance(source, DatabaseSource) and source.connection.startswith("sqlite:"):
            message = f"source '{name}' is a file of one machine, which nothing on AWS can read"
            hint = "give the environment a connection of its own: env:NAME"
            sections[name].complain("C1011", message, "connection", hint=hint)


def _warehouse(section: Section, place: str) -> WarehouseSettings:
    kind = section.one_of("kind", ("duckdb", "postgresql", "redshift"))
    if kind and (kind == "redshift") != (place == AWS):
        message = "an environment of kind aws loads Redshift, and no other environment does"
        section.complain("C1011", message, "kind", hint="kind: redshift in environments: of AWS")
    location = section.text("location")
    secret = check_secret(section, "location", location)
    url = location.startswith(("postgresql://", "postgres://", "env:"))
    if kind == "postgresql" and location and not url and not secret:
        message = "'location' of postgresql must be postgresql://… or env:NAME"
        section.complain("C1011", message, "location")
    if kind == "redshift" and location and not IDENTIFIER.fullmatch(location) and not secret:
        section.complain("C1011", "'location' of redshift must be its database's name", "location")
    if kind == "duckdb" and "://" in location and not secret:
        section.complain("C1011", "'location' of duckdb must be a path or env:NAME", "location")
    tables = section.names("tables")
    section.done()
    return WarehouseSettings(kind=kind, location=location, tables=tuple(sorted(tables)))


def _override(base: Mapping, over: Mapping) -> Mapping:
    """
    Replace keys of sources and of the warehouse.

    A source of another kind, and a route of notices, is replaced whole.
    """
    merged = base
    for section in over.entries:
        if section.key.text not in _OVERRIDES:
            continue
        old = merged.get(section.key.text)
        merged = _put(merged, section.key, _inside(section.key.text, old, section.value))
    return merged


def _inside(section: str, old: Node | None, new: Node) -> Node:
    if not (isinstance(old, Mapping) and isinstance(new, Mapping)):
        return new
    if section == "warehouse":
        return _join(old, new)
    for entry in new.entries:
        before = old.get(entry.key.text)
        value = entry.value
        joined = section == "sources" and not (isinstance(value, Mapping) and value.get("kind"))
        if joined and isinstance(before, Mapping) and isinstance(value, Mapping):
            value = _join(before, value)
        old = _put(old, entry.key, value)
    return old


def _join(old: Mapping, new: Mapping) -> Mapping:
    for entry in new.entries:
        old = _put(old, entry.key, entry.value)
    return old


def _put(mapping: Mapping, key: Scalar, value: Node) -> Mapping:
    kept = tuple(e for e in mapping.entries if e.key.text != key.text)
    place = value if isinstance(value, Mapping) else mapping
    return Mapping(
        entries=(*kept, Entry(key=key, value=value)), line=place.line, column=place.column
    )
