"""The composition root: puts the packages together; the command line; the demo city."""
