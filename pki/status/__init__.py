"""What a certificate is worth now: lists and answers about it — RFC 5280 §5, RFC 6960."""
