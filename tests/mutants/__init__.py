"""Checks of the checks: each control is taken out, and its test must go red: `make mutants`."""
