"""What is known of a stage: where it listens, what it is made of, what others need to reach it."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

REGION = "us-east-1"
FILE = "stage.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """
    A stage, as it was started.

    Attributes:
        folder: Everything it writes.
        pid: Of its process, which is also its group.
        port: On 127.0.0.1.
        scale: Waits and retry delays are multiplied by it; timeouts are not.
        kept: Does its state outlive it?
        since: RFC 3339, in UTC.
        postgresql: How to reach its PostgreSQL, for a source of one's own; "" until it is up.
    """

    folder: str
    pid: int
    port: int
    scale: str
    kept: bool
    since: str
    postgresql: str = ""

    @property
    def endpoint(self) -> str:
        """The address that stands for AWS."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def log(self) -> Path:
        """What it printed."""
        return Path(self.folder) / "stage.log"

    @property
    def jobs(self) -> Path:
        """A folder for each run of a Glue job, with `log.out` and `log.err`."""
        return Path(self.folder) / "jobs"

    @property
    def faults(self) -> Path:
        """The file of faults; it may be written while the stage runs."""
        return Path(self.folder) / "faults.json"

    def environment(self) -> dict[str, str]:
        """Return what botocore reads, so that the stage answers instead of AWS."""
        return {
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_DEFAULT_REGION": REGION,
        }

    def written(self) -> None:
        """Keep it in its folder, whole or not at all."""
        place = Path(self.folder) / FILE
        draft = place.with_suffix(".tmp")
        draft.write_text(json.dumps(asdict(self)), encoding="utf-8")
        draft.replace(place)


def read(folder: Path) -> Standing | None:
    """Return what was written of a folder's stage; None if there is nothing or it is damaged."""
    try:
        return Standing(**json.loads((folder / FILE).read_text(encoding="utf-8")))
    except (FileNotFoundError, ValueError, TypeError):
        return None
