"""Endpoints of remote signature: parse, call, answer."""
