"""Revocation: one certificate, thousands, again after a restore; banned keys — RFC 5280 §5."""
