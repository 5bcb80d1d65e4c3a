"""What certificates are made of: keys, names, DER, and a certificate as facts — RFC 5280 §4.1."""
