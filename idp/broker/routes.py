"""The doors of the broker."""

from functools import partial

from foundation.web import Door
from idp.broker.endpoints import account, choose
from idp.broker.endpoints.callback import callback
from idp.broker.endpoints.sign_in import sign_in
from idp.broker.endpoints.sign_out import sign_out, signed_out
from idp.broker.wing import CALLBACK, CHOOSE, Broker
from policies import Withdrawal

GET, POST = ("GET",), ("POST",)


def doors(broker: Broker, withdrawal: Withdrawal) -> tuple[Door, ...]:
    """Choice, the way back from each provider, the person's own pages, the end."""
    withdraw = partial(account.withdraw, broker, withdrawal)
    return (
        Door(GET, CHOOSE, partial(choose.show, broker), "Choice of provider"),
        Door(POST, CHOOSE, partial(choose.choose, broker), "Choice of provider"),
        Door(
            GET,
            CALLBACK + "/{provider}",
            partial(callback, broker),
            "OpenID Connect Core 1.0 §3.1.2.5",
        ),
        Door(GET, "/sign-in", partial(sign_in, broker), "Choice of provider"),
        Door(POST, "/sign-out", partial(sign_out, broker), "End of the session"),
        Door(GET, "/signed-out", partial(signed_out, broker), "End of the session"),
        Door(GET, "/", partial(account.home, broker), "Start page"),
        Door(GET, "/account", partial(account.account, broker), "The person's account"),
        Door(GET, "/account/ledger", partial(account.account, broker), "The person's account"),
        Door(GET, "/account/consents", partial(account.account, broker), "The person's account"),
        Door(POST, "/account/consents/{consent_id}/withdraw", withdraw, "GDPR art. 7(3)"),
    )
