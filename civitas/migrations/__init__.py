"""The tables' history; each revision a file in `versions`."""
