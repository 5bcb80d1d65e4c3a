"""Pages of operators and auditors, a file each."""
