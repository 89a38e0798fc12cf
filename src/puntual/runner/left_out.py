"""
The rows that are not in a number, and why: every record of its sources accounted for.

raw = set aside by the contract + set aside by checks + lost to a condition + of another row of
the report + of no row of it + in the row and adding nothing + contributing. What does not add up
is said as `unexplained`, never spread.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from puntual.model.lineage import Atom, Balance, LeftOut
from puntual.ports.engine import Answer, Day
from puntual.project.conditions import Query
from puntual.project.contributions import in_leaf, outside
from puntual.project.lineage import conditions
from puntual.project.qualified import PLACE
from puntual.project.questions import drops_of, how_many, part_of, set_aside_by_checks
from puntual.project.sifting import Sifting, sift
from puntual.project.traced import Leaf, Sieve
from puntual.runner import checkpoint
from puntual.runner.asking import Asking
from puntual.runner.atoms import Behind, Found
from puntual.runner.sources import seal_of, set_aside_of

_ASIDE = """
SELECT class, reason, _object, _position FROM set_aside
QUALIFY row_number() OVER (PARTITION BY class, reason ORDER BY _object, _position)
  BETWEEN {first} AND {last}
ORDER BY class, reason, _object, _position
"""

Places = tuple[tuple[str, int], ...]


def with_balances(found: Found, atoms: Sequence[Atom]) -> tuple[Atom, ...]:
    """
    Return a number's atoms, each with what is not in it.

    Raises:
        ProjectError: V7002 a model's SQL cannot be followed where rows left in it.
        EvidenceError: V1001, V1002 a file is missing or altered.
    """
    rest = iter(found.behind)
    return tuple(_with(found, atom, rest) for atom in atoms)


def _with(found: Found, atom: Atom, rest: Iterator[Behind]) -> Atom:
    if atom.kind == "constant":
        return atom
    behind = next(rest)
    inner = tuple(_with(found, a, rest) for a in atom.inner)
    balances = tuple(_balance(found, behind, leaf) for leaf in behind.leaves)
    return replace(atom, inner=inner, balances=balances)


def _balance(found: Found, behind: Behind, leaf: Leaf) -> Balance:
    """Account for every record of the source of one leaf."""
    records, left = _before(found.asks, leaf.dataset)
    sieves = [s for s in _sieves(found, behind) if s.leaf is leaf]
    passing = None
    for sieve in sieves:
        passing, lost = _sieved(found.asks, sieve, passing)
        left += lost
    contributing, grouped = _grouped(found, behind, leaf, passing)
    left += grouped
    total = contributing + sum(x.rows for x in left if x.exclusive)
    return Balance(
        dataset=found.asks.delivery.origin(leaf.dataset) or leaf.dataset,
        records=records,
        contributing=contributing,
        left_out=tuple(x for x in left if x.rows or not x.exclusive),
        unexplained=records - total,
    )


def _sieves(found: Found, behind: Behind) -> tuple[Sieve, ...]:
    if behind.aggregation is not None:
        return behind.aggregation.sieves
    assert found.root is not None  # noqa: S101 - an atom without a group is of the root's row
    return found.root.sieves


def _before(asks: Asking, dataset: str) -> tuple[int, list[LeftOut]]:
    """Return the records of a dataset's source, and what left until the report read it."""
    delivery = asks.delivery
    origin = delivery.origin(dataset)
    left: list[LeftOut] = []
    if origin is None:
        records = delivery.curated(dataset).manifest.totals.records
    else:
        records = seal_of(delivery.steps[f"land:{origin}"].manifest).landed.records
        left += _set_aside(asks, origin)
        left += _late(asks, origin)
        if dataset != origin:
            left += _in_model(asks, origin, dataset)
    return records, [*left, *_by_checks(asks, dataset)]


def _set_aside(asks: Asking, source: str) -> Iterator[LeftOut]:
    curated = asks.delivery.steps[f"curate:{source}"].manifest
    places = _aside_places(asks, source) if asks.left_out else {}
    for (of_class, reason), totals in sorted(set_aside_of(curated).items()):
        yield LeftOut(
            dataset=source,
            stage="raw → curated",
            reason=f"{of_class}: {reason}",
            rows=totals.records,
            places=places.get((of_class, reason), ()),
        )


def _late(asks: Asking, source: str) -> Iterator[LeftOut]:
    """Yield what came after the seal: it is none of the landed records, and stands apart."""
    store, day = asks.delivery.store, asks.delivery.day
    kept = checkpoint.read(store, f"late:{source}", day)
    rows = sum(o.records for o in kept.manifest.objects) if kept is not None else 0
    if rows:
        yield LeftOut(
            dataset=source,
            stage="after the seal",
            reason="late: kept for the next version, not among the landed records",
            rows=rows,
            exclusive=False,
        )


def _aside_places(asks: Asking, source: str) -> Mapping[tuple[str, str], Places]:
    delivery, page = asks.delivery, asks.page
    aside = delivery.steps[f"curate:{source}"].manifest.of_role("set_aside")
    if not any(o.records for o in aside):
        return {}
    day = Day(
        reference_date=delivery.day,
        zone=delivery.project.time_zone,
        tables={"set_aside": tuple(map(delivery.locate, aside))},
    )
    sql = _ASIDE.format(first=page.offset + 1, last=page.offset + page.limit)
    found: dict[tuple[str, str], Places] = {}
    answer = delivery.engine.query(sql, day, limit=None)
    for of_class, reason, place, position in zip(*answer.columns, strict=True):
        key = (str(of_class), str(reason))
        found[key] = (*found.get(key, ()), (str(place), int(str(position))))
    return found


def _in_model(asks: Asking, origin: str, dataset: str) -> list[LeftOut]:
    """Return what a model lets go of the rows that it carries."""
    before = asks.delivery.curated(origin).manifest.totals.records
    after = asks.delivery.curated(dataset).manifest.totals.records
    if before == after:
        return []
    traced = asks.tracer.model(dataset)
    refs = traced.refs[PLACE[0]] or ()
    leaves = {id(leaf) for leaf, name in refs if name == PLACE[0]}
    left: list[LeftOut] = []
    passing = None
    for sieve in traced.sieves:
        if id(sieve.leaf) in leaves:
            passing, lost = _sieved(asks, sieve, passing)
            left += [replace(x, stage=f"curated → {dataset}") for x in lost]
    return left


def _by_checks(asks: Asking, dataset: str) -> Iterator[LeftOut]:
    delivery = asks.delivery
    if not delivery.aside(dataset):
        return
    aside = set_aside_by_checks(dataset)
    about = f"set aside by checks: {dataset}"
    rows = int(str(asks.ask(how_many(aside), about).columns[0][0]))
    rules = sorted({o.detail["check"] for o in delivery.aside(dataset)})
    yield LeftOut(
        dataset=dataset,
        stage="curated → warehouse",
        reason=f"quarantined by {', '.join(rules)}",
        rows=rows,
        places=_listed(asks, aside) if rows and asks.left_out else (),
    )


def _sieved(asks: Asking, sieve: Sieve, passing: int | None) -> tuple[int | None, list[LeftOut]]:
    """Return how many rows come through a sieve, if it was asked, and what it lost."""
    question = sift(sieve)
    if question is None:
        return passing, []
    about = f"what {sieve.label} lets go of {sieve.leaf.dataset}"
    answer = asks.ask(question.counted, about)
    counts = dict(zip(answer.names, (int(str(c[0])) for c in answer.columns), strict=True))
    entering, lost = counts["entering"], counts["lost"]
    return entering - lost, list(_lost(asks, sieve, question, counts)) if lost else []


def _lost(
    asks: Asking, sieve: Sieve, question: Sifting, counts: Mapping[str, int]
) -> Iterator[LeftOut]:
    """Yield what a sieve lost, then each condition that is not the only one."""
    one = question.conditions[0] if len(question.conditions) == 1 else ""
    said = " AND ".join(question.conditions) or "; ".join(conditions(sieve.select))
    reason = one or f"{said}{f' ({question.why_not})' if question.why_not else ''}"
    places = _listed(asks, question.listed) if asks.left_out else ()
    common = LeftOut(dataset=sieve.leaf.dataset, stage=sieve.label, reason=reason, rows=0)
    yield replace(common, rows=counts["lost"], places=places)
    if one:
        return
    for i, condition in enumerate(question.conditions):
        only = counts[f"only{i}"]
        yield replace(
            common,
            reason=f"{condition}   ({only:,} by this one alone)",
            rows=counts[f"failed{i}"],
            exclusive=False,
        )


def _listed(asks: Asking, tree: Query) -> Places:
    shown = part_of(tree, limit=asks.page.limit, offset=asks.page.offset)
    answer = asks.ask(shown, "", told=False)
    pairs = zip(answer.columns[0], answer.columns[1], strict=True)
    return tuple((str(o), int(str(p))) for o, p in pairs)


def _grouped(
    found: Found, behind: Behind, leaf: Leaf, passing: int | None
) -> tuple[int, list[LeftOut]]:
    """Return how many of a leaf's rows contribute, and what of those that came through do not."""
    contribution = behind.contribution
    if contribution is None:
        others = passing if passing is not None else _all(found.asks, leaf)
        return 1, [_left(leaf, "the report", "of another row of the report", others - 1)]
    counts = _counts(found, behind, leaf)
    entering, meant, adding = counts[:3]
    label = behind.aggregation.label if behind.aggregation else ""
    left = list(_other_groups(found, behind, leaf, entering - meant))
    idle = meant - adding
    if idle:
        tests = contribution.tests
        reason = "in the row, and adds nothing"
        if len(tests) == 1 and counts[3] == idle:
            reason += f": {tests[0]} is not true"
            tests = ()
        left.append(_left(leaf, label, reason, idle))
        left += [
            replace(_left(leaf, label, f"{t} is not true", n), exclusive=False)
            for t, n in zip(tests, counts[3:], strict=False)
        ]
    return adding, left


def _counts(found: Found, behind: Behind, leaf: Leaf) -> tuple[int, ...]:
    contribution = behind.contribution
    assert contribution is not None  # noqa: S101 - asked for aggregates only
    if len(behind.leaves) == 1 and contribution.leaves[0] is leaf:
        return behind.counts
    tree = in_leaf(contribution, behind.pins, leaf)
    answer = found.asks.ask(tree, f"of {leaf.dataset}: {contribution.expression}")
    return tuple(int(str(c[0])) for c in answer.columns)


def _other_groups(found: Found, behind: Behind, leaf: Leaf, others: int) -> Iterator[LeftOut]:
    """Yield the rows of other groups: those of other rows of the report, and those of none."""
    contribution, group = behind.contribution, behind.group
    aggregation = behind.aggregation
    if not others or contribution is None or aggregation is None:
        return
    label = aggregation.label
    by = aggregation.grouped_by
    root = found.root
    if group is None or root is None:
        yield _left(leaf, label, f"of another group ({by}), or of none of the report", others)
        return
    tree = outside(contribution, aggregation, group, root, leaf)
    answer = found.asks.ask(tree, f"groups of {label} that are in no row of the report")
    none = _int(answer, 0)
    yield _left(leaf, label, f"of another row of the report, by {by}", others - none)
    if none:
        having = aggregation.conditions
        why = "; ".join((*(f"HAVING {h}" for h in having), *drops_of(root)))
        yield _left(leaf, label, f"of no row of the report: {why or label}", none)
        for i, condition in enumerate(having):
            said = f"HAVING {condition} is not true"
            yield replace(_left(leaf, label, said, _int(answer, i + 1)), exclusive=False)


def _all(asks: Asking, leaf: Leaf) -> int:
    """Return how many rows of a dataset the report reads."""
    made = asks.delivery.curated(leaf.dataset).manifest.totals.records
    return made - sum(x.rows for x in _by_checks(asks, leaf.dataset))


def _left(leaf: Leaf, stage: str, reason: str, rows: int) -> LeftOut:
    return LeftOut(dataset=leaf.dataset, stage=stage, reason=reason, rows=rows)


def _int(answer: Answer, place: int) -> int:
    return int(str(answer.columns[place][0]))
