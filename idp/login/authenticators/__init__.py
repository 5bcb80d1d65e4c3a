"""Authenticators: one file each; what one can reach is a row of the ceilings table."""
