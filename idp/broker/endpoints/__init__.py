"""The broker's endpoints, one a file."""
