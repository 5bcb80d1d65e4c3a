"""What a trust anchor signs about its subordinates: statements, marks, statuses — §3, §7, §8."""

from __future__ import annotations

import logging
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select

from foundation import algorithms
from foundation.runtime import Runtime
from foundation.signing_keys import generation, signing_keys
from idp.federation import entity_statement, jws, store, trust_mark
from idp.federation.accreditation import LEVELS, OPENID_PROVIDER, OPENID_RELYING_PARTY
from idp.federation.client_keys import JWK_SET_TYP
from idp.federation.lasting import Lasting
from idp.federation.store import Entity, IssuedMark
from idp.federation.trust_chain import TrustChain
from idp.federation.trust_mark import TrustMark
from policies import acr_of

log = logging.getLogger("civitas.federation")
USE = "federation"
RESOLVE_TYP = "resolve-response+jwt"


class Authority:
    """Signs in the name of the anchor `entity_id`."""

    def __init__(
        self, runtime: Runtime, entity_id: str, *, statement_for: timedelta, mark_for: timedelta
    ) -> None:
        self._runtime = runtime
        self._entity_id = entity_id
        self._statement_for = statement_for
        self._mark_for = mark_for
        self._lasting = Lasting(runtime.keys, USE)

    def statement_about(self, entity_id: str) -> str | None:
        """The subordinate statement (§3.1), or None unless the entity is accredited now."""
        with self._runtime.database.read() as uow:
            entity = store.entity(uow, entity_id)
        if entity is None or not entity.is_accredited:
            return None
        now = self._runtime.clock.now()
        claims: dict[str, Any] = {
            "iss": self._entity_id,
            "sub": entity.entity_id,
            "iat": jws.seconds(now),
            "exp": jws.seconds(now + self._statement_for),
            "jwks": {"keys": [dict(key) for key in entity.keys]},
            "source_endpoint": f"{self._entity_id}/federation/fetch",
            "constraints": {
                "max_path_length": 0,
                "allowed_entity_types": _allowed_types(entity),
            },
        }
        # The name under which we took it up: whatever it calls itself since.
        claims["metadata"] = {"federation_entity": {"organization_name": entity.organization}}
        policy = _policy(entity)
        if policy:
            claims["metadata_policy"] = policy
        return self._sign(entity_statement.TYP, claims)

    def subordinates(
        self,
        entity_types: tuple[str, ...],
        *,
        trust_marked: bool = False,
        trust_mark_type: str | None = None,
    ) -> list[str]:
        """Entity identifiers of the accredited that are of all these types (§8.2)."""
        with self._runtime.database.read() as uow:
            known = [e for e in store.entities(uow) if e.is_accredited]
        return [
            e.entity_id
            for e in known
            if set(entity_types) <= set(_allowed_types(e))
            and (e.level is not None or not trust_marked)
            and trust_mark_type in (None, self._mark_type(e))
        ]

    def mark_for(self, entity_id: str, trust_mark_type: str) -> str | None:
        """The entity's trust mark of that type, made anew when half its life is over (§8.6)."""
        now = self._runtime.clock.now()
        with self._runtime.database.read() as uow:
            entity = store.entity(uow, entity_id)
            if entity is None or not entity.is_accredited:
                return None
            held = store.latest_mark(uow, entity.id, trust_mark_type, now)
        if self._mark_type(entity) != trust_mark_type:
            return None
        if held is not None and held.expires_at - now > self._mark_for / 2:
            return held.token
        try:
            return self._new_mark(entity, trust_mark_type, now)
        except Exception:
            if held is None or held.expires_at <= now:
                raise
            # Late is better than none: the one that is there holds, as its status says.
            log.exception("the trust mark of %s cannot be made anew", entity_id)
            return held.token

    def _new_mark(self, entity: Entity, trust_mark_type: str, now: datetime) -> str | None:
        expires = now + self._mark_for
        token = jws.sign(
            self._runtime.keys.signer(USE),
            trust_mark.TYP,
            {
                "iss": self._entity_id,
                "sub": entity.entity_id,
                "trust_mark_type": trust_mark_type,
                "iat": jws.seconds(now),
                "exp": jws.seconds(expires),
                "ref": f"{self._entity_id}/register-of-providers",
            },
        )
        with self._runtime.database.write() as uow:
            current = store.entity(uow, entity.entity_id)
            if current is None or (current.state, current.level) != (entity.state, entity.level):
                return None
            new = IssuedMark(token, trust_mark_type, "active", now, expires)
            store.add_mark(uow, entity.id, new)
        return token

    def status_of(self, token: str) -> str | None:
        """A signed status of a mark that we issued (§8.4), or None for any other."""
        with self._runtime.database.read() as uow:
            mark = store.mark(uow, token)
        if mark is None:
            return None
        now = self._runtime.clock.now()
        status = mark.state
        if status == trust_mark.ACTIVE and mark.expires_at <= now:
            status = trust_mark.EXPIRED
        claims = {
            "iss": self._entity_id,
            "iat": jws.seconds(now),
            "trust_mark": token,
            "status": status,
        }
        return self._sign(trust_mark.STATUS_TYP, claims)

    def verified_marks(self, chain: TrustChain, now: datetime) -> list[TrustMark]:
        """The subject's marks that we issued and that are active: all that we vouch for (§8.3)."""
        verified = []
        for entry in chain.trust_marks:
            with self._runtime.database.read() as uow:
                issued = store.mark(uow, entry.trust_mark)
            if issued is None or issued.state != trust_mark.ACTIVE:
                continue
            try:
                verified.append(
                    trust_mark.validate(
                        entry.trust_mark,
                        entry.trust_mark_type,
                        chain.subject,
                        chain.anchor_configuration,
                        now,
                    )
                )
            except jws.Invalid:
                continue
        return verified

    def historical_keys(self) -> str:
        """The federation keys that we no longer publish, signed (§8.7)."""
        now = self._runtime.clock.now()
        with self._runtime.database.read() as uow:
            query = select(signing_keys).where(signing_keys.c.use == USE)
            known = [generation(row) for row in uow.all(query.order_by(signing_keys.c.generation))]
        keys: list[dict[str, Any]] = []
        for one in known:
            if one.state(now) not in ("retired", "revoked"):
                continue
            ended = one.key.published_until or one.revoked_at or now
            entry: dict[str, Any] = {
                **algorithms.jwk(one.key.public_key),
                "kid": one.key.kid,
                "alg": one.key.algorithm,
                "iat": jws.seconds(one.key.created_at),
                "exp": jws.seconds(ended),
            }
            if one.revoked_at is not None:
                entry["revoked"] = {"revoked_at": jws.seconds(one.revoked_at)}
            keys.append(entry)
        return self._sign(
            JWK_SET_TYP, {"iss": self._entity_id, "iat": jws.seconds(now), "keys": keys}
        )

    def mark_issuers(self) -> dict[str, list[str]]:
        """The claim `trust_mark_issuers`: our types, which only we issue (§3.1.2)."""
        return {trust_mark.type_of_level(self._entity_id, n): [self._entity_id] for n in LEVELS}

    def sweep(self) -> None:
        """Forget marks that ended more than a month ago: periodic work."""
        with self._runtime.database.write() as uow:
            store.sweep_marks(uow, self._runtime.clock.now() - timedelta(days=30))

    def _mark_type(self, entity: Entity) -> str | None:
        if entity.level is None:
            return None
        return trust_mark.type_of_level(self._entity_id, entity.level)

    def _sign(self, typ: str, claims: dict[str, Any]) -> str:
        return self._lasting.sign(typ, claims, self._runtime.clock.now())


def _allowed_types(entity: Entity) -> list[str]:
    # Without a level an entity is no provider, whatever else it says of itself.
    return [t for t in entity.entity_types if t != OPENID_PROVIDER or entity.level is not None]


def _policy(entity: Entity) -> dict[str, Any]:
    policy: dict[str, Any] = {}
    if OPENID_PROVIDER in entity.entity_types and entity.level is not None:
        levels = [acr_of(n) for n in LEVELS if n <= entity.level]
        policy[OPENID_PROVIDER] = {"acr_values_supported": {"subset_of": levels}}
    if OPENID_RELYING_PARTY in entity.entity_types:
        # Nobody but the holder of the keys named here may come in the entity's name (§12.1.3).
        policy[OPENID_RELYING_PARTY] = {"token_endpoint_auth_method": {"value": "private_key_jwt"}}
    return policy
