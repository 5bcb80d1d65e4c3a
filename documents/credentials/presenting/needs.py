"""What a service may ask to be shown: what its purpose has a use for — GDPR art. 5(1)(c)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from documents.credentials.configurations import Configuration, type_name
from documents.credentials.presenting.wanted import Wanted, WantedClaim
from documents.locker import Services
from foundation.errors import Unprocessable
from foundation.nearest import instead
from policies import Policies


def purpose_of(services: Services, service: str, purpose: str | None) -> str:
    """The purpose of a request: one that the service is registered for. Raises Unprocessable."""
    registered = services.purposes(service)
    if purpose is None and len(registered) == 1:
        return registered[0]
    if purpose is None or purpose not in registered:
        raise Unprocessable(
            "This is no purpose that the service is registered for."
            if purpose
            else "Say what for.",
            where="purpose",
            next_step=f"Name one of: {', '.join(registered) or 'none is registered'}.",
        )
    return purpose


class Needs:
    """Holds what is asked for against the kinds of credentials and the purpose."""

    def __init__(
        self,
        policies: Policies,
        known: Mapping[str, Configuration],
        url: str,
    ) -> None:
        self._policies = policies
        self._known = known
        self._url = url

    def wanted(
        self,
        name: str,
        which: str,
        claims: Sequence[WantedClaim],
        formats: Sequence[str],
        purpose: str,
    ) -> Wanted:
        """A credential as it is asked for. Raises Unprocessable with what to write."""
        configuration = self._known.get(which)
        if configuration is None:
            raise Unprocessable(
                f"There is no kind of credential {which!r}.",
                where="credentials",
                next_step=instead(which, self._known),
            )
        if not claims:
            raise Unprocessable("Say which claims of it.", where="claims")
        paths = {claim.path for claim in configuration.claims}
        useful = self._policies.purpose(purpose).attributes
        for claim in claims:
            written = ".".join(claim.path)
            if claim.path not in paths:
                every = [".".join(path) for path in sorted(paths)]
                raise Unprocessable(
                    f"{configuration.title} has no claim {written!r}.",
                    where="claims",
                    next_step=instead(written, every),
                )
            permits = configuration.permitted_by(claim.path)
            if permits is not None and permits not in useful:
                raise Unprocessable(
                    f"{purpose} has no use for {written}.",
                    where="claims",
                    next_step="Ask for less, or for another purpose that is registered.",
                )
        types = {form: type_name(self._url, which, form) for form in formats}
        return Wanted(name, which, types, tuple(claims))
