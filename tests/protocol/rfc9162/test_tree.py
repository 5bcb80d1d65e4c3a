"""The Merkle tree against the published values of Certificate Transparency — RFC 9162 §2.1."""

from collections.abc import Mapping, Sequence

import pytest

from foundation.audit import tree as audit_tree
from foundation.audit.tree import InvalidProof, Position

# The eight entries and the roots of RFC 6962's reference implementation.
ENTRIES = [
    bytes.fromhex(entry)
    for entry in (
        "",
        "00",
        "10",
        "2021",
        "3031",
        "40414243",
        "5051525354555657",
        "606162636465666768696a6b6c6d6e6f",
    )
]
ROOTS = (
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
)
LEAVES = [audit_tree.leaf_hash(entry) for entry in ENTRIES]
INCLUSION = {
    (0, 1): (),
    (0, 8): (
        "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
    ),
    (5, 8): (
        "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
        "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    ),
    (2, 3): ("fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",),
    (1, 5): (
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
    ),
}
CONSISTENCY = {
    (1, 1): (),
    (1, 8): (
        "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
    ),
    (6, 8): (
        "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
        "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    ),
    (2, 5): (
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
    ),
}


def stored(size: int) -> Mapping[Position, bytes]:
    made, _ = audit_tree.append(0, (), LEAVES[:size])
    nodes = {(level, position): digest for level, position, digest in made}
    return nodes | {(0, index): leaf for index, leaf in enumerate(LEAVES[:size])}


def hexed(proof: Sequence[bytes]) -> tuple[str, ...]:
    return tuple(digest.hex() for digest in proof)


@pytest.mark.rfc("9162", "2.1.1")
@pytest.mark.parametrize("size", range(9))
def test_the_root_of_each_size_is_the_published_one(size: int) -> None:
    assert audit_tree.root(LEAVES[:size]).hex() == ROOTS[size]
    assert audit_tree.root_of(size, lambda _: stored(size)).hex() == ROOTS[size]


@pytest.mark.rfc("9162", "2.1.3")
@pytest.mark.parametrize(("index", "size"), INCLUSION)
def test_inclusion_proofs_are_the_published_ones(index: int, size: int) -> None:
    proof = audit_tree.inclusion_proof(index, size, lambda _: stored(size))
    assert hexed(proof) == INCLUSION[index, size]
    root = bytes.fromhex(ROOTS[size])
    audit_tree.verify_inclusion(LEAVES[index], index, size, proof, root)


@pytest.mark.rfc("9162", "2.1.4")
@pytest.mark.parametrize(("old", "new"), CONSISTENCY)
def test_consistency_proofs_are_the_published_ones(old: int, new: int) -> None:
    proof = audit_tree.consistency_proof(old, new, lambda _: stored(new))
    assert hexed(proof) == CONSISTENCY[old, new]
    roots = bytes.fromhex(ROOTS[old]), bytes.fromhex(ROOTS[new])
    audit_tree.verify_consistency(old, new, *roots, proof)


@pytest.mark.rfc("9162", "2.1.3.2")
def test_a_proof_for_another_leaf_index_or_size_is_refused() -> None:
    proof = audit_tree.inclusion_proof(5, 8, lambda _: stored(8))
    root = bytes.fromhex(ROOTS[8])
    wrong = [
        (LEAVES[4], 5, 8, proof),
        (LEAVES[5], 4, 8, proof),
        (LEAVES[5], 5, 6, proof),
        (LEAVES[5], 8, 8, proof),
        (LEAVES[5], -1, 8, proof),
        (LEAVES[5], 5, 8, proof[:-1]),
        (LEAVES[5], 5, 8, [*proof, proof[0]]),
        (LEAVES[5], 5, 8, []),
    ]
    for leaf, index, size, given in wrong:
        with pytest.raises(InvalidProof):
            audit_tree.verify_inclusion(leaf, index, size, given, root)


@pytest.mark.rfc("9162", "2.1.4.2")
def test_a_proof_of_another_history_is_refused() -> None:
    proof = audit_tree.consistency_proof(6, 8, lambda _: stored(8))
    old, new = bytes.fromhex(ROOTS[6]), bytes.fromhex(ROOTS[8])
    wrong = [
        (6, 8, old, old, proof),
        (6, 8, new, new, proof),
        (5, 8, old, new, proof),
        (8, 6, new, old, proof),
        (6, 8, old, new, proof[:-1]),
        (6, 8, old, new, [*proof, proof[0]]),
        (6, 8, old, new, []),
        (8, 8, old, new, []),
        (8, 8, new, new, proof),
        (0, 8, old, new, []),
    ]
    for small, large, old_root, new_root, given in wrong:
        with pytest.raises(InvalidProof):
            audit_tree.verify_consistency(small, large, old_root, new_root, given)


def test_questions_that_no_tree_answers_are_mistakes_of_the_caller() -> None:
    for index, size in [(0, 0), (1, 1), (-1, 3)]:
        with pytest.raises(ValueError, match="not in the tree"):
            audit_tree.inclusion_spans(index, size)
    for old, new in [(0, 1), (2, 1)]:
        with pytest.raises(ValueError, match="older and a newer"):
            audit_tree.consistency_spans(old, new)
