"""From where a command looks at what was run: this machine, or where a project is deployed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from puntual.cli.places import journal_path, lake_path, pointers_path, was_run
from puntual.local.journal import SqliteJournal
from puntual.local.notices import SqliteNotices
from puntual.local.objects import LocalObjects
from puntual.local.outbox import SqliteOutbox
from puntual.local.pointers import SqlitePointers
from puntual.model.notice import Notice
from puntual.ports.journal import Journal

if TYPE_CHECKING:
    from puntual.cli.archive import Archive
    from puntual.cli.papers import Papers
    from puntual.model.project import Project


class Vantage(Protocol):
    """What is looked at; every method raises what its place does where it does not answer."""

    @property
    def root(self) -> Path:
        """The project's folder on this machine: what is declared."""

    @property
    def env(self) -> str | None:
        """Its environment; None where none was named."""

    @property
    def is_away(self) -> bool:
        """Whether what was run lies elsewhere."""

    @property
    def was_run(self) -> bool:
        """Whether anything was ever published."""

    def project(self) -> Project:
        """
        Read the project.

        Raises:
            ProjectError: C1000 with every complaint.
        """

    def journal(self) -> AbstractContextManager[Journal]:
        """Lend what runs have written down."""

    def store(self) -> AbstractContextManager[Archive]:
        """Lend what runs have published, for reading."""

    def names(self, prefix: str) -> frozenset[str]:
        """Return every published name that starts with a prefix; nothing else is read."""

    def notices(self) -> tuple[Notice, ...]:
        """Return what people have been told and is not resolved, oldest first."""

    def failing(self) -> int:
        """Return how many messages were tried and have not been taken by their receiver."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Here:
    """This machine: files below the project's folder."""

    root: Path
    env: str | None = None

    @property
    def is_away(self) -> bool:
        """No."""
        return False

    @property
    def was_run(self) -> bool:
        """Whether there is a file of pointers; see the protocol."""
        return was_run(self.root)

    def project(self) -> Project:
        """Read the project; see the protocol."""
        from puntual.cli import reading

        return reading.read(self.root, self.env)

    @contextmanager
    def journal(self) -> Iterator[Journal]:
        """Lend the journal; see the protocol."""
        with closing(SqliteJournal(journal_path(self.root))) as journal:
            yield journal

    @contextmanager
    def store(self) -> Iterator[Archive]:
        """Lend objects and pointers; see the protocol."""
        from puntual.cli.archive import Archive

        with closing(SqlitePointers(pointers_path(self.root))) as pointers:
            objects = LocalObjects(lake_path(self.root))
            yield Archive(objects=objects, pointers=pointers, env=self.env)

    def names(self, prefix: str) -> frozenset[str]:
        """Return published names, without the store's modules; see the protocol."""
        with closing(SqlitePointers(pointers_path(self.root))) as pointers:
            return frozenset(pointers.read_prefix(prefix))

    def notices(self) -> tuple[Notice, ...]:
        """Return the open notices; see the protocol."""
        with closing(SqliteNotices(journal_path(self.root))) as notices:
            return notices.open_ones()

    def failing(self) -> int:
        """Return what the outbox has not got rid of; see the protocol."""
        with closing(SqliteOutbox(journal_path(self.root))) as outbox:
            return sum(send.failing for posted in outbox.unsettled() for send in posted.sends)


@dataclass(frozen=True, slots=True, kw_only=True)
class There:
    """A deployed project; its papers are lent for as long as a command looks."""

    root: Path
    env: str
    declared: Project
    papers: Papers

    @property
    def is_away(self) -> bool:
        """Yes."""
        return True

    @property
    def was_run(self) -> bool:
        """Whether a pointer was ever switched; see the protocol."""
        return bool(self.names(""))

    def project(self) -> Project:
        """Return the project as its environment reads it."""
        return self.declared

    @contextmanager
    def journal(self) -> Iterator[Journal]:
        """Lend the journal; see the protocol."""
        yield self.papers.journal

    @contextmanager
    def store(self) -> Iterator[Archive]:
        """Lend objects and pointers; see the protocol."""
        yield self.papers.archive

    def names(self, prefix: str) -> frozenset[str]:
        """Return published names; see the protocol."""
        return frozenset(self.papers.archive.pointers.read_prefix(prefix))

    def notices(self) -> tuple[Notice, ...]:
        """Return the open notices; see the protocol."""
        return self.papers.notices.open_ones()

    def failing(self) -> int:
        """Return 0: a topic that takes a message is answerable for it."""
        return 0


@contextmanager
def archived(root: Path, env: str | None) -> Iterator[Archive]:
    """
    Lend what was published, where something was; see `vantage`.

    Raises:
        ProjectError: C1005 nothing was ever run there.
    """
    with vantage(root, env) as place:
        if not place.was_run:
            from puntual.cli.archive import nothing_run

            raise nothing_run(str(root), "nothing is published", place.env)
        with place.store() as store:
            yield store


@contextmanager
def vantage(root: Path, env: str | None) -> Iterator[Vantage]:
    """
    Lend what a command looks at: where the environment is, else this machine.

    Args:
        root: The project's folder.
        env: An environment of `puntual.yaml`; without one nothing of the project is read.

    Raises:
        ProjectError: C1000, C1004 boto3 is not installed, C1912 the project is not deployed.
        TransientError: T5001, T5002, T5003.
        PermanentError: T5004-T5009.
    """
    if env is None:  # and nothing is imported that reads a project
        yield Here(root=root)
        return
    from puntual.cli import reading
    from puntual.cli.papers import papers

    project = reading.deployed(root, env)
    if project is None:
        yield Here(root=root, env=env)
        return
    with papers(root, project, env) as lent:
        yield There(root=root, env=env, declared=project, papers=lent)
