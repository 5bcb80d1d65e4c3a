"""Tables of the register: what is known of a person is sealed; look-up is by blind index."""

from sqlalchemy import (
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    String,
    Table,
    UniqueConstraint,
    text,
)

from foundation.clock import Instant
from foundation.database import Json, metadata
from foundation.row_macs import NOW, Once, bound, grants_nothing

# Never deleted from: a row whose identity ended is the tombstone that blocks reuse.
reference_identifiers = Table(
    "register_identifiers",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("allotted_at", Instant, nullable=False),
    Column("ended_at", Instant),
)
grants_nothing(
    reference_identifiers,
    "an identifier alone is nobody: what an identity may is in its person's row",
)

# EN-1. An application is about the identity that it leads to, if the proofing accepts it.
applications = Table(
    "register_applications",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("person_id", String(32), ForeignKey("register_identifiers.id"), nullable=False),
    Column("started_by_kind", String(16), nullable=False),
    Column("started_by", String(64), nullable=False),
    Column("started_at", Instant, nullable=False),
    Column("terms_version", String(32), nullable=False),
    Column("policy_version", String(32), nullable=False),
    Column("notice_at", Instant, nullable=False),
    Index("ix_register_applications_person_id", "person_id"),
)
grants_nothing(applications, "an application leads to nothing but its decision")

# EN-8. Evidence, with the numbers of documents, is sealed under the person's key.
proofing_decisions = Table(
    "register_proofing_decisions",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("application_id", String(32), ForeignKey("register_applications.id"), nullable=False),
    Column("person_id", String(32), ForeignKey("register_identifiers.id"), nullable=False),
    Column("policy_version", String(32), nullable=False),
    Column("level", Integer, nullable=False),
    Column("in_person", Boolean(create_constraint=False), nullable=False),
    Column("result", String(32), nullable=False),
    Column("reasons", Json, nullable=False),
    Column("officer_kind", String(16), nullable=False),
    Column("officer", String(64), nullable=False),
    Column("second_officer", String(64)),
    Column("decided_at", Instant, nullable=False),
    Column("confirmed_at", Instant),
    Column("keep_until", Instant, nullable=False),
    Column("sealed_evidence", LargeBinary, nullable=False),
    Index("ix_register_proofing_decisions_person_id", "person_id"),
    Index("ix_register_proofing_decisions_result", "result"),
    Index("ix_register_proofing_decisions_keep_until", "keep_until"),
)
bound(
    proofing_decisions,
    "application_id",
    "person_id",
    "policy_version",
    "level",
    "in_person",
    "result",
    "officer_kind",
    "officer",
    "second_officer",
    "sealed_evidence",
    ends={"result": "refused"},
)

# EN-9. There is no row here without the decision that accepted it.
persons = Table(
    "register_persons",
    metadata,
    Column("id", String(32), ForeignKey("register_identifiers.id"), primary_key=True),
    Column("state", String(16), nullable=False),
    Column("level", Integer, nullable=False),
    Column("in_person", Boolean(create_constraint=False), nullable=False),
    Column("enrolled_by", String(32), ForeignKey("register_proofing_decisions.id"), nullable=False),
    Column("enrolled_at", Instant, nullable=False),
    Column("changed_at", Instant, nullable=False),
    Column("sealed_profile", LargeBinary, nullable=False),
)
bound(
    persons,
    "state",
    "level",
    "in_person",
    "enrolled_by",
    "sealed_profile",
    takes=lambda before, after: bool(
        after["state"] != "active" or after["level"] < before["level"]
    ),
    ends={"state": "suspended", "changed_at": NOW},
)

# One index a person and kind; unique, so one civil number leads to one identity.
blind_indexes = Table(
    "register_blind_indexes",
    metadata,
    Column("kind", String(32), primary_key=True),
    Column("value", LargeBinary(32), primary_key=True),
    Column("person_id", String(32), ForeignKey("register_persons.id"), nullable=False),
    UniqueConstraint("person_id", "kind"),
)
bound(blind_indexes, "person_id", reused=True)

# Residents' numbers and Virtual IDs. Never deleted from: what is over is nobody's for ever.
resident_numbers = Table(
    "register_numbers",
    metadata,
    # A blind index of the digits.
    Column("value", LargeBinary(32), primary_key=True),
    Column("kind", String(8), nullable=False),  # number, virtual
    Column("person_id", String(32), nullable=True),
    Column("sealed", LargeBinary, nullable=True),
    Column("state", String(8), nullable=False),  # active, ended
    Column("allotted_at", Instant, nullable=False),
    Column("ended_at", Instant),
    Index(
        "uq_register_numbers_person",
        "person_id",
        "kind",
        unique=True,
        sqlite_where=text("state = 'active'"),
        postgresql_where=text("state = 'active'"),
    ),
    Index("ix_register_numbers_person_id", "person_id"),
)
bound(
    resident_numbers,
    "kind",
    "person_id",
    "sealed",
    only_while={"state": ("active",)},
    ends={"state": "ended", "ended_at": NOW},
)

# CM-10: append-only. `number` orders the steps of one person.
history = Table(
    "register_history",
    metadata,
    Column("person_id", String(32), ForeignKey("register_identifiers.id"), primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("transition", String(16), nullable=False),
    Column("from_state", String(16), nullable=False),
    Column("to_state", String(16), nullable=False),
    Column("level", Integer, nullable=False),
    Column("at", Instant, nullable=False),
    Column("actor_kind", String(16), nullable=False),
    Column("actor", String(64), nullable=False),
    Column("event_id", String(32), nullable=False),
)
grants_nothing(history, "it tells what was; each step is in the audit's tree as well")

# The code itself is on paper only; here is its keyed digest.
activation_codes = Table(
    "register_activation_codes",
    metadata,
    Column("digest", LargeBinary(32), primary_key=True),
    Column("person_id", String(32), ForeignKey("register_persons.id"), nullable=False),
    Column("issued_at", Instant, nullable=False),
    Column("expires_at", Instant, nullable=False),
    Column("ended_at", Instant),
    Index("ix_register_activation_codes_person_id", "person_id"),
)
bound(
    activation_codes,
    "person_id",
    "expires_at",
    only_while={"ended_at": (None,)},
    until="expires_at",
    once=Once("activation codes in letters"),
)

sign_in_names = Table(
    "register_sign_in_names",
    metadata,
    Column("value", LargeBinary(32), primary_key=True),
    Column("subject_kind", String(16), nullable=False),
    Column("subject_id", String(32), nullable=False),
    Column("sealed_name", LargeBinary, nullable=False),
    Column("claimed_at", Instant, nullable=False),
    UniqueConstraint("subject_kind", "subject_id"),
)
bound(sign_in_names, "subject_kind", "subject_id", "sealed_name", reused=True)

staff = Table(
    "register_staff",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("role", String(16), nullable=False),
    Column("state", String(16), nullable=False),
    Column("sealed_name", LargeBinary, nullable=False),
    # Blind index of their own civil number, so that they never act on their own record.
    Column("own_number", LargeBinary(32)),
    Column("invited_at", Instant, nullable=False),
    Column("changed_at", Instant, nullable=False),
)
bound(
    staff,
    "role",
    "state",
    "sealed_name",
    "own_number",
    takes=lambda before, after: bool(
        after["state"] == "ended"
        or before["role"] != after["role"]
        or before["own_number"] != after["own_number"]
    ),
    ends={"state": "ended", "changed_at": NOW},
)

staff_invitations = Table(
    "register_staff_invitations",
    metadata,
    Column("digest", LargeBinary(32), primary_key=True),
    Column("staff_id", String(32), ForeignKey("register_staff.id"), nullable=False),
    Column("expires_at", Instant, nullable=False),
    Column("accepted_at", Instant),
)
bound(
    staff_invitations,
    "staff_id",
    "expires_at",
    only_while={"accepted_at": (None,)},
    until="expires_at",
    once=Once("invitations of staff"),
)

# Two others let a member of staff in again who lost their passkey: `first` and `second` are the
# operators who agreed; a command at the host may ask, and counts as neither.
staff_recoveries = Table(
    "register_staff_recoveries",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("staff_id", String(32), ForeignKey("register_staff.id"), nullable=False),
    Column("reason", String(500), nullable=False),
    Column("asked_at", Instant, nullable=False),
    Column("expires_at", Instant, nullable=False),
    Column("first", String(32)),
    Column("second", String(32)),
    Column("ended_at", Instant),
)
bound(
    staff_recoveries,
    "staff_id",
    "expires_at",
    "first",
    "second",
    only_while={"ended_at": (None,)},
    until="expires_at",
    once=Once("recoveries of staff"),
)

# A file for the printing house, made once. Its codes are in the file alone.
letter_batches = Table(
    "register_letter_batches",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("made_by_kind", String(16), nullable=False),
    Column("made_by", String(64), nullable=False),
    Column("made_at", Instant, nullable=False),
    Column("letters", Integer, nullable=False),
    Column("file_format", String(8), nullable=False),
    Column("encrypted", Boolean(create_constraint=False), nullable=False),
)
grants_nothing(letter_batches, "it tells of a file; the codes are in the file alone")

# A letter that was asked for: waiting, printed or stopped. Its code is made when it is printed.
letters = Table(
    "register_letters",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("person_id", String(32), ForeignKey("register_persons.id"), nullable=False),
    Column("asked_by_kind", String(16), nullable=False),
    Column("asked_by", String(64), nullable=False),
    Column("asked_at", Instant, nullable=False),
    Column("state", String(16), nullable=False),
    Column("batch_id", String(32), ForeignKey("register_letter_batches.id")),
    Column("printed_at", Instant),
    Index("ix_register_letters_person_id", "person_id"),
    Index("ix_register_letters_state", "state"),
)
bound(
    letters,
    "person_id",
    "asked_by_kind",
    "asked_by",
    only_while={"state": ("waiting",)},
    ends={"state": "stopped"},
)

# A decision that another officer looks at again: drawn by lot ("sample"), or an officer's cases
# that were frozen ("freeze"). State: open, confirmed or refused.
second_looks = Table(
    "register_second_looks",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("person_id", String(32), ForeignKey("register_identifiers.id"), nullable=False),
    Column("decision_id", String(32), ForeignKey("register_proofing_decisions.id"), nullable=False),
    Column("because", String(16), nullable=False),
    Column("state", String(16), nullable=False),
    Column("opened_at", Instant, nullable=False),
    Column("looked_by", String(64)),
    Column("looked_at", Instant),
    Index("ix_register_second_looks_person_id", "person_id"),
    Index("ix_register_second_looks_state", "state"),
)
bound(
    second_looks,
    "person_id",
    "decision_id",
    "because",
    "state",
    "looked_by",
    ends={"state": "open"},
)

# What was, or is to be, changed in a record: old and new values and the reason, sealed under the
# person's key. State: asked (by the person, of the desk), waiting (for a second officer), done or
# refused. The row goes after `keep_until`; history and ledger say that there was a correction.
corrections = Table(
    "register_corrections",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("person_id", String(32), ForeignKey("register_identifiers.id"), nullable=False),
    Column("state", String(16), nullable=False),
    Column("fields", Json, nullable=False),
    Column("source", String(32), nullable=False),
    Column("by_kind", String(16), nullable=False),
    Column("by_id", String(64), nullable=False),
    Column("at", Instant, nullable=False),
    Column("second", String(64)),
    Column("done_at", Instant),
    Column("keep_until", Instant, nullable=False),
    Column("sealed", LargeBinary),
    Index("ix_register_corrections_person_id", "person_id"),
    Index("ix_register_corrections_state", "state"),
    Index("ix_register_corrections_keep_until", "keep_until"),
)
bound(
    corrections,
    "person_id",
    "fields",
    "source",
    "by_kind",
    "by_id",
    "sealed",
    only_while={"state": ("waiting",)},
    ends={"state": "refused"},
)

# By which words of a name, and which birth date, a person is found: keyed and cut short, so that
# different words share a value. Who opens the profiles of those found compares what was meant.
search_tokens = Table(
    "register_search_tokens",
    metadata,
    Column("value", LargeBinary(8), primary_key=True),
    Column("person_id", String(32), ForeignKey("register_persons.id"), primary_key=True),
    Index("ix_register_search_tokens_person_id", "person_id"),
)
grants_nothing(search_tokens, "it points at a record, which opens by a look-up alone")

# P-4: an officer reads a person's page only while such a look-up, with its purpose, is young.
lookups = Table(
    "register_lookups",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("officer", String(32), nullable=False),
    Column("person_id", String(32), ForeignKey("register_identifiers.id"), nullable=False),
    Column("purpose", String(64), nullable=False),
    Column("at", Instant, nullable=False),
    Column("until", Instant, nullable=False),
    Index("ix_register_lookups_officer_person_id", "officer", "person_id"),
    Index("ix_register_lookups_until", "until"),
)
bound(lookups, "officer", "person_id", "purpose", "until", remembered=False, until="until")

# `id` is the digest of the file, so a file is imported once however often it is sent. Its name
# is not kept: people name files after people.
imports = Table(
    "register_imports",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("file_format", String(8), nullable=False),
    Column("policy_version", String(32), nullable=False),
    Column("actor_kind", String(16), nullable=False),
    Column("actor", String(64), nullable=False),
    Column("started_at", Instant, nullable=False),
    Column("finished_at", Instant),
    Column("total", Integer, nullable=False),
    # Only while a job still has to read it; sealed, and gone when the import is finished.
    Column("sealed_content", LargeBinary),
)
bound(
    imports,
    "file_format",
    "policy_version",
    "actor_kind",
    "actor",
    "sealed_content",
    only_while={"finished_at": (None,)},
)

import_rows = Table(
    "register_import_rows",
    metadata,
    Column("import_id", String(64), ForeignKey("register_imports.id"), primary_key=True),
    Column("line", Integer, primary_key=True, autoincrement=False),
    Column("accepted", Boolean(create_constraint=False), nullable=False),
    Column("person_id", String(32)),
    Column("field", String(64)),
    Column("reason", String(300)),
    Column("what_to_do", String(300)),
    # What else is wrong with a refused row; and the row as it came, under a key of the import that
    # is held for a while.
    Column("more", Json),
    Column("sealed_row", LargeBinary),
    # enrolled (also where it is absent), changed, unchanged, or waiting for a second officer.
    Column("outcome", String(16)),
)
grants_nothing(import_rows, "a report of what an import did")

# What was read otherwise than the file says, or left out of somebody who was enrolled.
import_remarks = Table(
    "register_import_remarks",
    metadata,
    Column("import_id", String(64), ForeignKey("register_imports.id"), primary_key=True),
    Column("line", Integer, primary_key=True, autoincrement=False),
    Column("field", String(64), primary_key=True),
    Column("reason", String(300), nullable=False),
    Column("what_to_do", String(300), nullable=False),
)
grants_nothing(import_remarks, "a report of what an import did")

# What a person was told outside of their session; the words are sealed under their key.
notices = Table(
    "register_notices",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("subject_kind", String(16), nullable=False),
    Column("subject_id", String(64), nullable=False),
    Column("kind", String(40), nullable=False),
    Column("at", Instant, nullable=False),
    Column("channel", String(8), nullable=False),  # mail, letter, account
    Column("sealed", LargeBinary, nullable=False),
    Column("sent_at", Instant),
    Column("seen_at", Instant),
    Column("keep_until", Instant, nullable=False),
    Index("ix_register_notices_subject", "subject_id", "seen_at"),
)
grants_nothing(notices, "it tells of what was done, and opens nothing")
