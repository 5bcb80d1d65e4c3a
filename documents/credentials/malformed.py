"""What is wrong with a credential's form, whichever form it has."""

from __future__ import annotations


class Malformed(ValueError):
    """`code`: a word of its own for each fault."""

    def __init__(self, code: str, sentence: str) -> None:
        super().__init__(sentence)
        self.code = code
