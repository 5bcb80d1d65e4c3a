"""Every URL of remote signature, its specification beside it."""

from __future__ import annotations

from functools import partial
from typing import Any

from documents.signing.endpoints import csc, page, transactions, verify
from documents.signing.endpoints.model import SCOPE, SignatureAsked, SignatureStands
from documents.signing.signing import Signing
from documents.signing.verifying import MOST_OCTETS, Verifying
from foundation.web import Route

_CSC, _PAGE, _VERIFY = "CSC API 2.0", "eIDAS Art. 26", "eIDAS Art. 32"


def routes_of(signing: Signing) -> tuple[Route, ...]:
    return (
        Route(
            ("POST",),
            "/sign/v1/transactions",
            partial(transactions.ask, signing),
            f"{_CSC} §8.4",
            api=True,
            options={
                "status_code": 201,
                "response_model": SignatureStands,
                "openapi_extra": {
                    "security": [{"bearer": [SCOPE]}],
                    "requestBody": _body(SignatureAsked),
                },
            },
        ),
        Route(
            ("GET",),
            "/sign/v1/transactions/{transaction}",
            partial(transactions.stands, signing),
            f"{_CSC} §8.4",
            api=True,
            options={
                "response_model": SignatureStands,
                "openapi_extra": {
                    "security": [{"bearer": [SCOPE]}],
                    "parameters": [
                        {
                            "name": "transaction",
                            "in": "path",
                            "required": True,
                            "schema": {"type": "string", "maxLength": 40},
                        }
                    ],
                },
            },
        ),
        Route(("GET",), "/verify", partial(verify.show, signing), _VERIFY),
        Route(
            ("POST",),
            "/verify",
            partial(verify.submit, signing, Verifying(signing.authority)),
            _VERIFY,
            # Two files, and what stands around them in the form.
            max_body=2 * MOST_OCTETS + 65_536,
            admits=partial(verify.admits, signing),
            in_thread="waits for a process that reads a file",
        ),
        Route(("GET",), "/sign/{transaction}", partial(page.show, signing), _PAGE),
        Route(("POST",), "/sign/{transaction}", partial(page.answer, signing), _PAGE),
        *(
            Route(("POST",), f"/csc/v2/{name}", partial(answer, signing), f"{_CSC} §{section}")
            for name, answer, section in (
                ("info", csc.info, "11.1"),
                ("credentials/list", csc.list_credentials, "11.4"),
                ("credentials/info", csc.credential_info, "11.5"),
                ("credentials/authorize", csc.authorize, "11.6"),
                ("signatures/signHash", csc.sign_hash, "11.9"),
                ("signatures/signDoc", csc.sign_document, "11.10"),
                ("signatures/timestamp", csc.time_stamp, "11.12"),
            )
        ),
    )


def _body(model: Any) -> dict[str, Any]:
    schema = model.model_json_schema(ref_template="#/components/schemas/{model}")
    return {"required": True, "content": {"application/json": {"schema": _inlined(schema)}}}


def _inlined(schema: dict[str, Any]) -> dict[str, Any]:
    """One schema without references: its parts stand nowhere else."""
    parts = schema.pop("$defs", {})

    def put(node: Any) -> Any:
        if isinstance(node, dict):
            reference = node.get("$ref", "")
            if reference:
                return put(parts[reference.rsplit("/", 1)[-1]])
            return {name: put(value) for name, value in node.items()}
        return [put(value) for value in node] if isinstance(node, list) else node

    found: dict[str, Any] = put(schema)
    return found
