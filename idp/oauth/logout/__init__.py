"""Services told of a sign-out — OIDC Back-Channel Logout 1.0, Front-Channel Logout 1.0."""
