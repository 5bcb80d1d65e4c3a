"""Endpoints of credentials."""
