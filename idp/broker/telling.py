"""What happened at the broker, told to the person whom it concerns — GDPR art. 15."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from foundation.audit import LedgerEntry
from foundation.pages import N_, Translator
from policies import Catalogue, Consent

# %(service)s, %(attributes)s, %(level)s are filled in.
SENTENCES: Mapping[str, str] = {
    "broker.sign_in": N_("Your provider vouched for you, at level %(level)s."),
    "service.signed_in": N_("You signed in to %(service)s, at level %(level)s."),
    "service.refused": N_("You refused %(service)s."),
    "service.acted_for": N_("%(service)s went on to another service in your name."),
    "service.ended": N_("You ended everything that %(service)s could do for you."),
    "tokens.ended": N_("The access of %(service)s ended."),
    "consent.given": N_("You allowed %(service)s to learn: %(attributes)s."),
    "consent.refused": N_("You chose that %(service)s learns nothing."),
    "consent.withdrawn": N_("You withdrew what you had allowed %(service)s."),
    "consent.expired": N_("What you had allowed %(service)s expired."),
    "data.released": N_("%(service)s received: %(attributes)s."),
    "data.verified": N_("%(service)s asked, and got only yes or no: %(attributes)s."),
    "data.refused": N_("%(service)s asked for %(attributes)s and got nothing."),
}
OTHER = N_("Something happened that this page has no words for yet: %(kind)s.")


@dataclass(frozen=True, slots=True)
class Told:
    """One entry in words; `why` may be empty."""

    at: datetime
    what: str
    why: str


@dataclass(frozen=True, slots=True)
class Teller:
    """Turns entries of one person's ledger into sentences of one language."""

    catalogue: Catalogue
    consents: Sequence[Consent]
    translate: Translator

    def labels(self, names: Sequence[str]) -> list[str]:
        """Attributes as people call them."""
        return [self.translate(self.catalogue.label(name)) for name in names]

    def tell(self, entry: LedgerEntry) -> Told:
        details = entry.details
        sentence = SENTENCES.get(entry.kind, OTHER)
        attributes = ", ".join(self.labels(details.get("attributes") or ()))
        what = self.translate(
            sentence,
            kind=entry.kind,
            service=self._service(details),
            attributes=attributes or self.translate("nothing"),
            level=details.get("level", "?"),
        )
        purpose = self.catalogue.purposes.get(str(details.get("purpose", "")))
        return Told(entry.at, what, self.translate(purpose.sentence) if purpose else "")

    def _service(self, details: Mapping[str, Any]) -> str:
        named = {consent.service: consent.service_name for consent in self.consents}
        service = str(details.get("service", ""))
        return str(details.get("service_name") or named.get(service, service))
