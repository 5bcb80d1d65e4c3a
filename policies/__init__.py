"""Levels of assurance, purposes, consent and decisions."""
