"""A secret that no single person holds: words for several custodians — SLIP-0039.

Each custodian keeps 33 English words on paper. `threshold` of them bring the secret back; fewer
tell nothing at all about it.
"""

from __future__ import annotations

from collections.abc import Sequence

from pki.refusals import CeremonyRefused

# The secret is random, so stretching it as one would a password gains nothing.
_NO_STRETCHING = 0


def split(secret: bytes, threshold: int, custodians: int) -> tuple[str, ...]:
    """One line of words for each custodian. `secret` has 32 bytes."""
    if not 2 <= threshold <= custodians <= 16:
        raise CeremonyRefused(
            f"{threshold} of {custodians} custodians is not dual control.",
            "Choose two to sixteen custodians, of whom two or more act together.",
            where="threshold",
        )
    import shamir_mnemonic  # only a ceremony needs it

    (words,) = shamir_mnemonic.generate_mnemonics(
        1, [(threshold, custodians)], secret, iteration_exponent=_NO_STRETCHING
    )
    return tuple(words)


def combine(lines: Sequence[str]) -> bytes:
    """The secret from the words of enough custodians. Raises CeremonyRefused."""
    import shamir_mnemonic

    given = list(dict.fromkeys(" ".join(line.split()).lower() for line in lines))
    try:
        secret: bytes = shamir_mnemonic.combine_mnemonics(given)
    except (shamir_mnemonic.MnemonicError, ValueError, IndexError) as error:
        raise CeremonyRefused(
            f"These words do not make up the secret: {error}",
            "Let each custodian read the words again, from the same ceremony.",
            where="words",
        ) from error
    return secret
