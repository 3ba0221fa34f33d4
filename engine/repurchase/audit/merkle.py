"""Merkle trees as in RFC 6962, section 2.1: one hash stands for a whole list, in order.

A short proof shows that an entry is in the list, or that a list extends an earlier one, without the
other entries. Leaves and nodes are hashed apart, so that neither passes for the other.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from typing import Final

_LEAF: Final = b"\x00"
_NODE: Final = b"\x01"
_BYTES: Final = 32


def leaf(entry: bytes) -> bytes:
    """Return the hash of the leaf that stands for *entry*."""
    return hashlib.sha256(_LEAF + entry).digest()


def _node(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(_NODE + left + right).digest()


class Tree:
    """A tree that grows by one leaf at a time, and keeps only the roots of its full parts."""

    size: int

    def __init__(self) -> None:
        self.size = 0
        # The full subtrees from left to right; their sizes are the binary digits of the whole.
        self._parts: list[bytes] = []

    def add(self, hash_: bytes) -> None:
        """Add the leaf with *hash_* at the end."""
        size = self.size
        while size & 1:
            hash_ = _node(self._parts.pop(), hash_)
            size >>= 1
        self._parts.append(hash_)
        self.size += 1

    def root(self) -> bytes:
        """Return the hash of the whole tree; of an empty one, that of nothing."""
        if not self._parts:
            return hashlib.sha256().digest()
        *rest, found = self._parts
        for part in reversed(rest):
            found = _node(part, found)
        return found


def root(leaves: Sequence[bytes]) -> bytes:
    """Return the hash of the tree over the hashes of *leaves*."""
    tree = Tree()
    for one in leaves:
        tree.add(one)
    return tree.root()


def inclusion(leaves: Sequence[bytes], index: int) -> tuple[bytes, ...]:
    """Return the proof that the leaf at *index* is among *leaves*: its siblings, from below."""
    if len(leaves) == 1:
        return ()
    at = _split(len(leaves))
    if index < at:
        return (*inclusion(leaves[:at], index), root(leaves[at:]))
    return (*inclusion(leaves[at:], index - at), root(leaves[:at]))


def is_included(hash_: bytes, index: int, size: int, proof: Sequence[bytes], whole: bytes) -> bool:
    """Return whether *proof* shows that a tree of *size* with the root *whole* has *hash_*.

    The leaf with that hash is at *index*, counted from 0.
    """
    if not 0 <= index < size or not _are_hashes((hash_, *proof)):
        return False
    sides = _sides(index, size - 1)
    if len(sides) != len(proof):
        return False
    for is_left, part in zip(sides, proof, strict=True):
        hash_ = _node(part, hash_) if is_left else _node(hash_, part)
    return hash_ == whole


def consistency(leaves: Sequence[bytes], size: int) -> tuple[bytes, ...]:
    """Return the proof that the tree over *leaves* extends that over the first *size* of them."""
    return tuple(_consistency(leaves, size, is_whole=True))


def _consistency(leaves: Sequence[bytes], size: int, *, is_whole: bool) -> Iterator[bytes]:
    if size == len(leaves):
        if not is_whole:
            yield root(leaves)
        return
    at = _split(len(leaves))
    if size <= at:
        yield from _consistency(leaves[:at], size, is_whole=is_whole)
        yield root(leaves[at:])
    else:
        yield from _consistency(leaves[at:], size - at, is_whole=False)
        yield root(leaves[:at])


def is_consistent(
    old: int, new: int, old_root: bytes, new_root: bytes, proof: Sequence[bytes]
) -> bool:
    """Return whether *proof* shows that the tree of size *new* extends that of size *old*.

    Both sizes are above zero. The roots are those of the two trees.
    """
    if not 0 < old <= new or not _are_hashes((old_root, *proof)):
        return False
    if old == new:
        return not proof and old_root == new_root
    index, last = old - 1, new - 1
    while index & 1:
        index, last = index >> 1, last >> 1
    # A full old tree is a part of the new one, and the proof leaves its root out.
    first, *parts = (old_root, *proof) if index == 0 else proof or (b"",)
    sides = _sides(index, last)
    if len(sides) != len(parts):
        return False
    found_old = found_new = first
    for is_left, part in zip(sides, parts, strict=True):
        if is_left:
            found_old, found_new = _node(part, found_old), _node(part, found_new)
        else:
            found_new = _node(found_new, part)
    return (found_old, found_new) == (old_root, new_root)


def _sides(index: int, last: int) -> list[bool]:
    """Return for each step from the node at *index* to the root whether its sibling is to the left.

    *last* is the index of the last node beside it. A node without a sibling takes no step.
    """
    found = []
    while last:
        is_left = bool(index & 1) or index == last
        found.append(is_left)
        while is_left and index and not index & 1:
            index, last = index >> 1, last >> 1
        index, last = index >> 1, last >> 1
    return found


def _are_hashes(found: Sequence[bytes]) -> bool:
    """Return whether each of *found* is as long as a hash, so that its place in a node is known."""
    return all(len(one) == _BYTES for one in found)


def _split(size: int) -> int:
    """Return the largest power of two below *size*, which is above one."""
    return 1 << ((size - 1).bit_length() - 1)
