"""Merkle trees as in RFC 6962, against public vectors and against the definition itself.

The entries, roots and proofs are those that transparency-dev/merkle tests itself with.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from itertools import combinations
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from repurchase.audit.merkle import consistency, inclusion, is_consistent, is_included, leaf, root

ENTRIES: Final = (
    *("", "00", "10", "2021", "3031", "40414243"),
    *("5051525354555657", "606162636465666768696a6b6c6d6e6f"),
)
LEAVES: Final = [leaf(bytes.fromhex(one)) for one in ENTRIES]
ROOTS: Final = (
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
)
# The number of the leaf, counted from 1, the size of the tree, and the proof.
INCLUSION: Final = (
    (1, 1, ()),
    (
        1,
        8,
        (
            "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
            "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
            "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
        ),
    ),
    (
        6,
        8,
        (
            "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
            "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
            "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        ),
    ),
    (3, 3, ("fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",)),
    (
        2,
        5,
        (
            "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
            "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
            "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
        ),
    ),
)
# The two sizes, and the proof.
CONSISTENCY: Final = (
    (1, 1, ()),
    (
        1,
        8,
        (
            "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
            "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
            "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
        ),
    ),
    (
        6,
        8,
        (
            "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
            "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
            "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        ),
    ),
    (
        2,
        5,
        (
            "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
            "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
        ),
    ),
    (
        6,
        7,
        (
            "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
            "b08693ec2e721597130641e8211e7eedccb4c26413963eee6c1e2ed16ffb1a5f",
            "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        ),
    ),
)
EMPTY: Final = hashlib.sha256().digest()


def of(text: Sequence[str]) -> tuple[bytes, ...]:
    return tuple(map(bytes.fromhex, text))


def test_roots_are_those_of_the_vectors() -> None:
    """The root of each size is the published one; that of no entry is the hash of nothing."""
    assert root([]) == EMPTY
    assert [root(LEAVES[: size + 1]).hex() for size in range(8)] == list(ROOTS)


def damaged(proof: tuple[bytes, ...], whole: bytes) -> list[tuple[bytes, ...]]:
    """Return proofs that are not *proof*: longer, shorter, or with one bit changed."""
    longer = [(*proof, one) for one in (b"", whole)] + [(one, *proof) for one in (b"", whole)]
    changed = [
        (*proof[:at], bytes([one[0] ^ 8]) + one[1:], *proof[at + 1 :])
        for at, one in enumerate(proof)
    ]
    return [*longer, *changed, *([proof[:-1], (proof[0], EMPTY, *proof[1:])] if proof else [])]


@pytest.mark.parametrize(("number", "size", "text"), INCLUSION)
def test_inclusion_is_that_of_the_vectors(number: int, size: int, text: tuple[str, ...]) -> None:
    """The published proof is made and accepted; whatever differs in one thing is not."""
    proof, index, whole, own = of(text), number - 1, of(ROOTS)[size - 1], LEAVES[number - 1]
    assert inclusion(LEAVES[:size], index) == proof
    assert is_included(own, index, size, proof, whole)
    for other in (index - 1, index + 1, index ^ 2):
        assert not is_included(own, other, size, proof, whole)
    for other in (size * 2, size // 2):
        assert not is_included(own, index, other, proof, whole)
    for wrong in (b"WrongLeaf", EMPTY, b""):
        assert not is_included(wrong, index, size, proof, whole)
        assert not is_included(own, index, size, proof, wrong)
    assert not any(is_included(own, index, size, one, whole) for one in damaged(proof, whole))


@pytest.mark.parametrize(("old", "new", "text"), CONSISTENCY)
def test_consistency_is_that_of_the_vectors(old: int, new: int, text: tuple[str, ...]) -> None:
    """The published proof is made and accepted; whatever differs in one thing is not."""
    proof, before, after = of(text), of(ROOTS)[old - 1], of(ROOTS)[new - 1]
    assert consistency(LEAVES[:new], old) == proof
    assert is_consistent(old, new, before, after, proof)
    for wrong in (EMPTY, b"WrongRoot"):
        assert not is_consistent(old, new, wrong, after, proof)
        assert not is_consistent(old, new, before, wrong, proof)
    if not proof:
        return
    for other in (old - 1, old + 1, old ^ 2):
        assert not is_consistent(other, new, before, after, proof)
    for other in (new * 2, new // 2):
        assert not is_consistent(old, other, before, after, proof)
    assert not is_consistent(old, new, after, before, proof)
    assert not is_consistent(old, new, before, after, ())
    wrongs = (*damaged(proof, after), (proof[0], *proof), (*proof, before))
    assert not any(is_consistent(old, new, before, after, one) for one in wrongs)


@pytest.mark.parametrize(("index", "size"), [(0, 0), (0, 1), (1, 0), (2, 1), (-1, 1)])
def test_nothing_is_included_in_what_has_no_such_place(index: int, size: int) -> None:
    """An index beyond the tree, or a tree without entries, contains nothing."""
    for own, whole in ((EMPTY, b""), (b"", EMPTY), (EMPTY, ROOTS[0].encode())):
        assert not is_included(own, index, size, (), whole)


def by_definition(leaves: Sequence[bytes]) -> bytes:
    """Return the root as the RFC defines it."""
    if len(leaves) < 2:
        return leaves[0] if leaves else EMPTY
    at = max(1 << bit for bit in range(9) if 1 << bit < len(leaves))
    left, right = by_definition(leaves[:at]), by_definition(leaves[at:])
    return hashlib.sha256(b"\x01" + left + right).digest()


@given(entries=st.lists(st.binary(max_size=3), min_size=1, max_size=40))
def test_each_entry_and_each_beginning_is_proved(entries: list[bytes]) -> None:
    """Trees of any size: by definition, and by each proof; another leaf or root is refused."""
    leaves = [leaf(one) for one in entries]
    whole = root(leaves)
    assert whole == by_definition(leaves)
    for index, own in enumerate(leaves):
        proof = inclusion(leaves, index)
        assert is_included(own, index, len(leaves), proof, whole)
        assert not is_included(leaf(own), index, len(leaves), proof, whole)
    for old in range(1, len(leaves) + 1):
        before, proof = root(leaves[:old]), consistency(leaves, old)
        assert is_consistent(old, len(leaves), before, whole, proof)
        assert not is_consistent(old, len(leaves), leaf(before), whole, proof)


def test_no_two_lists_have_one_root() -> None:
    """Neither a leaf nor a part of the tree passes for another."""
    lists = [LEAVES[first:last] for first, last in combinations(range(9), 2)]
    assert len({root(one) for one in lists}) == len(lists)
