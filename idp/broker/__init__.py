"""The broker: choice of provider, upstreams, blindness in both directions."""

from idp.broker.incident import HubSessions
from idp.broker.routes import doors
from idp.broker.settings import BrokerSettings
from idp.broker.store import open_sessions
from idp.broker.wing import Broker, prepare, relying_party_metadata

SECTIONS = (BrokerSettings,)

__all__ = [
    "SECTIONS",
    "Broker",
    "BrokerSettings",
    "HubSessions",
    "doors",
    "open_sessions",
    "prepare",
    "relying_party_metadata",
]
