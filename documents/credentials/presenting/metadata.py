"""What a request says of what we take: forms, algorithms, the key to encrypt to — OpenID4VP §5.1,
§8.3, Annex B."""

from __future__ import annotations

from typing import Any

from joserfc.jwk import ECKey

from documents.credentials.configurations import FORMAT, MDOC
from documents.credentials.mdoc import cose
from documents.credentials.presenting.verifying import HOLDER_ALGORITHMS, ISSUER_ALGORITHMS

ENCRYPTIONS = ("A128GCM", "A256GCM")


def client_metadata(key: ECKey | None) -> dict[str, Any]:
    """`key`: of this request; none where the answer comes in clear."""
    said: dict[str, Any] = {
        "vp_formats_supported": {
            FORMAT: {
                "sd-jwt_alg_values": list(ISSUER_ALGORITHMS),
                "kb-jwt_alg_values": list(HOLDER_ALGORITHMS.values()),
            },
            # Annex B.2.2: by the numbers of COSE.
            MDOC: {
                "issuerauth_alg_values": [cose.ALGORITHMS[one] for one in ISSUER_ALGORITHMS],
                "deviceauth_alg_values": list(cose.ALGORITHMS.values()),
            },
        }
    }
    if key is None:
        return said
    public = {**key.as_dict(private=False), "use": "enc", "alg": "ECDH-ES", "kid": "1"}
    encrypted = {
        "jwks": {"keys": [public]},
        "encrypted_response_enc_values_supported": list(ENCRYPTIONS),
    }
    return {**said, **encrypted}
