"""The doors of the authorization server, one protocol endpoint a file."""
