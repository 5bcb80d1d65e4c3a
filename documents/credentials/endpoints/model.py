"""What services send and get when they ask to be shown credentials, as JSON."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class ClaimWanted(_Body):
    """A claim, such as `age_over_18` or `content.street`. `values`: what it must be one of."""

    claim: str = Field(min_length=1, max_length=200)
    values: list[str | int | bool] = Field(default_factory=list, max_length=50)


class CredentialWanted(_Body):
    """A kind of credential, by its identifier in /.well-known/openid-credential-issuer."""

    credential: str = Field(max_length=128)
    claims: list[ClaimWanted] = Field(min_length=1, max_length=60)
    formats: list[Literal["dc+sd-jwt", "mso_mdoc"]] = Field(
        default=["dc+sd-jwt"],
        min_length=1,
        max_length=2,
        description="The forms that will do, the preferred one first; with both, the wallet shows "
        "the one that it has. What you read is the same.",
    )


class NewPresentation(_Body):
    """A request to be shown credentials of a person's wallet."""

    credentials: list[CredentialWanted] = Field(min_length=1, max_length=5)
    purpose: str | None = Field(default=None, max_length=128)
    return_to: str | None = Field(
        default=None,
        max_length=2048,
        description="One of the service's redirect URIs: the person comes back there, with a "
        "response_code. Without it the service shows the code to scan, at a counter for example.",
    )
    encrypted: bool = Field(default=True, description="direct_post.jwt; false: direct_post.")


class PresentationMade(BaseModel):
    """Send the person's browser to `url`; or show `link_other_device` as a code to scan, and
    `link_same_device` as a link."""

    id: str
    url: str
    link_other_device: str
    link_same_device: str
    expires_at: datetime


class PresentationSaid(BaseModel):
    """What came of it: waiting, shown, refused, declined or expired.

    `claims`: of each credential, `c0` for the first that was asked for, its claims by name.
    `refused`: why what was shown did not count, a word for programs; `why`: a sentence.
    """

    id: str
    state: str
    claims: dict[str, dict[str, Any]] = Field(default_factory=dict)
    refused: str | None = None
    why: str | None = None
