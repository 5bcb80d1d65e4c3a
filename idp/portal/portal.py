"""The citizen's account, over everything below it — GDPR art. 12, 15, 20; rows G-4, G-8, P-4."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from starlette.requests import Request

from device_registry import Device, Devices, owner
from foundation import web
from foundation.errors import SeeOther
from foundation.pages import Translator
from foundation.runtime import Runtime
from idp.login import Login, Session
from idp.oauth import ActingServices, OAuth
from idp.portal.identity_check import IdentityChecks
from idp.portal.staff_account import StaffAccount
from idp.register import Register, Subject
from policies import Consent, Policies, Withdrawal

REVIEW = "/account/services/review"


OF_STAFF = {
    "/account": StaffAccount.base,
    "/account/ledger": "/work/ledger",
    "/account/credentials": "/work/credentials",
}


class Portal:
    """What a citizen sees and steers. Every page is about the one who is signed in, and no one
    else: no id of a person is ever taken from a request."""

    base = "/account"

    def __init__(
        self,
        runtime: Runtime,
        policies: Policies,
        withdrawal: Withdrawal,
        register: Register,
        login: Login,
        oauth: OAuth,
        devices: Devices,
        acting: ActingServices,
    ) -> None:
        self.runtime = runtime
        self.policies = policies
        self.withdrawal = withdrawal
        self.register = register
        self.login = login
        self._oauth = oauth
        self._devices = devices
        self.acting = acting
        self.checks = IdentityChecks(runtime, register, login, oauth)

    def citizen(self, request: Request) -> str:
        """The id of the citizen who is signed in; raises what `web.require` raises. Staff who open
        a page that they have as well are led to theirs."""
        found = web.principal(request)
        theirs = OF_STAFF.get(request.url.path) if request.method == "GET" else None
        if theirs is not None and found is not None and found.kind == "staff":
            raise SeeOther(theirs)
        return web.require(request, kind="citizen").id

    def session(self, request: Request) -> Session:
        """The citizen's own session in this browser."""
        self.citizen(request)
        session = self.login.session(request)
        if session is None:
            raise SeeOther("/sign-in")
        return session

    def posted(self, request: Request) -> tuple[str, web.Form]:
        """The citizen and their form, which came from a page of ours."""
        person_id = self.citizen(request)
        form = web.form(request)
        web.check_csrf(request, form)
        return person_id, form

    def after_change(self, person_id: str, otherwise: str) -> str:
        """Where to go once the means of signing in changed: to the question whether services
        that were let in before may go on, if there are any."""
        return REVIEW if self.acting.to_review(person_id) else otherwise

    def devices(self, person_id: str) -> Sequence[Device]:
        return self._devices.of_owner(owner("citizen", person_id))

    def sign_in_name(self, person_id: str) -> str:
        return self.register.sign_in_name_of(Subject("citizen", person_id)) or ""

    # ── words for ids ─────────────────────────────────────────────────────────────────

    def service_names(self, consents: Sequence[Consent]) -> Mapping[str, str]:
        """Names of services as the person saw them when they answered."""
        return {consent.service: consent.service_name for consent in reversed(consents)}

    def service_name(self, service: str, known: Mapping[str, str]) -> str:
        if service in known:
            return known[service]
        client = self._oauth.clients.find(service, self.runtime.clock.now())
        return service if client is None else client.name

    def purpose_sentence(self, purpose: str, translate: Translator) -> str:
        return translate(self.policies.catalogue.sentence(purpose))

    def attribute_label(self, name: str, translate: Translator) -> str:
        return translate(self.policies.catalogue.label(name))
