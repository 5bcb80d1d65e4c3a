"""Pages and doors of the citizen's account, a file each."""
