"""Is a signed file what was signed, by whom, and when? In a process of its own — EN 319 102-1."""

from documents.judging.bounds import MEMORY

MODULE = __name__
"""What `python -m` runs."""

__all__ = ["MEMORY", "MODULE"]
