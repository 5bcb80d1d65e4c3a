"""Endpoints of the locker."""
