"""The broker: choice of provider, upstreams, blindness in both directions."""

from idp.broker.incident import HubSessions
from idp.broker.routes import doors
from idp.broker.settings import BrokerSettings
from idp.broker.wing import Broker, prepare, relying_party_metadata

SECTIONS = (BrokerSettings,)

__all__ = [
    "SECTIONS",
    "Broker",
    "BrokerSettings",
    "HubSessions",
    "doors",
    "prepare",
    "relying_party_metadata",
]
