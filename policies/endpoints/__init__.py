"""Doors of the policies wing: one protocol endpoint a file."""
