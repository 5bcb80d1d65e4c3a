"""The software authenticator of the tour serves the tests too."""

from civitas.tour.passkey import SoftPasskey

__all__ = ["SoftPasskey"]
