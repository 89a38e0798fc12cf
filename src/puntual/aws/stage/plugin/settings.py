"""What the stage is told by its environment: `STAGE_…` is ours, the rest is ministack's."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

SHIMS = Path(__file__).with_name("shims")
KEPT = ("STAGE_FOLDER",)
"""What every process of the stage carries, so that none is lost when the stage is killed."""

SPARK = (
    "--driver-memory 1g"
    " --driver-java-options '-XX:+UseSerialGC -XX:TieredStopAtLevel=1 -Xss4m'"
    " --conf spark.ui.enabled=false --conf spark.ui.showConsoleProgress=false"
    " --conf spark.driver.host=127.0.0.1 --conf spark.driver.bindAddress=127.0.0.1"
    " --conf spark.sql.codegen.wholeStage=false pyspark-shell"
)
"""Spark in one process for small days: nothing is compiled that would be run once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """
    Where the stage listens and what runs jobs and functions.

    Attributes:
        folder: Everything it writes; each of its processes carries it as STAGE_FOLDER.
        port: Where it listens, on 127.0.0.1.
        python: The interpreter of jobs and functions: the project's.
        region: Of everything on it.
        sockets: A folder with a short path, for PostgreSQL's socket if it needs one.
        outside: The environment of jobs and functions, without what is ours.
    """

    folder: Path
    port: int
    python: str
    region: str
    sockets: Path
    outside: Mapping[str, str]

    @staticmethod
    def from_environment(env: Mapping[str, str]) -> Settings:
        """Read the settings; a variable that is missing is a fault of the launcher."""
        return Settings(
            folder=Path(env["STAGE_FOLDER"]),
            port=int(env["GATEWAY_PORT"]),
            python=env["STAGE_PYTHON"],
            region=env["AWS_DEFAULT_REGION"],
            sockets=Path(env["STAGE_SOCKETS"]),
            outside={name: value for name, value in env.items() if not is_ours(name)},
        )

    @property
    def endpoint(self) -> str:
        """The address that stands for AWS."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def faults(self) -> Path:
        """The file of faults, which a test may write at any time."""
        return self.folder / "faults.json"

    def archives(self) -> Path:
        """Return the folder of unpacked archives; made if it is not there."""
        place = self.folder / "archives"
        place.mkdir(exist_ok=True)
        return place

    def job_environment(self, extra: tuple[str, ...]) -> dict[str, str]:
        """
        Return the environment of a Glue job.

        Args:
            extra: What `--extra-py-files` names, as local paths, first before last.
        """
        return {
            "PYSPARK_PYTHON": self.python,
            "PYSPARK_SUBMIT_ARGS": SPARK,
            **self.outside,
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_DEFAULT_REGION": self.region,
            "AWS_REGION": self.region,
            "PYTHONPATH": ":".join([*extra, str(SHIMS)]),
        }


def is_ours(name: str) -> bool:
    """
    Is this variable of the stage, or of who started it, and not for what runs on it?

    A job on AWS sees no variable of the desk it was deployed from.
    """
    stages = ("STAGE_", "STATE_DIR", "S3_", "SFN_", "PERSIST_", "LOG_", "BIND_", "IOT_", "SFTP_")
    desks = ("PUNTUAL_", "AWS_", "PYTHON", "PYTEST_", "VIRTUAL_ENV", "ATHENA_", "LAMBDA_")
    return name not in KEPT and name.startswith((*stages, *desks, "GATEWAY_", "MINISTACK_"))
