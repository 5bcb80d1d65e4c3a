"""The endpoints of the authorization server, one protocol endpoint a file."""
