"""Rows that grant something: guarded at every statement, remembered when taken back, checked."""
