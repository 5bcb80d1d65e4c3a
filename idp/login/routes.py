"""Routes of sign-in: pages for people, JSON for the passkey script."""

from __future__ import annotations

from functools import partial

from foundation.web import Route
from idp.login.endpoints import activate, cards, lost, passkeys, sign_in, sign_out
from idp.login.login import Login

_PAGE, _WEBAUTHN = "OpenID Connect Core 1.0 §3.1.2.3", "W3C WebAuthn Level 3 §7"
_WEB_EID = "Web eID authentication token 1.1"
_CODE = "RFC 6238 §5.2"
_LOST = "NIST SP 800-63B §6.1.2.3"
_ACTIVATION, _SIGN_OUT = "ISO/IEC 29115 §8.2.5 (CM-6)", "NIST SP 800-63B §5.1"


def routes_of(login: Login) -> tuple[Route, ...]:
    letters = (
        Route(("GET",), "/activate", partial(activate.show, login), _ACTIVATION),
        Route(("POST",), "/activate", partial(activate.submit, login), _ACTIVATION),
        Route(("POST",), "/lost", partial(lost.ask, login), _LOST),
    )
    return (
        Route(("GET",), "/sign-in", partial(sign_in.show, login), _PAGE),
        Route(("POST",), "/sign-in", partial(sign_in.submit, login), _PAGE, hashes=True),
        Route(("POST",), "/sign-in/code", partial(sign_in.submit_code, login), _CODE),
        Route(("POST",), "/sign-in/passkey/options", partial(passkeys.ask, login), _WEBAUTHN),
        Route(("POST",), "/sign-in/passkey", partial(passkeys.answer, login), _WEBAUTHN),
        Route(("POST",), "/passkeys/options", partial(passkeys.ask_new, login), _WEBAUTHN),
        Route(("POST",), "/passkeys", partial(passkeys.answer_new, login), _WEBAUTHN),
        Route(("POST",), "/sign-in/card/options", partial(cards.ask, login), _WEB_EID),
        Route(
            ("POST",),
            "/sign-in/card",
            partial(cards.answer, login),
            _WEB_EID,
            in_thread="asks the issuer of a card whether it was revoked",
        ),
        Route(("POST",), "/cards/options", partial(cards.ask_new, login), _WEB_EID),
        Route(
            ("POST",),
            "/cards",
            partial(cards.answer_new, login),
            _WEB_EID,
            in_thread="asks the issuer of a card whether it was revoked",
        ),
        Route(("POST",), "/sign-out", partial(sign_out.submit, login), _SIGN_OUT),
        Route(("GET",), "/signed-out", partial(sign_out.show, login), _SIGN_OUT),
        Route(("GET",), "/lost", partial(lost.show, login), _LOST),
        *(() if login.staff_only else letters),
        Route(("GET",), "/activate/set-up", partial(activate.show_choices, login), _ACTIVATION),
        Route(
            ("POST",),
            "/activate/set-up",
            partial(activate.choose, login),
            _ACTIVATION,
            hashes=True,
        ),
        Route(("GET",), "/activate/passkey", partial(activate.offer_passkey, login), _ACTIVATION),
        Route(("GET",), "/invitation/{secret}", partial(activate.invited, login), _ACTIVATION),
    )
