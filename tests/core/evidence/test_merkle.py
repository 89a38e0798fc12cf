"""RFC 6962: published roots, every proof of small trees, and what is no proof."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.published import LEAVES, ROOTS

from puntual.evidence.merkle import BLOCK, EMPTY, Tree, extends, includes, leaf_hash


def tree(size: int) -> Tree:
    return Tree(leaf_hash(str(i).encode()) for i in range(size))


def test_the_published_trees_have_their_published_roots() -> None:
    found = Tree(leaf_hash(bytes.fromhex(leaf)) for leaf in LEAVES)
    assert [found.root(n).hex() for n in range(1, 9)] == list(ROOTS)
    assert found.root(0) == EMPTY == hashlib.sha256(b"").digest()


def test_the_published_proofs_are_the_ones_that_are_made() -> None:
    found = Tree(leaf_hash(bytes.fromhex(leaf)) for leaf in LEAVES)
    assert [h.hex() for h in found.inclusion(0, 8)] == [
        "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
    ]
    assert [h.hex() for h in found.consistency(6, 8)] == [
        "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
        "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    ]


def test_every_leaf_of_every_small_tree_is_proven_and_no_other() -> None:
    whole = tree(33)
    for size in range(1, 34):
        for index in range(size):
            path, root = whole.inclusion(index, size), whole.root(size)
            held = {i for i in range(33) if includes(whole.leaves[i], index, size, path, root)}
            assert held == {index}
            assert not includes(
                whole.leaves[index], index, size, (*path, path[0] if path else root), root
            )
            assert not path or not includes(whole.leaves[index], index, size, path[:-1], root)


def test_every_small_tree_extends_every_smaller_one_and_no_other() -> None:
    whole = tree(33)
    for size in range(1, 34):
        for first in range(1, size + 1):
            path, new = whole.consistency(first, size), whole.root(size)
            held = {i for i in range(1, 34) if extends(first, size, path, whole.root(i), new)}
            assert held == {first}
            assert not extends(first, size, (*path, new), whole.root(first), new)


@given(st.integers(1, 3 * BLOCK), st.integers(1, 3 * BLOCK), st.integers(0, 3 * BLOCK))
def test_kept_blocks_change_nothing(one: int, other: int, index: int) -> None:
    first, size = sorted((one, other))
    whole, known = tree(size), tree(first)
    grown = Tree(known.leaves, known.blocks)
    grown.extend(whole.leaves[first:])
    assert (grown.root(), grown.root(first)) == (whole.root(), known.root())
    assert grown.consistency(first) == whole.consistency(first)
    assert grown.inclusion(index % size) == whole.inclusion(index % size)
    assert extends(first, size, grown.consistency(first), known.root(), whole.root())


@pytest.mark.parametrize(("index", "size"), [(-1, 1), (1, 1), (0, 0), (5, 4), (0, 1 << 50)])
def test_a_place_that_is_none_holds_nothing(index: int, size: int) -> None:
    leaf = leaf_hash(b"0")
    assert not includes(leaf, index, size, (), leaf)


def test_hashes_of_another_length_prove_nothing() -> None:
    leaf = leaf_hash(b"0")
    assert includes(leaf, 0, 1, (), leaf)
    assert not includes(leaf[:12], 0, 1, (), leaf[:12])
    assert not includes(leaf, 0, 2, (b"x",), leaf)
    assert not extends(1, 1, (), leaf[:12], leaf[:12])
    assert not includes(leaf, 0, 2, (leaf,) * 100_000, leaf)


def test_every_tree_extends_the_empty_one() -> None:
    assert extends(0, 3, (), EMPTY, tree(3).root())
    assert not extends(0, 3, (), tree(1).root(), tree(3).root())


def test_what_a_tree_does_not_hold_is_a_wrong_call() -> None:
    for call in (
        lambda: tree(2).root(3),
        lambda: tree(2).inclusion(2),
        lambda: tree(2).consistency(3),
        lambda: tree(2).consistency(0),
    ):
        with pytest.raises(ValueError, match="tree"):
            call()
