"""The section `[applications]`: whether people apply online, how, and what is kept how long."""

from typing import ClassVar, Literal

from pydantic import Field

from foundation.settings import Section

Offered = Literal["desk", "post"]


class ApplicationSettings(Section):
    """Applying alone, online. Days, hours and minutes are whole numbers."""

    section: ClassVar[str] = "applications"
    ways: tuple[Offered, ...] = ("desk", "post")
    """What an application leads to: `desk`, a visit to the office; `post`, a letter to the address
    that the civil register has, which an officer looks up. Empty: nobody applies online."""
    notice_version: str = Field(default="1", min_length=1, max_length=32)
    """Version of the privacy notice that an application records, beside the terms (EN-1)."""
    draft_days: int = Field(default=30, ge=1, le=365)
    """A draft that nobody went on with for so long is deleted."""
    waiting_days: int = Field(default=90, ge=1, le=365)
    """What was sent and led to nothing for so long is deleted, such as when nobody came."""
    answer_days: int = Field(default=30, ge=1, le=365)
    """How long a question of the office waits for its answer; then the application is deleted."""
    kept_days: int = Field(default=90, ge=1, le=365)
    """How long the page of an application that is over can be read; then it is deleted."""
    decision_days: int = Field(default=14, ge=1, le=365)
    """By when the office answers: the deadline in its queue, which the applicant reads."""
    lease_minutes: int = Field(default=30, ge=5, le=480)
    """How long an application that an officer took is theirs alone."""
    code_minutes: int = Field(default=30, ge=5, le=1440)
    """How long a code that was sent to an e-mail address can be typed."""
    begun_an_hour: int = Field(default=20, ge=1)
    """Applications that one network may begin in an hour; a larger network more."""
    most_open: int = Field(default=50_000, ge=1)
    """Drafts that are kept at once: beyond that nobody begins one until some have ended."""
