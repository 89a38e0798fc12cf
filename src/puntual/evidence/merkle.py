"""
Merkle trees of RFC 6962, section 2.1: roots, inclusion proofs, consistency proofs.

A hash is 32 bytes of SHA-256; a leaf is hashed after 0x00, an inner node after 0x01, so that
neither can stand for the other. The verifying functions take what others wrote: they bound it,
check every length, and answer false instead of raising.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence

Hash = bytes
"""A SHA-256 as 32 bytes."""

SIZE = 32
BLOCK = 256
"""Leaves of the aligned subtrees whose hashes a `Tree` keeps."""

MOST = 1 << 40
"""Largest tree that is looked at; a proof has at most as many hashes as this has bits."""

EMPTY: Hash = hashlib.sha256(b"").digest()
"""Root of the tree without leaves."""


def leaf_hash(data: bytes) -> Hash:
    """Return the hash of a leaf: SHA-256(0x00 ‖ data)."""
    return hashlib.sha256(b"\x00" + data).digest()


def node_hash(left: Hash, right: Hash) -> Hash:
    """Return the hash of an inner node: SHA-256(0x01 ‖ left ‖ right)."""
    return hashlib.sha256(b"\x01" + left + right).digest()


def split(size: int) -> int:
    """Return the largest power of two that is smaller than a size of at least 2."""
    return 1 << (size - 1).bit_length() - 1


class Tree:
    """
    A tree that only grows; the hashes of its full aligned blocks are kept.

    A root or a proof then takes some hundreds of hashes even after years of leaves.

    Args:
        leaves: Hashes of the leaves so far.
        blocks: Hashes of the first full blocks of `BLOCK` leaves, as `blocks` gave them
            before; a caller that kept them must compare the root with a signed one.
    """

    def __init__(self, leaves: Iterable[Hash] = (), blocks: Iterable[Hash] = ()) -> None:
        self._leaves = list(leaves)
        self._blocks = list(blocks)[: len(self._leaves) // BLOCK]
        self._fill()

    def __len__(self) -> int:
        return len(self._leaves)

    @property
    def leaves(self) -> Sequence[Hash]:
        """The hashes of the leaves, in order."""
        return self._leaves

    @property
    def blocks(self) -> Sequence[Hash]:
        """The hashes of the full blocks, in order."""
        return self._blocks

    def extend(self, leaves: Iterable[Hash]) -> None:
        """Add leaves at the end."""
        self._leaves += leaves
        self._fill()

    def root(self, size: int | None = None) -> Hash:
        """
        Return the root of the first leaves, all by default.

        Raises:
            ValueError: There are fewer.
        """
        size = self._within(len(self) if size is None else size, 0)
        return self._hash(0, size) if size else EMPTY

    def inclusion(self, index: int, size: int | None = None) -> tuple[Hash, ...]:
        """
        Return the audit path of a leaf, from its sibling to the root's child (§2.1.1).

        Raises:
            ValueError: There is no such leaf, or the tree is smaller.
        """
        size = self._within(len(self) if size is None else size, 1)
        if not 0 <= index < size:
            raise ValueError(f"no leaf {index} in a tree of {size}")
        return tuple(self._path(index, 0, size))

    def consistency(self, first: int, size: int | None = None) -> tuple[Hash, ...]:
        """
        Return the proof that the tree begins with its first leaves unchanged (§2.1.2).

        Raises:
            ValueError: `first` is not within 1 and the size.
        """
        size = self._within(len(self) if size is None else size, 1)
        if not 1 <= first <= size:
            raise ValueError(f"no tree of {first} in a tree of {size}")
        return tuple(self._subproof(first, 0, size, whole=True))

    def _within(self, size: int, least: int) -> int:
        if not least <= size <= len(self):
            raise ValueError(f"no tree of {size} in a tree of {len(self)}")
        return size

    def _fill(self) -> None:
        while (len(self._blocks) + 1) * BLOCK <= len(self._leaves):
            start = len(self._blocks) * BLOCK
            self._blocks.append(self._hash(start, start + BLOCK))

    def _hash(self, start: int, end: int) -> Hash:
        size = end - start
        if size == 1:
            return self._leaves[start]
        if size == BLOCK and start % BLOCK == 0 and start // BLOCK < len(self._blocks):
            return self._blocks[start // BLOCK]
        middle = start + split(size)
        return node_hash(self._hash(start, middle), self._hash(middle, end))

    def _path(self, index: int, start: int, end: int) -> list[Hash]:
        if end - start == 1:
            return []
        middle = start + split(end - start)
        if index < middle:
            return [*self._path(index, start, middle), self._hash(middle, end)]
        return [*self._path(index, middle, end), self._hash(start, middle)]

    def _subproof(self, first: int, start: int, end: int, *, whole: bool) -> list[Hash]:
        size = end - start
        if first == size:
            return [] if whole else [self._hash(start, end)]
        middle = start + split(size)
        if first <= middle - start:
            below = self._subproof(first, start, middle, whole=whole)
            return [*below, self._hash(middle, end)]
        below = self._subproof(first - (middle - start), middle, end, whole=False)
        return [*below, self._hash(start, middle)]


def includes(leaf: Hash, index: int, size: int, path: Sequence[Hash], root: Hash) -> bool:
    """
    Say whether a leaf stands at an index of the tree with this size and root.

    Method: RFC 9162 §2.1.3.2, which gives the answer of RFC 6962.
    """
    if not 0 <= index < size <= MOST or not _whole((leaf, root, *path)):
        return False
    found, last = leaf, size - 1
    for hashed in path:
        if last == 0:
            return False
        if index & 1 or index == last:
            found = node_hash(hashed, found)
            while not index & 1 and index:
                index, last = index >> 1, last >> 1
        else:
            found = node_hash(found, hashed)
        index, last = index >> 1, last >> 1
    return last == 0 and found == root


def extends(first: int, second: int, path: Sequence[Hash], old: Hash, new: Hash) -> bool:
    """
    Say whether the tree of `second` leaves begins with the tree of `first`, unchanged.

    Every tree extends the empty one, and itself by an empty proof. Method: RFC 9162 §2.1.4.2.
    """
    if not 0 <= first <= second <= MOST or not _whole((old, new, *path)):
        return False
    if first in (0, second):
        return not path and old == (new if first else EMPTY)
    rest = list(path)
    if first & (first - 1) == 0:
        rest.insert(0, old)
    if not rest:
        return False
    node, last = first - 1, second - 1
    while node & 1:
        node, last = node >> 1, last >> 1
    one = other = rest[0]
    for hashed in rest[1:]:
        if last == 0:
            return False
        if node & 1 or node == last:
            one, other = node_hash(hashed, one), node_hash(hashed, other)
            while not node & 1 and node:
                node, last = node >> 1, last >> 1
        else:
            other = node_hash(other, hashed)
        node, last = node >> 1, last >> 1
    return last == 0 and one == old and other == new


def _whole(hashes: Sequence[Hash]) -> bool:
    """A proof has at most 2 hashes a level, and no hash may have another length."""
    return len(hashes) <= 2 * MOST.bit_length() + 2 and all(len(h) == SIZE for h in hashes)
