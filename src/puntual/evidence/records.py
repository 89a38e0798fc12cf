"""
The record root of a sealed source: one hash over every record as it was landed.

A Merkle tree (RFC 6962 §2.1) whose leaves are pages: up to 256 records that follow each other in
one object, in the order of objects and positions. So any page can be proven to have been landed
without the rest of the day, and a record that was lost, doubled or changed gives another root,
whatever files or Parquet writer hold the records. Bytes in, hashes out; nothing is read here.
"""

from __future__ import annotations

import hashlib
import io
from collections import deque
from collections.abc import Iterable, Iterator
from itertools import islice

from puntual.evidence.merkle import Hash, Tree
from puntual.model.manifest import Digest

RECORD_ROOT = "record_root"
"""In the facts of a land manifest."""

PAGE = 256
"""Records of a page. A leaf for each record would cost a fifth of a day's processor time."""


def root_of(pages: Iterable[Hash]) -> Digest:
    """Return the root over pages, in hexadecimal; of none, that of the empty tree."""
    return Tree(pages).root().hex()


def text_pages(blocks: Iterable[bytes]) -> Iterator[Hash]:
    """
    Yield the leaf hashes of a text object, given its bytes in blocks of any size.

    A record is a physical line with its line feed; the last one may have none. What is held is
    never more than a block, however long a line is.
    """
    leaf, lines, empty = _leaf(), 0, True
    for block in blocks:
        begin, view = 0, memoryview(block)
        reader = io.BytesIO(block)
        while begin < len(block):
            deque(islice(reader, PAGE - lines), maxlen=0)
            end = reader.tell()
            leaf.update(view[begin:end])
            # Whether all of them came is only unknown at the end of the block.
            lines += PAGE - lines if end < len(block) else block.count(b"\n", begin)
            empty, begin = False, end
            if lines == PAGE:
                yield leaf.digest()
                leaf, lines, empty = _leaf(), 0, True
    if not empty:
        yield leaf.digest()


def framed_pages(pages: Iterable[bytes]) -> Iterator[Hash]:
    """Yield the leaf hashes of pages whose records are framed: decimal length, colon, bytes."""
    for page in pages:
        leaf = _leaf()
        leaf.update(page)
        yield leaf.digest()


def _leaf() -> hashlib._Hash:
    return hashlib.sha256(b"\x00")
