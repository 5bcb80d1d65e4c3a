"""Answers that a withdrawal ends, grants that a person sees: 0013, after 0012."""

import sqlalchemy as sa
from alembic import op

import foundation.clock

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

_YEAR = 365 * 86_400 * 1_000_000  # instants are microseconds
_INSTANT = sa.BigInteger()

consents = sa.table(
    "consents",
    sa.column("id"),
    sa.column("person_id"),
    sa.column("service"),
    sa.column("state"),
    sa.column("ended_at", _INSTANT),
)
answers = sa.table(
    "oauth_consent_answers",
    sa.column("person_id"),
    sa.column("client_id"),
    sa.column("answered_at", _INSTANT),
    sa.column("not_after", _INSTANT),
)
grants = sa.table(
    "oauth_grants",
    sa.column("person_id"),
    sa.column("client_id"),
    sa.column("consent_id"),
    sa.column("state"),
    sa.column("created_at", _INSTANT),
    sa.column("ended_at", _INSTANT),
    sa.column("ended_because"),
)


def upgrade() -> None:
    op.add_column(
        "oauth_consent_answers", sa.Column("not_after", foundation.clock.Instant(), nullable=True)
    )
    op.add_column("oauth_grants", sa.Column("used_at", foundation.clock.Instant(), nullable=True))
    op.add_column(
        "oauth_grants", sa.Column("auth_time_told", foundation.clock.Instant(), nullable=True)
    )
    op.create_table(
        "oauth_reviews",
        sa.Column("person_id", sa.String(), nullable=False),
        sa.Column("changed_at", foundation.clock.Instant(), nullable=False),
        sa.PrimaryKeyConstraint("person_id", name=op.f("pk_oauth_reviews")),
    )
    _end_what_outlived_its_consent()


def _end_what_outlived_its_consent() -> None:
    """Until now an answer, and sign-in alone, went on after a withdrawal or the consent's end."""
    op.execute(
        sa.delete(answers).where(
            sa.exists().where(
                consents.c.person_id == answers.c.person_id,
                consents.c.service == answers.c.client_id,
                consents.c.state.in_(("withdrawn", "expired")),
                consents.c.ended_at >= answers.c.answered_at,
            )
        )
    )
    op.execute(sa.update(answers).values(not_after=answers.c.answered_at + _YEAR))
    over = sa.update(grants).where(grants.c.state == "active")
    ended = {"state": "ended", "ended_at": grants.c.created_at}
    op.execute(
        over.where(
            grants.c.consent_id.is_(None),
            sa.exists().where(
                consents.c.person_id == grants.c.person_id,
                consents.c.service == grants.c.client_id,
                consents.c.state.in_(("withdrawn", "expired")),
                consents.c.ended_at >= grants.c.created_at,
            ),
        ).values(ended_because="consent withdrawn", **ended)
    )
    op.execute(
        over.where(
            grants.c.consent_id.in_(sa.select(consents.c.id).where(consents.c.state == "expired"))
        ).values(ended_because="consent expired", **ended)
    )
