"""From what the library says to one machine-readable reason — RFC 5280 §6.1.

The library tells kinds of failure apart by class where it can, and by sentence where it cannot; a
sentence that it changes makes the reason "path", never a certificate valid.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from asn1crypto import x509
from pyhanko_certvalidator import errors

from pki.path.rules import PathRefused, Reason

_SENTENCES: tuple[tuple[str, Reason], ...] = (
    ("permitted namespace", "name_constraints"),
    ("excluded from the namespace", "name_constraints"),
    ("containment checker", "name_constraints"),
    ("set of policies", "policy"),
    ("policy graph", "policy"),
    ("policy mapping", "policy"),
    ("signature", "signature"),
    ("issuer name could not be matched", "signature"),
    ("is not a CA", "not_an_authority"),
    ("maximum path length", "path_length"),
    ("not allowed to sign certificates", "not_an_authority"),
    ("unsupported critical extension", "critical_extension"),
)
# Of several paths, the one that got furthest is reported: these did not leave the ground.
_EARLY = ("no_path", "signature", "issuer_expired", "path")


@contextmanager
def malformed() -> Iterator[None]:
    """Whatever a parser raises at bytes that it does not like becomes one refusal."""
    try:
        yield
    except PathRefused:
        raise
    except RecursionError as error:
        raise PathRefused("malformed", "nested too deeply") from error
    except Exception as error:  # hostile bytes; nothing in here has a side effect
        raise PathRefused("malformed", f"{type(error).__name__}: {error}") from error


@contextmanager
def named(leaf: x509.Certificate) -> Iterator[None]:
    """What is wrong with a path, by name."""
    try:
        yield
    except errors.PathValidationError as error:
        raise PathRefused(_reason(error), str(error)) from error
    except (errors.ValidationError, errors.PathError) as error:
        raise PathRefused(_by_sentence(error), str(error)) from error
    except NotImplementedError as error:
        # A constraint of a kind that cannot be processed refuses (RFC 5280 §4.2.1.10).
        raise PathRefused("name_constraints", str(error)) from error


def _reason(error: errors.PathValidationError) -> Reason:
    last = error.is_ee_cert and not error.is_side_validation
    if isinstance(error, errors.RevokedError):
        return "revoked" if last else "issuer_revoked"
    if isinstance(error, errors.InsufficientRevinfoError):
        return "revocation_unknown"
    if isinstance(error, errors.ExpiredError):
        return "expired" if last else "issuer_expired"
    if isinstance(error, errors.NotYetValidError):
        return "not_yet_valid" if last else "issuer_expired"
    if isinstance(error, errors.DisallowedAlgorithmError):
        return "algorithm"
    return _by_sentence(error)


def _by_sentence(error: Exception) -> Reason:
    said = str(error)
    return next((reason for words, reason in _SENTENCES if words in said), "path")


def most_telling(refused: Sequence[PathRefused]) -> PathRefused:
    """The refusal to report when no path held."""
    if not refused:
        return PathRefused("no_path", "no anchor is reached")
    return next((one for one in refused if one.reason not in _EARLY), refused[0])
