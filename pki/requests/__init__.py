"""Requests for certificates: read by hand, parsed once, possession proven — RFC 2986."""
