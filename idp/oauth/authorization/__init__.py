"""The authorization request: parsed, checked, kept while the person answers — RFC 6749 §4.1.1."""
