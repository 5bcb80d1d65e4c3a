"""Pages and endpoints of the citizen's account, a file each."""
