"""The broker: choice of provider, upstreams, blindness in both directions."""

from idp.broker.broker import Broker, prepare, relying_party_metadata
from idp.broker.incident import HubSessions
from idp.broker.routes import routes_of
from idp.broker.settings import BrokerSettings
from idp.broker.store import open_sessions

SECTIONS = (BrokerSettings,)

__all__ = [
    "SECTIONS",
    "Broker",
    "BrokerSettings",
    "HubSessions",
    "open_sessions",
    "prepare",
    "relying_party_metadata",
    "routes_of",
]
