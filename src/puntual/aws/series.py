"""Numbered records that only grow in number: `<folder>/000000000001.json`, each taken once."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from puntual.aws.bucket import Bucket
from puntual.errors import EvidenceError
from puntual.evidence import canonical

_DIGITS = 12
SUFFIX = ".json"


@dataclass(frozen=True, slots=True)
class Record:
    """A record, its folder and its number."""

    folder: str
    number: int
    value: object


class Series:
    """Folders of numbered records below a prefix of a bucket."""

    def __init__(self, bucket: Bucket) -> None:
        self._bucket = bucket

    def last(self, folder: str) -> Record | None:
        """
        Return the newest record of a folder; None if there is none.

        Raises:
            EvidenceError: V2001 it is none of ours.
            TransientError: T5001, T5002, T5003.
            PermanentError: T5004-T5008.
        """
        numbers = dict(self._lasts(f"{folder}/"))
        return self._read(folder, numbers[folder]) if folder in numbers else None

    def lasts(self, prefix: str = "") -> dict[str, int]:
        """
        Return every folder below a prefix, sorted, with the number of its newest record.

        Raises:
            TransientError: T5001, T5002.
            PermanentError: T5004-T5008.
        """
        return dict(self._lasts(prefix))

    def read(self, wanted: list[tuple[str, int]]) -> list[Record]:
        """
        Return records by folder and number, in that order.

        Raises:
            EvidenceError: V2001 one is none of ours, or is gone.
            TransientError: T5001, T5002, T5003.
            PermanentError: T5004-T5008.
        """
        found = self._bucket.read_many(_name(folder, number) for folder, number in wanted)
        return [
            Record(folder, number, self._decoded(folder, number, read.data if read else b""))
            for (folder, number), read in zip(wanted, found, strict=True)
        ]

    def append(self, folder: str, number: int, value: object) -> bool:
        """
        Put a record on its number; durable when this returns.

        Returns:
            False if another writer has that number; nothing changed.

        Raises:
            TransientError: T5001 it may have happened; T5002, T5003.
            PermanentError: T5004-T5008.
        """
        return self._bucket.create(_name(folder, number), canonical.encode(value))

    def _lasts(self, prefix: str) -> Iterator[tuple[str, int]]:
        for listed in self._bucket.listed(prefix):
            folder, _, name = listed.name.rpartition("/")
            stem = name.removesuffix(SUFFIX)
            if stem != name and stem.isdigit() and len(stem) == _DIGITS:
                yield folder, int(stem)  # the last of a folder is its newest: names are sorted

    def _read(self, folder: str, number: int) -> Record:
        return self.read([(folder, number)])[0]

    def _decoded(self, folder: str, number: int, data: bytes) -> object:
        try:
            return canonical.decode(data)
        except EvidenceError as exc:
            exc.where = self._bucket.where(_name(folder, number))
            raise


def _name(folder: str, number: int) -> str:
    return f"{folder}/{number:0{_DIGITS}}{SUFFIX}"
