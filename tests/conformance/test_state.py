"""A state file that several connections and processes have open at once stays whole."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from contextlib import closing
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from puntual.local.notices import SqliteNotices
from puntual.model.check import Severity
from puntual.model.notice import Obligation

ANOTHER = """\
import sys
from datetime import UTC, date, datetime
from pathlib import Path
from puntual.local.notices import SqliteNotices
from puntual.model.check import Severity
from puntual.model.notice import Obligation
notices = SqliteNotices(Path(sys.argv[1]))
owed = Obligation(report="a", reference_date=date(2026, 1, 1))
notices.open(owed, "theirs", Severity.WARN, "text", datetime.now(UTC))
print(*sorted(n.cause for n in notices.open_ones()))
notices.close()
"""


def _another(path: Path) -> set[str]:
    """Have another process write to the file and end; return what it saw."""
    done = subprocess.run(
        [sys.executable, "-c", ANOTHER, str(path)], check=True, capture_output=True, text=True
    )
    return set(done.stdout.split())


@pytest.mark.row("f8")
def test_a_second_connection_does_not_give_up_the_locks_of_the_first(tmp_path: Path) -> None:
    """Else a process that ends takes itself for the last and removes the log that is in use."""
    path = tmp_path / "journal.db"
    owed = Obligation(report="a", reference_date=date(2026, 1, 1))
    with closing(SqliteNotices(path)) as first, closing(SqliteNotices(path)) as second:
        first.open(owed, "mine", Severity.WARN, "text", datetime.now(UTC))
        assert _another(path) == {"mine", "theirs"}
        first.open(owed, "later", Severity.WARN, "text", datetime.now(UTC))
        expected = {"mine", "theirs", "later"}
        assert _another(path) == expected
        assert {n.cause for n in second.open_ones()} == expected
    with closing(sqlite3.connect(path)) as found:
        assert found.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert {cause for (cause,) in found.execute("SELECT cause FROM notices")} == expected


def test_a_state_file_that_others_may_read_is_closed_to_them(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    path.touch(0o644)
    SqliteNotices(path).close()
    assert path.stat().st_mode & 0o077 == 0


def test_a_link_is_no_state_file(tmp_path: Path) -> None:
    (tmp_path / "journal.db").symlink_to(tmp_path / "elsewhere.db")
    with pytest.raises(Exception, match="T100"):
        SqliteNotices(tmp_path / "journal.db")
    assert not (tmp_path / "elsewhere.db").exists()
