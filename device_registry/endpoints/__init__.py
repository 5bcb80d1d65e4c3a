"""Endpoints of the registry: the operator's pages, the JSON interface, and the device's own."""
