"""Tokens that we sign and read — RFC 7515, RFC 9068, OpenID Connect Core §2."""
