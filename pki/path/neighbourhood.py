"""Which certificates and lists can matter to one path — RFC 5280 §6.3.3.

A list is issued by a certificate's issuer, or by whom its distribution points name; who signs a
list has a path, and a status, of its own. Everything else is left out before the library looks.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence

from asn1crypto import crl, x509


class Neighbourhood:
    def __init__(
        self, certificates: Sequence[x509.Certificate], lists: Sequence[crl.CertificateList]
    ) -> None:
        self._certificates: defaultdict[str, list[x509.Certificate]] = defaultdict(list)
        self._lists: defaultdict[str, list[crl.CertificateList]] = defaultdict(list)
        for certificate in certificates:
            self._certificates[certificate.subject.hashable].append(certificate)
        for one in lists:
            self._lists[one.issuer.hashable].append(one)

    def of(
        self, path: Sequence[x509.Certificate]
    ) -> tuple[list[x509.Certificate], list[crl.CertificateList]]:
        """The authorities and the lists that bear a name which the path leads to."""
        names: dict[str, None] = {}
        waiting = [name for certificate in path for name in _leads_to(certificate)]
        while waiting:
            name = waiting.pop()
            if name not in names:
                names[name] = None
                for certificate in self._certificates[name]:
                    waiting += _leads_to(certificate)
        return (
            [certificate for name in names for certificate in self._certificates[name]],
            [one for name in names for one in self._lists[name]],
        )


def _leads_to(certificate: x509.Certificate) -> Iterator[str]:
    yield certificate.issuer.hashable
    for point in certificate.crl_distribution_points_value or ():
        for name in point["crl_issuer"] or ():
            if name.name == "directory_name":
                yield name.chosen.hashable
