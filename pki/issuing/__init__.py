"""From a request or a plan to a certificate: lint, record, sign, record — RFC 5280 §4."""
