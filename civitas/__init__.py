"""The roof: plugs the wings together; the command line; the demo city."""
