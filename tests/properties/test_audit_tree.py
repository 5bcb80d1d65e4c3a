"""Properties of the audit tree, for every size."""

from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from foundation.audit import tree as audit_tree
from foundation.audit.tree import InvalidProof, Position

MOST = 300
LEAVES = [sha256(str(n).encode()).digest() for n in range(MOST)]
NODES: dict[Position, bytes] = {(0, index): leaf for index, leaf in enumerate(LEAVES)}
NODES.update(((lv, position), h) for lv, position, h in audit_tree.append(0, (), LEAVES)[0])


def by_definition(leaves: list[bytes]) -> bytes:
    """MTH as §2.1.1 defines it, written a second time."""
    if not leaves:
        return sha256(b"").digest()
    if len(leaves) == 1:
        return leaves[0]
    k = 1
    while k * 2 < len(leaves):
        k *= 2
    return sha256(b"\x01" + by_definition(leaves[:k]) + by_definition(leaves[k:])).digest()


@pytest.mark.parametrize("size", range(130))
def test_every_leaf_and_every_older_tree_of_a_size_can_be_proven(size: int) -> None:
    root = audit_tree.root_of(size, lambda _: NODES)
    assert root == by_definition(LEAVES[:size])
    for index in range(size):
        proof = audit_tree.inclusion_proof(index, size, lambda _: NODES)
        assert len(proof) <= (size - 1).bit_length()
        audit_tree.verify_inclusion(LEAVES[index], index, size, proof, root)
    for old in range(size + 1):
        older = audit_tree.root_of(old, lambda _: NODES)
        proof = audit_tree.consistency_proof(old, size, lambda _: NODES)
        audit_tree.verify_consistency(old, size, older, root, proof)


@given(st.lists(st.integers(1, 40), max_size=12))
def test_appending_in_batches_is_appending_at_once(batches: list[int]) -> None:
    frontier: list[bytes] = []
    made: list[tuple[int, int, bytes]] = []
    size = 0
    for batch in batches:
        new, frontier = audit_tree.append(size, frontier, (LEAVES * 2)[size : size + batch])
        made += new
        size += batch
    assert (made, frontier) == audit_tree.append(0, (), (LEAVES * 2)[:size])


@given(st.data(), st.integers(2, MOST))
def test_a_changed_proof_proves_nothing(data: st.DataObject, size: int) -> None:
    index = data.draw(st.integers(0, size - 1))
    root = audit_tree.root_of(size, lambda _: NODES)
    proof = audit_tree.inclusion_proof(index, size, lambda _: NODES)
    at = data.draw(st.integers(0, len(proof) - 1))
    proof[at] = data.draw(st.binary(min_size=32, max_size=32).filter(lambda h: h != proof[at]))
    with pytest.raises(InvalidProof):
        audit_tree.verify_inclusion(LEAVES[index], index, size, proof, root)


@given(st.data(), st.integers(2, MOST))
def test_a_rewritten_past_is_never_consistent(data: st.DataObject, size: int) -> None:
    old = data.draw(st.integers(1, size - 1))
    changed = data.draw(st.integers(0, old - 1))
    rewritten = [*LEAVES[:size]]
    rewritten[changed] = bytes(32)
    made, _ = audit_tree.append(0, (), rewritten)
    nodes = {(0, i): leaf for i, leaf in enumerate(rewritten)} | {(lv, p): h for lv, p, h in made}
    proof = audit_tree.consistency_proof(old, size, lambda _: nodes)
    with pytest.raises(InvalidProof):
        audit_tree.verify_consistency(
            old,
            size,
            audit_tree.root_of(old, lambda _: NODES),
            audit_tree.root(rewritten),
            proof,
        )
