"""Endpoints of the policies package: one protocol endpoint a file."""
