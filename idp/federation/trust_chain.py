"""Validation of a trust chain, and the metadata that it resolves to — OpenID Federation §4, §10.2.

Pure: the statements were fetched before. A `TrustChain` exists only when everything held.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from typing import Any

from idp.federation import metadata_policy, vouching
from idp.federation.entity_statement import EntityStatement, MarkEntry, parse
from idp.federation.jws import Invalid

Metadata = Mapping[str, Mapping[str, Any]]
"""Entity type → parameters."""
LONGEST = 8
"""Statements in a chain: more are refused before any signature is looked at."""


@dataclass(frozen=True, slots=True)
class TrustChain:
    """A valid chain. `metadata` is resolved: what the anchor allows of what the subject says.
    `vouched` is the part of it that superiors say or name the values of.

    `expires_at` is the earliest end of its statements (§10.4). `trust_marks` are the subject's,
    still to be validated one by one (§7.3).
    """

    subject: str
    anchor: str
    expires_at: datetime
    metadata: Mapping[str, Mapping[str, Any]]
    vouched: Mapping[str, Mapping[str, Any]]
    trust_marks: tuple[MarkEntry, ...]
    statements: tuple[EntityStatement, ...]

    @property
    def tokens(self) -> tuple[str, ...]:
        """The chain as JWTs, subject first."""
        return tuple(statement.token for statement in self.statements)

    @property
    def anchor_configuration(self) -> EntityStatement:
        return self.statements[-1]


def validate(
    tokens: Sequence[str],
    anchors: Mapping[str, Sequence[Mapping[str, Any]]],
    now: datetime,
    *,
    loopback_http: bool = False,
) -> TrustChain:
    """The chain of `tokens`: the subject's configuration, statements upwards, the anchor's
    configuration. `anchors` maps trusted anchors to their pinned keys. Raises Invalid.
    """
    if not 3 <= len(tokens) <= LONGEST:
        raise Invalid(f"A trust chain has from three to {LONGEST} statements.")
    statements = tuple(parse(token, loopback_http=loopback_http) for token in tokens)
    pinned = _check_shape(statements, anchors)
    for statement in statements:
        statement.check_time(now)
    _check_signatures(statements, pinned)
    metadata, vouched = _resolve(statements)
    return TrustChain(
        subject=statements[0].subject,
        anchor=statements[-1].issuer,
        expires_at=min(s.expires_at for s in statements),
        metadata=metadata,
        vouched=vouched,
        trust_marks=statements[0].trust_marks,
        statements=statements,
    )


def _check_shape(
    statements: Sequence[EntityStatement], anchors: Mapping[str, Sequence[Mapping[str, Any]]]
) -> Sequence[Mapping[str, Any]]:
    leaf, anchor = statements[0], statements[-1]
    if not leaf.is_configuration or not anchor.is_configuration:
        raise Invalid("A trust chain begins and ends with an entity configuration.")
    if anchor.issuer not in anchors:
        raise Invalid(f"{anchor.issuer} is not a trust anchor of this deployment.")
    between = statements[1:-1]
    for lower, upper in pairwise(statements):
        if lower.issuer != upper.subject:
            raise Invalid("The statements of the trust chain do not follow one another.")
    if any(s.is_configuration for s in between):
        raise Invalid("A configuration stands in the middle of the trust chain.")
    subjects = [s.subject for s in between]
    if len(set(subjects)) != len(subjects) or anchor.issuer in subjects:
        raise Invalid("The trust chain has a loop.")
    # §3.2: the subordinate must name this superior too.
    if between[0].issuer not in leaf.authority_hints:
        raise Invalid(f"{leaf.subject} does not name {between[0].issuer} as its authority.")
    return anchors[anchor.issuer]


def _check_signatures(
    statements: Sequence[EntityStatement], pinned: Sequence[Mapping[str, Any]]
) -> None:
    # From the top: the anchor's own configuration is believed by the pinned keys alone.
    statements[-1].verified_by(pinned)
    for lower, upper in zip(reversed(statements[:-1]), reversed(statements[1:]), strict=True):
        lower.verified_by(upper.keys)
    statements[0].verified_by(statements[0].keys)


def _resolve(statements: Sequence[EntityStatement]) -> tuple[Metadata, Metadata]:
    leaf, between = statements[0], statements[1:-1]
    superior = between[0].metadata
    metadata: dict[str, Mapping[str, Any]] = dict(leaf.metadata)
    # §3.1.1: the immediate superior's metadata overrides, for types that the subject has.
    for entity_type, parameters in superior.items():
        if entity_type in metadata:
            metadata[entity_type] = {**metadata[entity_type], **parameters}
    for intermediates, statement in enumerate(between):
        statement.constraints.check_path(intermediates)
        for below in between[: intermediates + 1]:
            statement.constraints.check_name(below.subject)
        metadata = statement.constraints.allowed(metadata)
    critical = frozenset[str]().union(*(s.critical_operators for s in between))
    unknown = critical - metadata_policy.OPERATORS.keys()
    if unknown:
        raise Invalid(f"The critical policy operator {min(unknown)} is not understood.")
    policies = [s.metadata_policy for s in reversed(between) if s.metadata_policy is not None]
    policy = metadata_policy.resolve(policies, critical)
    resolved = metadata_policy.apply(policy, metadata)
    vouched = {
        entity_type: vouching.vouched_for(
            policy.get(entity_type, {}),
            superior.get(entity_type, {}),
            leaf.metadata.get(entity_type, {}),
            parameters,
        )
        for entity_type, parameters in resolved.items()
    }
    return resolved, vouched
