"""A PKCS#11 token: how it is named, its session, and keys that never leave it — RFC 7512."""
