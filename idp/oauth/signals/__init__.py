"""Services told of what happened to a sign-in — OpenID Shared Signals Framework 1.0, CAEP, RISC."""
