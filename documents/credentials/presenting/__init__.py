"""Credentials are shown to services of the city: asked for, verified, told — OpenID4VP 1.0."""
