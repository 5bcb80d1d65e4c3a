"""Client authentication, one method a file — RFC 6749 §2.3, OpenID Connect Core §9, RFC 8705 §2."""

from idp.oauth.client_authentication.authenticator import AuthenticatedClient, Authenticator

__all__ = ["AuthenticatedClient", "Authenticator"]
