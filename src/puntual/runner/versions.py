"""The versions of a delivery as they were sent, read back from their own manifests."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from puntual.errors import EvidenceError
from puntual.evidence.exceptions import Entry
from puntual.evidence.facts import from_json, list_from_json
from puntual.model.delivery import Decision
from puntual.model.manifest import Digest, Manifest
from puntual.model.report import Layout
from puntual.render.readback import read_back
from puntual.runner import checkpoint
from puntual.runner.restate import SUPERSEDES, steps_of, version_of

LAYOUT = "layout"
"""In a report manifest: the layout that its file was written by."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """
    One version of a delivery.

    Attributes:
        number: From 1.
        sent: Digest of its `deliver:` manifest; "" if it is not sent.
        steps: Step id → digest of the manifest that it was made from.
        decision: What was decided.
        entries: Its exceptions.
        columns: The report, as its file reads back by the layout it was written by.
        file_name: The regulator's file.
    """

    number: int
    sent: Digest
    steps: Mapping[str, Digest]
    decision: Decision
    entries: tuple[Entry, ...]
    columns: Mapping[str, tuple[object, ...]]
    file_name: str


def sent_versions(store: checkpoint.Store, report: str, day: date) -> dict[int, Digest]:
    """
    Return every version that was sent, newest first: number → digest of its manifest.

    Each names the one before, so that the newest is enough to find all.

    Raises:
        EvidenceError: V1001, V1002 a manifest is missing or altered.
    """
    found: dict[int, Digest] = {}
    digest = store.pointers.read(checkpoint.pointer(f"deliver:{report}", day))
    while digest is not None:
        made = checkpoint.by_digest(store, digest)
        found[version_of(made)] = digest
        said = made.facts.get(SUPERSEDES)
        digest = str(said["manifest"]) if isinstance(said, Mapping) else None
    return found


def attested(store: checkpoint.Store, report: str, day: date, number: int) -> Manifest | None:
    """
    Return what attested a version, sent or not; None if there is none of that number.

    Raises:
        EvidenceError: V1001, V1002 a manifest is missing or altered.
    """
    sent = sent_versions(store, report, day).get(number)
    if sent is not None:
        return checkpoint.by_digest(
            store, checkpoint.by_digest(store, sent).inputs[f"attest:{report}"]
        )
    made = checkpoint.read(store, f"attest:{report}", day)
    return made.manifest if made and version_of(made.manifest) == number else None


def read_sent(store: checkpoint.Store, report: str, sent: Digest) -> Version:
    """
    Read a version that was sent.

    Raises:
        EvidenceError: V1001, V1002 a manifest or its file is missing or altered.
    """
    made = checkpoint.by_digest(store, sent)
    return _read(store, report, steps_of(store, report, sent), number=version_of(made), sent=sent)


def read_made(store: checkpoint.Store, report: str, day: date) -> Version | None:
    """
    Read the version that is made and not sent; None if there is none.

    Raises:
        EvidenceError: V1001, V1002 a manifest or its file is missing or altered.
    """
    attested = checkpoint.read(store, f"attest:{report}", day)
    if attested is None:
        return None
    steps = {k: d for k, d in attested.manifest.inputs.items() if k != SUPERSEDES}
    number = version_of(attested.manifest)
    if number in sent_versions(store, report, day):
        return None
    return _read(store, report, steps, number=number, sent="")


def _read(
    store: checkpoint.Store, report: str, steps: Mapping[str, Digest], *, number: int, sent: Digest
) -> Version:
    made = checkpoint.by_digest(store, steps[f"report:{report}"])
    decided = checkpoint.by_digest(store, steps[f"decide:{report}"])
    return Version(
        number=number,
        sent=sent,
        steps=steps,
        decision=from_json(Decision, decided.facts["decision"]),
        entries=list_from_json(Entry, decided.facts["entries"]),
        columns=_columns(store, made),
        file_name=str(made.facts["file_name"]),
    )


def _columns(store: checkpoint.Store, made: Manifest) -> Mapping[str, tuple[object, ...]]:
    columns = made.facts["columns"]
    assert isinstance(columns, list)  # noqa: S101 - written when the report was made
    names, types = [name for name, _ in columns], [kind for _, kind in columns]
    layout = from_json(Layout, made.facts[LAYOUT])
    (file,) = made.of_role("report")
    back = read_back(layout, store.objects.read(file), names, types)
    if back.problems:
        raise EvidenceError(
            "V1002",
            f"{made.facts['file_name']} does not read back as it was written",
            where=str(made.facts["file_name"]),
            expected="the rows that were delivered",
            observed=back.problems[0].sentence,
            next_step="puntual verify",
        )
    return dict(zip((f.name for f in layout.detail), back.columns, strict=True))
