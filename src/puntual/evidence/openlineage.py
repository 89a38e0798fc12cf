"""
A day's run as OpenLineage events, derived afterwards from what was committed.

One START and one COMPLETE or FAIL for each step, as OpenLineage 2-0-2 asks; facets as its spec
files have them. Nothing here is evidence: the manifests are, and these events only point at them
(`traps.md` 9). No value of the data is in them but counts and sums.
"""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from puntual.evidence.canonical import encode
from puntual.evidence.digest import sha256
from puntual.evidence.facts import list_from_json
from puntual.model.finding import Finding, Verdict
from puntual.model.lineage import ColumnKind, ColumnNode
from puntual.model.manifest import Digest, Manifest

SPEC = "https://openlineage.io/spec"
EVENT = f"{SPEC}/2-0-2/OpenLineage.json#/$defs/RunEvent"
_FACETS = {
    "columnLineage": ("1-2-0", "ColumnLineageDatasetFacet"),
    "dataQualityAssertions": ("1-1-0", "DataQualityAssertionsDatasetFacet"),
    "version": ("1-0-1", "DatasetVersionDatasetFacet"),
    "errorMessage": ("1-0-1", "ErrorMessageRunFacet"),
    "jobType": ("2-0-4", "JobTypeJobFacet"),
    "lifecycleStateChange": ("1-0-1", "LifecycleStateChangeDatasetFacet"),
    "nominalTime": ("1-0-1", "NominalTimeRunFacet"),
    "outputStatistics": ("1-0-2", "OutputStatisticsOutputDatasetFacet"),
    "parent": ("1-2-0", "ParentRunFacet"),
    "schema": ("1-2-0", "SchemaDatasetFacet"),
    "sql": ("1-1-0", "SQLJobFacet"),
    "test": ("1-0-1", "TestRunFacet"),
}
_STATUS = {
    Verdict.PASS: "pass",
    Verdict.FAIL: "fail",
    Verdict.UNKNOWN: "skip",
    Verdict.NOT_DUE: "skip",
}

Event = dict[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """
    One attempt of a step, as the journal has it.

    Attributes:
        run: Names the run.
        step: The step's id.
        good: It was done; else it failed.
        at: When it ended, UTC.
        seconds: How long it took.
        fault: Code and name of the error; "" where none.
    """

    run: str
    step: str
    good: bool
    at: datetime
    seconds: float
    fault: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunFacts:
    """
    A day of one project.

    Attributes:
        project: Its name; the namespace of jobs.
        version: Of this program.
        place: What datasets are named under: the project's name, so that no path of a machine
            leaves and the same days give the same bytes anywhere.
        warehouse: (namespace, prefix of a table's name).
        day: The reference date.
        nominal: When the day begins, with its zone.
        manifests: Step → (digest, manifest).
        attempts: Oldest first.
        columns: `report:<name>`, a model or a source → its columns.
        sql: Step → the project's SELECT.
    """

    project: str
    version: str
    place: str
    warehouse: tuple[str, str]
    day: date
    nominal: datetime
    manifests: Mapping[str, tuple[Digest, Manifest]]
    attempts: Sequence[Attempt]
    columns: Mapping[str, tuple[ColumnNode, ...]]
    sql: Mapping[str, str]


def events(facts: RunFacts, runs: Container[str]) -> Iterator[bytes]:
    """
    Yield one canonical JSON object for each event of some runs, in the order they happened in.

    Args:
        facts: Of the whole day, so that an event is the same whichever runs are asked for.
        runs: Those whose events are wanted.

    A step that was committed and of which no attempt is known (a journal that was lost) has no
    event: OpenLineage wants the instant, and it would be made up.
    """
    done: dict[str, Attempt] = {a.step: a for a in facts.attempts if a.good}
    timed: list[tuple[datetime, int, Event]] = []
    for i, attempt in enumerate(facts.attempts):
        if attempt.run not in runs:
            continue
        begun = attempt.at - timedelta(seconds=attempt.seconds)
        committed = facts.manifests.get(attempt.step) if done.get(attempt.step) is attempt else None
        if attempt.good and committed is None:
            continue
        timed.append((begun, 2 * i, _event(facts, attempt, i, "START", begun, committed)))
        word = "COMPLETE" if attempt.good else "FAIL"
        timed.append(
            (attempt.at, 2 * i + 1, _event(facts, attempt, i, word, attempt.at, committed))
        )
    for _, _, event in sorted(timed, key=lambda t: t[:2]):
        yield encode(event)


def _event(
    facts: RunFacts,
    attempt: Attempt,
    number: int,
    word: str,
    at: datetime,
    committed: tuple[Digest, Manifest] | None,
) -> Event:
    run: dict[str, object] = {
        "nominalTime": _facet(
            facts, "nominalTime", {"nominalStartTime": facts.nominal.isoformat()}
        ),
        "parent": _parent(facts, attempt.step),
    }
    if word == "FAIL":
        message = {"message": attempt.fault or "failed", "programmingLanguage": "PYTHON"}
        run["errorMessage"] = _facet(facts, "errorMessage", message)
    event: Event = {
        "eventType": word,
        "eventTime": at.isoformat(),
        "producer": _producer(facts),
        "schemaURL": EVENT,
        "job": {
            "namespace": _namespace(facts),
            "name": attempt.step,
            "facets": _job_facets(facts, attempt.step),
        },
        "inputs": [],
        "outputs": [],
    }
    if committed is not None:
        digest, manifest = committed
        complete = word == "COMPLETE"
        event["inputs"] = _inputs(facts, manifest, complete=complete)
        event["outputs"] = _outputs(facts, digest, manifest, complete=complete)
        tests = _findings(manifest)
        if complete and tests:
            run["test"] = _facet(facts, "test", {"tests": [_test(f) for f in tests]})
    event["run"] = {"runId": _id(facts, attempt.step, attempt.run, str(number)), "facets": run}
    return event


def _inputs(facts: RunFacts, manifest: Manifest, *, complete: bool) -> list[Event]:
    """Return the datasets that a step read, with the versions that went in."""
    kind, _, about = manifest.step.partition(":")
    if kind == "land":
        return [_named("source", f"{facts.project}/{about}")]
    found = []
    for step, digest in sorted(manifest.inputs.items()):
        dataset = _dataset_of(facts, step)
        if dataset is None or (kind == "report" and not step.startswith("load:")):
            continue
        if kind in ("load", "curate", "build") and step == "validate":
            continue
        dataset["facets"] = {"version": _facet(facts, "version", {"datasetVersion": digest})}
        assertions = [f for f in _findings(manifest) if f.dataset == step.partition(":")[2]]
        if kind == "validate" and complete and assertions:
            dataset["inputFacets"] = {
                "dataQualityAssertions": _facet(
                    facts,
                    "dataQualityAssertions",
                    {"assertions": [_asserted(f) for f in assertions]},
                )
            }
        found.append(dataset)
    return found


def _outputs(facts: RunFacts, digest: Digest, manifest: Manifest, *, complete: bool) -> list[Event]:
    dataset = _dataset_of(facts, manifest.step)
    if dataset is None:
        return []
    if not complete:
        return [dataset]
    facets: Event = {
        "version": _facet(facts, "version", {"datasetVersion": digest}),
        "lifecycleStateChange": _facet(
            facts, "lifecycleStateChange", {"lifecycleStateChange": "OVERWRITE"}
        ),
    }
    schema = _schema(facts, manifest)
    if schema:
        facets["schema"] = _facet(facts, "schema", {"fields": schema})
    fields = _fields(facts, manifest)
    if fields:
        facets["columnLineage"] = _facet(facts, "columnLineage", {"fields": fields})
    objects = [o for o in manifest.objects if o.role in ("data", "report")]
    records = manifest.totals.records or sum(o.records for o in objects)
    dataset["facets"] = facets
    dataset["outputFacets"] = {
        "outputStatistics": _facet(
            facts,
            "outputStatistics",
            {
                "rowCount": records,
                "size": sum(o.bytes for o in objects),
                "fileCount": len(objects),
            },
        )
    }
    return [dataset]


def _dataset_of(facts: RunFacts, step: str) -> Event | None:
    """Return the dataset that a step makes; None for one that makes none."""
    kind, _, about = step.partition(":")
    match kind:
        case "land":
            return _named("file", f"{facts.place}/.puntual/lake/raw/{about}")
        case "curate" | "build":
            return _named("file", f"{facts.place}/.puntual/lake/curated/{about}")
        case "load":
            namespace, prefix = facts.warehouse
            return _named(namespace, f"{prefix}{about}")
        case "report":
            return _named("file", f"{facts.place}/.puntual/lake/reports/{about}")
        case "deliver":
            return _named("file", f"{facts.place}/deliveries/{about}")
        case _:
            return None


def _schema(facts: RunFacts, manifest: Manifest) -> list[Event]:
    kind, _, about = manifest.step.partition(":")
    if kind == "load":
        for step in (f"curate:{about}", f"build:{about}"):
            if step in facts.manifests:
                manifest = facts.manifests[step][1]
    columns = manifest.facts.get("columns")
    if isinstance(columns, list):
        return [{"name": str(name), "type": str(word)} for name, word in columns]
    nodes = facts.columns.get(f"report:{about}", ()) if kind == "report" else ()
    return [{"name": n.column} for n in nodes]


def _fields(facts: RunFacts, manifest: Manifest) -> Event:
    """Return output column → the columns of the datasets that the step read."""
    kind, _, about = manifest.step.partition(":")
    match kind:
        case "curate":
            nodes, below = facts.columns.get(about, ()), "land"
        case "build":
            nodes, below = facts.columns.get(about, ()), "build"
        case "report":
            nodes, below = facts.columns.get(f"report:{about}", ()), "load"
        case _:
            return {}
    return {n.column: {"inputFields": list(_made_of(facts, n, below))} for n in nodes}


def _made_of(facts: RunFacts, node: ColumnNode, below: str) -> Iterator[Event]:
    """Yield the columns of the next datasets down, each once, in the order of the expression."""
    if below == "land" and node.kind is ColumnKind.SOURCE:
        yield _field(facts, f"land:{node.dataset}", node.expression or node.column, "IDENTITY", "")
        return
    seen: set[tuple[str, str]] = set()
    plain = node.expression.replace(".", "").replace("_", "").isalnum()
    subtype = "IDENTITY" if plain and len(node.inputs) == 1 else "TRANSFORMATION"
    for dataset, column in _leaves(node):
        if (dataset, column) in seen:
            continue
        seen.add((dataset, column))
        step = f"load:{dataset}"
        if below == "build":
            step = f"{'curate' if f'curate:{dataset}' in facts.manifests else 'build'}:{dataset}"
        yield _field(facts, step, column, subtype, node.expression)


def _leaves(node: ColumnNode) -> Iterator[tuple[str, str]]:
    for inner in node.inputs:
        if inner.level in ("model", "source", "warehouse"):
            yield inner.dataset, inner.column
        else:
            yield from _leaves(inner)


def _field(facts: RunFacts, step: str, column: str, subtype: str, said: str) -> Event:
    dataset = _dataset_of(facts, step)
    assert dataset is not None  # noqa: S101 - land, curate, build and load make one
    transformation = {"type": "DIRECT", "subtype": subtype, "description": said, "masking": False}
    return {**dataset, "field": column, "transformations": [transformation]}


def _findings(manifest: Manifest) -> tuple[Finding, ...]:
    if manifest.step not in ("validate", "reconcile"):
        return ()
    return list_from_json(Finding, manifest.facts["findings"])


def _test(finding: Finding) -> Event:
    return {
        "name": finding.rule,
        "status": _STATUS[finding.verdict],
        "severity": finding.severity.value,
        "type": finding.code,
        "expected": finding.expected,
        "actual": finding.observed,
    }


def _asserted(finding: Finding) -> Event:
    """Return a check as an assertion; one that was not measured has not succeeded."""
    return {
        "assertion": finding.code,
        "success": finding.verdict is Verdict.PASS,
        "name": finding.rule,
        "severity": finding.severity.value,
        "expected": finding.expected,
        "actual": finding.observed,
    }


def _job_facets(facts: RunFacts, step: str) -> Event:
    kind = {"processingType": "BATCH", "integration": "PUNTUAL", "jobType": "STEP"}
    facets: Event = {"jobType": _facet(facts, "jobType", kind)}
    if step in facts.sql:
        said = {"query": facts.sql[step], "dialect": "duckdb"}
        facets["sql"] = _facet(facts, "sql", said)
    return facets


def _parent(facts: RunFacts, step: str) -> Event:
    """Return the delivery that a step is of; of one that all reports share, the day."""
    kind, _, about = step.partition(":")
    name = about if kind in ("decide", "report", "attest", "deliver") else "day"
    job = {"namespace": _namespace(facts), "name": name}
    return _facet(facts, "parent", {"run": {"runId": _id(facts, name)}, "job": job})


def _facet(facts: RunFacts, name: str, said: Mapping[str, object]) -> Event:
    version, schema = _FACETS[name]
    url = f"{SPEC}/facets/{version}/{schema}.json#/$defs/{schema}"
    return {"_producer": _producer(facts), "_schemaURL": url, **said}


def _named(namespace: str, name: str) -> Event:
    return {"namespace": namespace, "name": name}


def _namespace(facts: RunFacts) -> str:
    return f"puntual/{facts.project}"


def _producer(facts: RunFacts) -> str:
    return f"https://puntual.dev/puntual/{facts.version}"


def _id(facts: RunFacts, *parts: str) -> str:
    """Return a UUID of version 8 (RFC 9562 §5.8) that is the same whenever it is asked for."""
    said = "\n".join((facts.project, facts.day.isoformat(), *parts))
    d = sha256(said.encode())
    return f"{d[:8]}-{d[8:12]}-8{d[13:16]}-a{d[17:20]}-{d[20:32]}"
