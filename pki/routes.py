"""Every URL of the package, its specification beside it."""

from __future__ import annotations

from functools import partial

from foundation.web import Route
from pki.endpoints.authorities import authorities_pem, authority_file
from pki.endpoints.board import board_page
from pki.endpoints.ocsp import MOST_OCTETS, ocsp_get, ocsp_post
from pki.endpoints.revocation_list import partial_list, whole_list
from pki.endpoints.time_stamp import time_stamp
from pki.enrolment import Pki
from pki.est import refusal
from pki.est.cacerts import cacerts
from pki.est.csr_attributes import csr_attributes
from pki.est.full_cmc import full_cmc
from pki.est.server_key_generation import server_key_generation
from pki.est.simple_enrol import simple_enrol
from pki.est.simple_reenrol import simple_reenrol
from pki.timestamps.request import MOST_OCTETS as MOST_OCTETS_OF_A_STAMP

_PAGES = "Civitas operator's pages; WCAG 2.2"
_EST = (
    ("GET", "cacerts", cacerts, "RFC 7030 §4.1"),
    ("POST", "simpleenroll", simple_enrol, "RFC 7030 §4.2"),
    ("POST", "simplereenroll", simple_reenrol, "RFC 7030 §4.2.2"),
    ("POST", "fullcmc", full_cmc, "RFC 7030 §4.3"),
    ("POST", "serverkeygen", server_key_generation, "RFC 7030 §4.4"),
    ("GET", "csrattrs", csr_attributes, "RFC 7030 §4.5"),
)


def routes_of(pki: Pki) -> tuple[Route, ...]:
    est = tuple(
        Route(
            (method,),
            f"/.well-known/est/{label}{operation}",
            partial(answer, pki),
            source,
            says=refusal.said,
        )
        for label in ("", "{label}/")
        for method, operation, answer, source in _EST
    )
    return (
        *est,
        Route(("GET",), "/pki/board", partial(board_page, pki), _PAGES),
        Route(("GET",), "/pki/ca.pem", partial(authorities_pem, pki), "RFC 7468 §5"),
        Route(
            ("GET",), "/pki/authorities/{file}", partial(authority_file, pki), "RFC 5280 §4.2.2.1"
        ),
        Route(("GET",), "/pki/crl", partial(whole_list, pki), "RFC 5280 §5"),
        Route(("GET",), "/pki/crl/{authority}", partial(whole_list, pki), "RFC 5280 §5"),
        Route(("GET",), "/pki/crl/{authority}/{file}", partial(partial_list, pki), "RFC 5280 §5.2"),
        Route(
            ("POST",), "/pki/ocsp", partial(ocsp_post, pki), "RFC 6960 §A.1", max_body=MOST_OCTETS
        ),
        Route(("GET",), "/pki/ocsp/{request:path}", partial(ocsp_get, pki), "RFC 5019 §5"),
        Route(
            ("POST",),
            "/pki/tsa",
            partial(time_stamp, pki),
            "RFC 3161 §3.4",
            max_body=MOST_OCTETS_OF_A_STAMP,
        ),
    )
