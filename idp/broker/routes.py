"""The doors of the broker."""

from functools import partial

from foundation.web import Door
from idp.broker.endpoints import choose
from idp.broker.endpoints.callback import callback
from idp.broker.endpoints.sign_out import sign_out
from idp.broker.wing import CALLBACK, CHOOSE, Broker


def doors(broker: Broker) -> tuple[Door, ...]:
    """Choice, the way back from each provider, the end."""
    return (
        Door(("GET",), CHOOSE, partial(choose.show, broker), "Choice of provider"),
        Door(("POST",), CHOOSE, partial(choose.choose, broker), "Choice of provider"),
        Door(
            ("GET",),
            CALLBACK + "/{provider}",
            partial(callback, broker),
            "OpenID Connect Core 1.0 §3.1.2.5",
        ),
        Door(("POST",), "/broker/sign-out", partial(sign_out, broker), "End of the session"),
    )
