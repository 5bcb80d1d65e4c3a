"""Applying alone, online: a draft that its writer can stop and go on with, a queue for officers —
ISO/IEC 29115:2013 §10.1."""

from idp.register.applications.online import OnlineApplications
from idp.register.applications.routes import routes_of
from idp.register.applications.settings import ApplicationSettings

__all__ = ["ApplicationSettings", "OnlineApplications", "routes_of"]
