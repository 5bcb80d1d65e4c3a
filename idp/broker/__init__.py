"""The broker: choice of provider, upstreams, blindness in both directions."""

from idp.broker.routes import doors
from idp.broker.settings import BrokerSettings
from idp.broker.wing import Broker, prepare, relying_party_metadata

SECTIONS = (BrokerSettings,)

__all__ = [
    "SECTIONS",
    "Broker",
    "BrokerSettings",
    "doors",
    "prepare",
    "relying_party_metadata",
]
