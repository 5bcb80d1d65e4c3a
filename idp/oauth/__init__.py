"""Clients, authorization, grants, tokens, discovery — OAuth 2.0, OpenID Connect."""
