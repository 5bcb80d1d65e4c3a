"""The Merkle tree of the audit, as pure functions — RFC 9162 §2.1 (the same tree as RFC 6962).

The tree is kept as its complete subtrees: the node (level, position) covers the leaves
`position·2^level … (position+1)·2^level - 1` and never changes once it is there. So appending,
roots and proofs touch O(log n) nodes. Sizes count leaves; hashes have 32 bytes.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from hashlib import sha256

Position = tuple[int, int]
"""A complete subtree: (level, position)."""
Span = tuple[int, int]
"""Leaves from the first up to, not with, the second."""

EMPTY_ROOT = sha256(b"").digest()


class InvalidProof(Exception):
    """A proof that does not prove what it should."""


def leaf_hash(entry: bytes) -> bytes:
    """§2.1.1: the hash of one entry."""
    return sha256(b"\x00" + entry).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """§2.1.1: the hash of two neighbouring subtrees."""
    return sha256(b"\x01" + left + right).digest()


def _split(size: int) -> int:
    """The largest power of two smaller than `size` (§2.1.1)."""
    return 1 << ((size - 1).bit_length() - 1)


# ── complete subtrees ──────────────────────────────────────────────────────────────────


def cover(span: Span) -> list[Position]:
    """The complete subtrees that make up `span`, left to right.

    `span` is one of the subtrees of §2.1: it starts at a multiple of the power of two that is
    at least its length, so the pieces only get smaller to the right.
    """
    begin, end = span
    pieces = []
    while begin < end:
        level = (end - begin).bit_length() - 1
        pieces.append((level, begin >> level))
        begin += 1 << level
    return pieces


def fold(hashes: Sequence[bytes]) -> bytes:
    """The hash of a span from those of its `cover`."""
    if not hashes:
        return EMPTY_ROOT
    folded = hashes[-1]
    for left in reversed(hashes[:-1]):
        folded = node_hash(left, folded)
    return folded


def append(
    size: int, frontier: Sequence[bytes], leaves: Iterable[bytes]
) -> tuple[list[tuple[int, int, bytes]], list[bytes]]:
    """Add leaf hashes to a tree of `size` leaves whose `cover` has the hashes `frontier`.

    Returns the new complete subtrees above the leaves as (level, position, hash), and the new
    frontier.
    """
    stack = [(level, digest) for (level, _), digest in zip(cover((0, size)), frontier, strict=True)]
    made: list[tuple[int, int, bytes]] = []
    for index, leaf in enumerate(leaves, start=size):
        level, digest = 0, leaf
        while stack and stack[-1][0] == level:
            digest = node_hash(stack.pop()[1], digest)
            level += 1
            made.append((level, index >> level, digest))
        stack.append((level, digest))
    return made, [digest for _, digest in stack]


def root(leaves: Iterable[bytes]) -> bytes:
    """§2.1.1: the root over leaf hashes."""
    return fold(append(0, (), leaves)[1])


# ── proofs ─────────────────────────────────────────────────────────────────────────────


def inclusion_spans(index: int, size: int) -> list[Span]:
    """§2.1.3.1: whose hashes prove that the leaf `index` is in the tree of `size`."""
    if not 0 <= index < size:
        raise ValueError("the leaf is not in the tree")
    begin, end = 0, size
    path: list[Span] = []
    while end - begin > 1:
        middle = begin + _split(end - begin)
        if index < middle:
            path.append((middle, end))
            end = middle
        else:
            path.append((begin, middle))
            begin = middle
    return path[::-1]


def consistency_spans(old: int, new: int) -> list[Span]:
    """§2.1.4.1: whose hashes prove that the tree of `old` leaves starts the tree of `new`."""
    if not 0 < old <= new:
        raise ValueError("the sizes are not those of an older and a newer tree")
    begin, end, whole = 0, new, True
    path: list[Span] = []
    while old != end:
        middle = begin + _split(end - begin)
        if old <= middle:
            path.append((middle, end))
            end = middle
        else:
            path.append((begin, middle))
            begin, whole = middle, False
    if not whole:
        path.append((begin, end))
    return path[::-1]


def positions(spans: Iterable[Span]) -> list[Position]:
    """The complete subtrees that `assemble` needs for these spans."""
    return [position for span in spans for position in cover(span)]


def assemble(spans: Iterable[Span], nodes: Mapping[Position, bytes]) -> list[bytes]:
    """The proof: a hash for each span."""
    return [fold([nodes[position] for position in cover(span)]) for span in spans]


def verify_inclusion(
    leaf: bytes, index: int, size: int, proof: Sequence[bytes], root_hash: bytes
) -> None:
    """§2.1.3.2; raises InvalidProof."""
    if not 0 <= index < size:
        raise InvalidProof("the leaf is not in the tree")
    fn, sn, r = index, size - 1, leaf
    for p in proof:
        if sn == 0:
            raise InvalidProof("the proof is too long")
        if fn & 1 or fn == sn:
            r = node_hash(p, r)
            while not fn & 1 and fn != 0:
                fn, sn = fn >> 1, sn >> 1
        else:
            r = node_hash(r, p)
        fn, sn = fn >> 1, sn >> 1
    if sn != 0 or r != root_hash:
        raise InvalidProof("the proof does not lead to the root")


def verify_consistency(
    old: int, new: int, old_root: bytes, new_root: bytes, proof: Sequence[bytes]
) -> None:
    """§2.1.4.2; raises InvalidProof. An empty old tree starts every tree."""
    if not 0 <= old <= new:
        raise InvalidProof("the newer tree is smaller than the older one")
    if old in (0, new):
        if proof or old_root != (EMPTY_ROOT if old == 0 else new_root):
            raise InvalidProof("the two roots of one tree differ")
        return
    _verify_growth(old, new, old_root, new_root, proof)


def _verify_growth(
    old: int, new: int, old_root: bytes, new_root: bytes, proof: Sequence[bytes]
) -> None:
    """§2.1.4.2 for 0 < old < new."""
    path = list(proof)
    if old & (old - 1) == 0:
        path.insert(0, old_root)
    if not path:
        raise InvalidProof("the proof is empty")
    fn, sn = old - 1, new - 1
    while fn & 1:
        fn, sn = fn >> 1, sn >> 1
    fr = sr = path[0]
    for c in path[1:]:
        if sn == 0:
            raise InvalidProof("the proof is too long")
        if fn & 1 or fn == sn:
            fr, sr = node_hash(c, fr), node_hash(c, sr)
            while not fn & 1 and fn != 0:
                fn, sn = fn >> 1, sn >> 1
        else:
            sr = node_hash(sr, c)
        fn, sn = fn >> 1, sn >> 1
    if sn != 0 or fr != old_root or sr != new_root:
        raise InvalidProof("the proof does not lead from the older root to the newer one")


Fetch = Callable[[Sequence[Position]], Mapping[Position, bytes]]
"""Reads complete subtrees (level 0: leaf hashes) from wherever they are kept."""


def root_of(size: int, fetch: Fetch) -> bytes:
    """The root of the first `size` leaves."""
    return assemble([(0, size)], fetch(cover((0, size))))[0]


def inclusion_proof(index: int, size: int, fetch: Fetch) -> list[bytes]:
    """§2.1.3.1."""
    spans = inclusion_spans(index, size)
    return assemble(spans, fetch(positions(spans)))


def consistency_proof(old: int, new: int, fetch: Fetch) -> list[bytes]:
    """§2.1.4.1; from the empty tree the proof is empty."""
    if old == 0:
        return []
    spans = consistency_spans(old, new)
    return assemble(spans, fetch(positions(spans)))
