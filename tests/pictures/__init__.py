"""Pictures of every page, wide, narrow, dark and from right to left: `make pictures`."""
