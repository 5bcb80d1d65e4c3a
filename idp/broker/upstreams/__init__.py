"""Upstream identity providers: one file a protocol."""
