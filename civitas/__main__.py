"""`python -m civitas` is the command line."""

from civitas.cli import main

main()
