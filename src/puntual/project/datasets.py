"""The datasets of a day as SQL sees them: contracts' tables, then models in their order."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from puntual.model.contract import Contract, Kind
from puntual.model.project import Filter, Model
from puntual.project.complaints import Complaints, suggest
from puntual.project.files import Folder
from puntual.project.projections import (
    FLOAT,
    Columns,
    output_errors,
    resolve,
    resolve_expression,
)
from puntual.project.queries import Parsed, parse, parse_expression, read_tables
from puntual.project.section import IDENTIFIER, NAME, Section, check_name
from puntual.project.settings import ModelSettings
from puntual.project.snippets import from_file, from_key

ORIGIN = {"_object": Kind.TEXT.value, "_position": Kind.INTEGER.value}
NUMBERS = frozenset({Kind.INTEGER.value, Kind.DECIMAL.value})


@dataclass(frozen=True, slots=True, kw_only=True)
class Datasets:
    """
    Every curated dataset.

    Attributes:
        columns: Dataset → its columns; None when they cannot be told.
        models: In dependency order.
        broken: Those whose file could not be read; what rests on them is not complained about.
    """

    columns: dict[str, Columns | None] = field(default_factory=dict)
    models: dict[str, Model] = field(default_factory=dict)
    broken: set[str] = field(default_factory=set)

    def keeps_origin(self, dataset: str) -> bool:
        """Return whether its rows are known to keep `_object` and `_position`."""
        if dataset in self.broken:
            return True
        columns = self.columns.get(dataset)
        return columns is not None and ORIGIN.keys() <= columns.keys()

    def tables(self, names: Iterable[str]) -> dict[str, Columns | None]:
        """Return the warehouse tables of datasets, each with `reference_date` in front."""
        found: dict[str, Columns | None] = {}
        for name in names:
            columns = self.columns.get(name)
            day = {"reference_date": Kind.DATE.value}
            found[name] = None if columns is None else {**day, **columns}
        return found


def contract_columns(contract: Contract) -> Columns:
    """Return a contract's columns as SQL sees them, with the origin of each row."""
    return {c.name: c.type.kind.value for c in contract.columns} | ORIGIN


def read_models(
    folder: Folder,
    contracts: dict[str, Contract],
    settings: dict[str, ModelSettings],
    complaints: Complaints,
    *,
    unread: frozenset[str] = frozenset(),
) -> Datasets:
    """
    Read `models/*.sql` and put them in an order in which each finds its inputs.

    Args:
        folder: The project.
        contracts: By dataset.
        settings: What `puntual.yaml` says of the models.
        complaints: Where what is wrong goes.
        unread: Datasets that exist and whose contract could not be read.
    """
    datasets = Datasets()
    datasets.broken.update(unread)
    datasets.columns.update(dict.fromkeys(unread))
    datasets.columns.update({name: contract_columns(c) for name, c in contracts.items()})
    parsed, broken = _parse_all(folder, contracts, complaints)
    for name, model in settings.items():
        if name not in parsed and name not in broken:
            hint = suggest(name, [*parsed, *broken])
            message = f"there is no model 'models/{name}.sql'"
            model.section.complain("C1012", message, hint=hint)
    datasets.broken.update(broken)
    datasets.columns.update(dict.fromkeys(broken))
    for name in _ordered(parsed, complaints):
        _model(name, parsed, settings.get(name), datasets, complaints, contracts)
    return datasets


def _parse_all(
    folder: Folder, contracts: dict[str, Contract], complaints: Complaints
) -> tuple[dict[str, Parsed], set[str]]:
    parsed: dict[str, Parsed] = {}
    broken: set[str] = set()
    for path in folder.names("models"):
        if not path.endswith(".sql"):
            continue
        name = path.removeprefix("models/").removesuffix(".sql")
        source, refused = folder.read(path)
        if refused:
            complaints.add(refused.code, f"the model {refused.message}", source)
        elif not NAME.fullmatch(name):
            complaints.add("C1013", f"model name '{name}' does not match ^{NAME.pattern}$", source)
        elif name in contracts:
            complaints.add("C1303", f"'{name}' is a source's dataset and a model", source)
        elif found := parse(from_file(source), complaints):
            parsed[name] = found
            continue
        broken.add(name)
    return parsed, broken - contracts.keys()


def _ordered(parsed: dict[str, Parsed], complaints: Complaints) -> tuple[str, ...]:
    """Sort models so that each stands after those it reads; complain about a cycle."""
    ordered: list[str] = []
    waiting = {n: {t for t in p.tables if t in parsed} for n, p in sorted(parsed.items())}
    while waiting:
        ready = [n for n, needs in waiting.items() if needs <= set(ordered)]
        if not ready:
            _cycle(waiting, parsed, complaints)
            return (*ordered, *waiting)
        ordered += ready
        waiting = {n: needs for n, needs in waiting.items() if n not in ready}
    return tuple(ordered)


def _cycle(waiting: dict[str, set[str]], parsed: dict[str, Parsed], complaints: Complaints) -> None:
    name = next(iter(waiting))
    path = [name]
    while (name := min(waiting[name] & waiting.keys())) not in path:
        path.append(name)
    path = [*path[path.index(name) :], name]
    snippet = parsed[name].snippet
    snippet.complain(complaints, "C1207", f"models form a cycle: {' → '.join(path)}", snippet.at(0))


def _model(
    name: str,
    parsed: dict[str, Parsed],
    settings: ModelSettings | None,
    datasets: Datasets,
    complaints: Complaints,
    contracts: dict[str, Contract],
) -> None:
    found = parsed[name]
    known = {**dict.fromkeys(parsed), **datasets.columns}
    query = resolve(found, known, complaints, what="dataset")
    output_errors(query, complaints)
    for column in query.columns or ():
        if column[0] != " " and column not in ORIGIN and not NAME.fullmatch(column):
            message = f"column name '{column}' does not match ^{NAME.pattern}$"
            found.snippet.complain(complaints, "C1013", message, found.snippet.at(0))
    datasets.columns[name] = query.columns
    if set(found.tables) & datasets.broken or not known.keys() >= set(found.tables):
        datasets.broken.add(name)
    source = found.snippet.source
    if settings is not None:
        _promises(settings, query.columns)
        _carries(name, settings, parsed, contracts, datasets)
    datasets.models[name] = Model(
        name=name,
        file=source.path,
        sql=found.sql,
        inputs=tuple(t for t in found.tables if t in known and t != name),
        key=settings.key if settings else (),
        measures=settings.measures if settings else (),
        carries=settings.carries if settings else None,
        filters=_filters(settings, datasets) if settings else (),
        digest=source.sha256,
    )


def _promises(settings: ModelSettings, columns: Columns | None) -> None:
    """Complain about key and measures that the model does not have."""
    if columns is None:
        return
    section = settings.section
    for column, spot in zip(settings.key, section.item_spots("key"), strict=False):
        if column not in columns:
            hint = suggest(column, columns)
            message = f"the model has no column '{column}'"
            section.complain("C1209", message, spot, hint=hint)
    measures = Section(section.node, section.source, section.complaints, section.what)
    items = {i.text("column"): i for i in measures.items("measures", "", needed=False)}
    for measure in settings.measures:
        item = items[measure.column]
        check_number(item, "column", measure.column, columns, "the model")


def check_number(
    section: Section, key: str, column: str, columns: Columns | None, owner: str
) -> None:
    """Complain about a column that is not there, or is not an exact number."""
    if columns is None:
        return
    if column not in columns:
        message = f"{owner} has no column '{column}'"
        section.complain("C1209", message, key, hint=suggest(column, columns))
    elif columns[column] == FLOAT:
        message = f"column '{column}' is a floating-point number, which is not exact"
        section.complain("C1109", message, key, hint="cast it to DECIMAL(p,s) in its SQL")
    elif columns[column] and columns[column] not in NUMBERS:
        message = f"column '{column}' is {columns[column]}, not a number"
        section.complain("C1109", message, key)


def _carries(
    name: str,
    settings: ModelSettings,
    parsed: dict[str, Parsed],
    contracts: dict[str, Contract],
    datasets: Datasets,
) -> None:
    carried, section = settings.carries, settings.section
    if carried is None:
        return
    if carried not in contracts and carried not in datasets.columns:
        message = f"unknown dataset '{carried}'"
        section.complain("C1012", message, "carries", hint=suggest(carried, contracts))
        return
    reads, todo = set(), [name]
    while todo:
        for table in parsed[todo.pop()].tables:
            if table not in reads:
                reads.add(table)
                todo += [table] if table in parsed else []
    if name in datasets.broken:
        return
    if carried not in reads or carried in parsed:
        message = f"'{carried}' is no source that models/{name}.sql reads"
        section.complain("C1012", message, "carries", hint=suggest(carried, reads - set(parsed)))
    elif datasets.columns[name] is not None and not datasets.keeps_origin(name):
        message = f"a model that carries '{carried}' must keep its _object and _position"
        section.complain("C1302", message, "carries")


def _filters(settings: ModelSettings, datasets: Datasets) -> tuple[Filter, ...]:
    """Read the rules by which a model leaves rows of the source that it carries out."""
    section, carried = settings.filters, settings.carries
    if section is None or section.broken:
        return ()
    if carried is None:
        message = "filters say which rows of the carried source are left out"
        settings.section.complain("C1302", message, "filters", hint="declare `carries` too")
        return ()
    found: list[Filter] = []
    for entry in section.mapping.entries:
        name = entry.key.text
        check_name(section, name, entry.key, pattern=IDENTIFIER)
        snippet = from_key(section, name)
        parsed = parse_expression(snippet, section.complaints) if snippet is not None else None
        if parsed is None:
            continue
        if read_tables(parsed.tree):
            section.complain("C1302", "a filter is a condition on one row", name)
        elif carried in datasets.columns:
            resolve_expression(parsed, carried, datasets.columns, section.complaints)
        found.append(Filter(name=name, rows=parsed.sql))
    return tuple(found)
