"""Verifying the audit from outside, over HTTP: nothing of ours is trusted but the key.

RFC 9162 §2.1; C2SP tlog-checkpoint, tlog-cosignature.
."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import httpx

from foundation.audit import tree as audit_tree
from foundation.audit.checkpoint import (
    Checkpoint,
    InvalidCheckpoint,
    VerifierKey,
    cosigned_at,
    open_note,
)
from foundation.audit.entry import entry
from foundation.audit.report import MOST_PROBLEMS, PAGE, Findings, Growth, Report
from foundation.audit.tree import EMPTY_ROOT, InvalidProof


def verify_from_outside(
    base_url: str,
    client: httpx.Client,
    pinned: str | None = None,
    known: str | None = None,
    witnesses: Sequence[VerifierKey] = (),
) -> Report:
    """Download what is public and recompute it; nothing of ours is trusted but the key.

    `pinned` is the verifier key that the outsider got by another way (otherwise the one that the
    log shows). `known` is a checkpoint that the outsider kept: the tree must have grown from it.
    Each of `witnesses` must have cosigned a checkpoint from which the tree grew.
    Raises httpx.HTTPError when the log cannot be reached.
    """
    log = _Log(base_url.rstrip("/"), client)
    found = Findings()
    try:
        keys = [VerifierKey.parse(line) for line in (pinned or log.text("key")).splitlines()]
        checkpoint = open_note(log.text("checkpoint"), keys)
    except InvalidCheckpoint as error:
        return Report(0, None, (f"The checkpoint is forged: {error}.",))
    try:
        _recompute(log, checkpoint, found)
        if known is not None:
            _check_growth(log, open_note(known, keys), checkpoint, found)
        if witnesses:
            _check_cosigned(log, keys, witnesses, checkpoint, found)
    except InvalidCheckpoint as error:
        found.add(f"The checkpoint that was kept is forged: {error}.")
    except (_Malformed, KeyError, TypeError, ValueError) as error:
        found.add(f"The log's answer is malformed: {error}.")
    return Report(checkpoint.size, None, tuple(found))


class _Malformed(Exception):
    pass


@dataclass(frozen=True, slots=True)
class _Log:
    base_url: str
    client: httpx.Client

    def text(self, endpoint: str, **query: str) -> str:
        return self._get(endpoint, query).text

    def json(self, endpoint: str, **query: int) -> Any:
        return self._get(endpoint, query).json()

    def _get(self, endpoint: str, query: Mapping[str, int | str]) -> httpx.Response:
        response = self.client.get(f"{self.base_url}/audit/{endpoint}", params=query)
        response.raise_for_status()
        return response


def _recompute(log: _Log, checkpoint: Checkpoint, found: Findings) -> None:
    shown, computed = Growth(), Growth()
    for start in range(0, checkpoint.size, PAGE):
        count = min(PAGE, checkpoint.size - start)
        hashes = _hashes(log.json("leaves", start=start, count=count)["leaves"])
        entries = {e["index"]: e for e in log.json("entries", start=start, count=count)["entries"]}
        if len(hashes) != count:
            raise _Malformed(f"leaves {start} to {start + count - 1} are not all shown")
        for index, stored in enumerate(hashes, start=start):
            shown.add(stored)
            given = entries.get(index)
            if given is None:
                found.add(f"The event at leaf {index} was deleted.")
                computed.add(stored)
                continue
            content = entry(given["open"].encode(), map(bytes.fromhex, given["sealed"]))
            leaf = audit_tree.leaf_hash(content)
            if leaf != stored:
                found.add(f"Event {given['event_id']} at leaf {index} was changed.")
            computed.add(leaf)
    if shown.root() != checkpoint.root:
        found.add(
            f"The leaves do not have the root of the checkpoint of {checkpoint.size} leaves: "
            f"a leaf was changed, removed or put in another order."
        )
        _find_by_proofs(log, checkpoint, found)


def _find_by_proofs(log: _Log, checkpoint: Checkpoint, found: Findings) -> None:
    """Name the leaves whose inclusion under the signed root cannot be shown."""
    for start in range(0, checkpoint.size, PAGE):
        count = min(PAGE, checkpoint.size - start)
        hashes = _hashes(log.json("leaves", start=start, count=count)["leaves"])
        for index, leaf in enumerate(hashes, start=start):
            if len(found) > MOST_PROBLEMS:
                return
            proof = log.json("proof/inclusion", index=index, size=checkpoint.size)
            try:
                audit_tree.verify_inclusion(
                    leaf, index, checkpoint.size, _hashes(proof["proof"]), checkpoint.root
                )
            except InvalidProof:
                found.add(f"Leaf {index} is not in the signed tree.")


def _check_cosigned(
    log: _Log,
    keys: Sequence[VerifierKey],
    witnesses: Sequence[VerifierKey],
    newest: Checkpoint,
    found: Findings,
) -> None:
    """A tree that was shown to us alone has no cosignature: a witness sees one tree of a log."""
    try:
        note = log.text("checkpoint", cosigned="true")
    except httpx.HTTPStatusError:
        found.add("No checkpoint is cosigned.")
        return
    _check_growth(log, open_note(note, keys), newest, found)
    for key in witnesses:
        try:
            lines = note.rpartition("\n\n")[2].splitlines()
            if not any(cosigned_at(note, line, key) for line in lines):
                found.add(f"The witness {key.name} has not cosigned the checkpoint.")
        except InvalidCheckpoint as error:
            found.add(f"A cosignature is forged: {error}.")


def _check_growth(log: _Log, old: Checkpoint, new: Checkpoint, found: Findings) -> None:
    proof: list[bytes] = []
    if old.size > new.size:
        found.add(f"The tree shrank: {old.size} leaves were signed, now there are {new.size}.")
        return
    if 0 < old.size < new.size:
        answer = log.json("proof/consistency", old=old.size, new=new.size)
        proof = _hashes(answer["proof"])
    try:
        audit_tree.verify_consistency(
            old.size, new.size, old.root if old.size else EMPTY_ROOT, new.root, proof
        )
    except InvalidProof:
        found.add(
            f"The tree of {new.size} leaves does not start with the {old.size} signed before: "
            f"the past was rewritten."
        )


def _hashes(encoded: Sequence[str]) -> list[bytes]:
    try:
        return [base64.b64decode(value, validate=True) for value in encoded]
    except binascii.Error as error:
        raise _Malformed(str(error)) from None
