"""Remote signature: a key and a certificate for one act; seals of organisations."""
