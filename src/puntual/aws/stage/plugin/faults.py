"""
Faults that a test asks for in a file while the stage runs.

    {"glue": {"puntual-curate": {"dies": 2}},
     "glue-busy": {"puntual-load": {"times": 1}},
     "lambda": {"puntual-report": {"times": 1}},
     "kinesis": {"card-events": {"share": 0.1}},
     "redshift": {"*": {"times": 1, "error": "ERROR: 1023 ..."}},
     "s3": {"puntual-lake/raw/*": {"operation": "PUT", "status": 503, "times": 3}}}

Kind → target → what happens. A target may be a pattern (`*`). `times` (or `dies`) is how often it
happens, without it always. Counting begins anew whenever the file is written.
"""

from __future__ import annotations

import json
import threading
from collections import Counter
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

Fault = dict[str, Any]


class Faults:
    """The faults of one file, and how often each has happened since it was written."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._stamp: tuple[int, int] | None = None
        self._wanted: dict[str, dict[str, Fault]] = {}
        self._happened: Counter[tuple[str, str]] = Counter()
        self._lock = threading.Lock()

    def next(self, kind: str, target: str, **only: str) -> Fault | None:
        """
        Return the fault that is due for a target, and count it; None if there is none.

        Args:
            kind: Such as `glue`.
            target: Its name.
            only: Values that the fault must have where it has that key, such as `operation`.
        """
        with self._lock:
            self._read()
            for pattern, fault in self._wanted.get(kind, {}).items():
                if not fnmatchcase(target, pattern):
                    continue
                if any(fault.get(name, value) != value for name, value in only.items()):
                    continue
                times = fault.get("times", fault.get("dies"))
                if times is None or self._happened[kind, pattern] < int(times):
                    self._happened[kind, pattern] += 1
                    return fault
        return None

    def _read(self) -> None:
        try:
            seen = self._file.stat()
            stamp = (seen.st_mtime_ns, seen.st_ino)
            if stamp == self._stamp:
                return
            wanted = json.loads(self._file.read_text(encoding="utf-8"))
        except FileNotFoundError:
            stamp, wanted = None, {}
        if stamp != self._stamp:
            self._stamp, self._wanted = stamp, wanted
            self._happened.clear()
