"""Rows by their places, followed back: model → curated → the bytes of the raw record."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from puntual.errors import PermanentError, ProjectError, TransientError
from puntual.model.contract import Contract
from puntual.model.lineage import Atom, LineageHop, PlacedRow, RawBytes
from puntual.model.manifest import ObjectRef
from puntual.model.masked import escaped
from puntual.model.source import StreamSource
from puntual.ports.warehouse import Warehouse
from puntual.project.qualified import DAY, PLACE, shown
from puntual.project.questions import in_table, rows_at
from puntual.project.traced import Traced
from puntual.runner.asking import Asking

Payloads = Callable[[str, Contract, frozenset[int], bool], Mapping[int, bytes]]
"""(path, contract, positions, whether it is a stream's) → the bytes of each record."""

_MOST = 4096
"""Bytes of a payload that are shown; its size and digest are of the whole."""


@dataclass(frozen=True, slots=True)
class Place:
    """A row of a dataset."""

    dataset: str
    object: str
    position: int


def with_origins(asks: Asking, atoms: Sequence[Atom], payloads: Payloads) -> tuple[Atom, ...]:
    """
    Return a number's atoms, each row that is shown with what it was made of, down to raw bytes.

    Raises:
        ProjectError: V7002 a model's SQL cannot be followed.
        EvidenceError: V1001, V1002 an object is missing or altered.
        PermanentError: T3001, T3002 an object cannot be read.
    """
    shown_rows = {_place(r) for atom in _every(atoms) for r in atom.shown}
    back = dict(_back(asks, shown_rows))
    raw = _raw(asks, {p for p in _reached(shown_rows, back) if _is_source(asks, p)}, payloads)

    def follow(row: PlacedRow) -> PlacedRow:
        place = _place(row)
        behind = tuple(
            follow(PlacedRow(dataset=p.dataset, object=p.object, position=p.position, role=role))
            for p, role in back.get(place, ())
        )
        return replace(row, origins=behind, raw=raw.get(place))

    def done(atom: Atom) -> Atom:
        return replace(
            atom,
            shown=tuple(follow(r) for r in atom.shown),
            inner=tuple(done(a) for a in atom.inner),
        )

    return tuple(done(a) for a in atoms)


def _every(atoms: Iterable[Atom]) -> Iterator[Atom]:
    for atom in atoms:
        yield atom
        yield from _every(atom.inner)


def _place(row: PlacedRow) -> Place:
    return Place(row.dataset, row.object, row.position)


def _is_source(asks: Asking, place: Place) -> bool:
    return place.dataset in asks.delivery.project.contracts


Back = Iterator[tuple[Place, tuple[tuple[Place, str], ...]]]


def _back(asks: Asking, rows: set[Place]) -> Back:
    """Yield the rows that each row of a model was made of, model after model."""
    todo, seen = rows, set(rows)
    while todo:
        found = dict(_one_hop(asks, [p for p in todo if not _is_source(asks, p)]))
        yield from found.items()
        todo = {p for made in found.values() for p, _ in made} - seen
        seen |= todo


def _one_hop(asks: Asking, rows: Sequence[Place]) -> Back:
    by_model: defaultdict[str, list[Place]] = defaultdict(list)
    for place in rows:
        by_model[place.dataset].append(place)
    for model, places in sorted(by_model.items()):
        traced = asks.tracer.model(model)
        wanted = set(places)
        answer = asks.ask(
            rows_at(traced, [(p.object, p.position) for p in places]),
            f"what the rows of {model} were made of",
        )
        for values in zip(*answer.columns, strict=True):
            row = dict(zip(answer.names, values, strict=True))
            place = Place(model, str(row[PLACE[0]]), int(str(row[PLACE[1]])))
            if place in wanted:
                yield place, tuple(_made_of(traced, row))


def _made_of(traced: Traced, row: Mapping[str, object]) -> Iterator[tuple[Place, str]]:
    refs = traced.refs[PLACE[0]] or ()
    carried = {id(leaf) for leaf, name in refs if name == PLACE[0]}
    for leaf in traced.leaves:
        if leaf.dataset and row[leaf.there] is True:
            held, position = (row[c] for c in leaf.columns)
            role = "carried" if id(leaf) in carried else "joined"
            yield Place(leaf.dataset, str(held), int(str(position))), role


def _reached(rows: set[Place], back: Mapping[Place, tuple[tuple[Place, str], ...]]) -> set[Place]:
    return rows | {p for made in back.values() for p, _ in made}


def _raw(asks: Asking, rows: set[Place], payloads: Payloads) -> dict[Place, RawBytes]:
    """Return the record of each row of a source."""
    by_object: defaultdict[tuple[str, str], set[int]] = defaultdict(set)
    for place in rows:
        by_object[place.dataset, place.object].add(place.position)
    found: dict[Place, RawBytes] = {}
    for (dataset, short), positions in sorted(by_object.items()):
        landed = asks.delivery.steps[f"land:{dataset}"]
        held = [o for o in landed.manifest.of_role("data") if o.short == short]
        if not held:
            continue  # rows of another day that stood in for this one: its manifests have them
        ref = held[0]
        contract = asks.delivery.project.contracts[dataset]
        stream = isinstance(asks.delivery.project.sources[dataset], StreamSource)
        path = asks.delivery.locate(ref)
        for position, data in payloads(path, contract, frozenset(positions), stream).items():
            place = Place(dataset, short, position)
            found[place] = _record(asks, contract, ref, position, data)
        about = f"the raw records of {dataset} in {ref.detail.get('name', ref.name)}"
        said = f"lines or rows {', '.join(map(str, sorted(positions)))} of {ref.name}"
        asks.hops.append(
            LineageHop(about=about, sql=said, manifests={landed.manifest.step: landed.digest})
        )
    return found


def _record(
    asks: Asking, contract: Contract, ref: ObjectRef, position: int, data: bytes
) -> RawBytes:
    public = asks.mask.public.get(contract.dataset, frozenset())
    closed = [c.name for c in contract.columns if c.name not in public]
    hidden = bool(closed) and not asks.mask.off
    if asks.mask.off:
        asks.revealed.update(f"{contract.dataset}.{c}" for c in closed)
    cut = "…" if len(data) > _MOST else ""
    return RawBytes(
        object=ref.name,
        sha256=ref.sha256,
        original=ref.detail.get("name", ""),
        position=position,
        bytes=len(data),
        payload=asks.mask.masked_bytes(data) if hidden else escaped(data[:_MOST]) + cut,
        payload_sha256="" if hidden else hashlib.sha256(data).hexdigest(),
    )


def in_warehouse_now(
    asks: Asking, atoms: Sequence[Atom], warehouse: Callable[[], Warehouse]
) -> tuple[str, ...]:
    """
    Return what the warehouse holds now of the rows that are shown, one sentence a table.

    It is no part of the proof, which rests on the delivery's files; a warehouse that does not
    answer is said to be so.
    """
    tables = asks.delivery.project.warehouse.tables
    by_table: defaultdict[str, set[Place]] = defaultdict(set)
    for atom in _every(atoms):
        for row in atom.shown:
            if row.dataset in tables:
                by_table[row.dataset].add(_place(row))
    if not by_table:
        return ()
    try:
        opened = warehouse()
    except (PermanentError, ProjectError, TransientError) as error:
        return (f"the warehouse was not asked: {error.code} {error.message}",)
    try:
        return tuple(
            _held(asks, opened, t, sorted(p, key=repr)) for t, p in sorted(by_table.items())
        )
    except (PermanentError, TransientError) as error:
        return (f"the warehouse was not asked: {error.code} {error.message}",)
    finally:
        opened.close()


def _held(asks: Asking, warehouse: Warehouse, table: str, places: Sequence[Place]) -> str:
    tree = in_table(table, [(p.object, p.position) for p in places])
    loaded = asks.delivery.steps[f"load:{table}"]
    asks.hops.append(
        LineageHop(
            about=f"the rows of the warehouse's {table}",
            sql=shown(tree),
            manifests={f"load:{table}": loaded.digest},
        )
    )
    text = shown(tree)
    answer = warehouse.query(text, {DAY: asks.delivery.day}, limit=None)
    found = len(answer.columns[0])
    is_same = warehouse.loaded(table, asks.delivery.day) == loaded.manifest.facts.get("loaded")
    load = "what was delivered" if is_same else "another load than the one that was delivered"
    rows = f"{found:,} of {len(places):,} rows that are shown stand there now"
    return f"{table}: {rows}; it holds {load}"
