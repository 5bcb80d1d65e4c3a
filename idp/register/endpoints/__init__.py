"""Pages of the registration officer's desk, a file each."""
