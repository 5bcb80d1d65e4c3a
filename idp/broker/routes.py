"""The routes of the broker."""

from functools import partial

from foundation.web import Route
from idp.broker.broker import CALLBACK, CHOOSE, Broker
from idp.broker.endpoints import account, choose
from idp.broker.endpoints.callback import callback
from idp.broker.endpoints.sign_in import sign_in
from idp.broker.endpoints.sign_out import sign_out, signed_out
from policies import Withdrawal

GET, POST = ("GET",), ("POST",)


def routes_of(broker: Broker, withdrawal: Withdrawal) -> tuple[Route, ...]:
    """Choice, the way back from each provider, the person's own pages, the end."""
    withdraw = partial(account.withdraw, broker, withdrawal)
    return (
        Route(GET, CHOOSE, partial(choose.show, broker), "Choice of provider"),
        Route(POST, CHOOSE, partial(choose.choose, broker), "Choice of provider"),
        Route(
            GET,
            CALLBACK + "/{provider}",
            partial(callback, broker),
            "OpenID Connect Core 1.0 §3.1.2.5",
        ),
        Route(GET, "/sign-in", partial(sign_in, broker), "Choice of provider"),
        Route(POST, "/sign-out", partial(sign_out, broker), "End of the session"),
        Route(GET, "/signed-out", partial(signed_out, broker), "End of the session"),
        Route(GET, "/", partial(account.home, broker), "Start page"),
        Route(GET, "/account", partial(account.account, broker), "The person's account"),
        Route(GET, "/account/ledger", partial(account.account, broker), "The person's account"),
        Route(GET, "/account/consents", partial(account.account, broker), "The person's account"),
        Route(POST, "/account/consents/{consent_id}/withdraw", withdraw, "GDPR art. 7(3)"),
    )
