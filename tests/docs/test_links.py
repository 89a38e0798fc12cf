"""Every link between the documents leads somewhere."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)(?:\s+\"[^\"]*\")?\)")
FENCE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
HEADING = re.compile(r"^#{1,6}\s+(.+?)\s*$", re.MULTILINE)


def documents() -> list[Path]:
    """Return every Markdown document of the repository that a reader is led to."""
    places = [ROOT.glob("*.md"), (ROOT / "docs").rglob("*.md"), (ROOT / "examples").rglob("*.md")]
    return sorted(file for place in places for file in place)


def anchors(text: str) -> set[str]:
    """Return the anchors of a document's headings, as Markdown hosts make them."""
    headings = HEADING.findall(FENCE.sub("", text))
    cleaned = (re.sub(r"[^\w\- ]", "", heading.lower()) for heading in headings)
    return {heading.replace(" ", "-") for heading in cleaned}


def broken(file: Path, text: str) -> list[str]:
    """Return the links of a document that lead nowhere; links to other hosts are not asked."""
    found = []
    for target in LINK.findall(FENCE.sub("", text)):
        path, _, anchor = target.partition("#")
        if re.match(r"[a-z]+:", target):
            continue
        there = (file.parent / path) if path else file
        if not there.exists():
            found.append(target)
        elif anchor and there.suffix == ".md":
            known = anchors(there.read_text(encoding="utf-8") if path else text)
            found += [] if anchor in known else [target]
    return found


def test_every_link_between_documents_resolves() -> None:
    dead = {
        file.relative_to(ROOT).as_posix(): links
        for file in documents()
        if (links := broken(file, file.read_text(encoding="utf-8")))
    }
    assert dead == {}


def test_a_link_that_leads_nowhere_is_seen(tmp_path: Path) -> None:
    there = tmp_path / "there.md"
    there.write_text("# A Heading, here\n", encoding="utf-8")
    text = "[a](there.md) [b](there.md#a-heading-here) [c](gone.md) [d](there.md#gone)\n"
    assert broken(tmp_path / "here.md", text) == ["gone.md", "there.md#gone"]
