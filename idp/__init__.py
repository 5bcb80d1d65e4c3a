"""People: the identity register, sign-in, OAuth and OpenID Connect, federation, broker, portal."""
