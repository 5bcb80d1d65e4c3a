"""Whom a sign-in name, a credential or a session belongs to — ITU-T X.1252 (entity)."""

from dataclasses import dataclass
from typing import Literal

SubjectKind = Literal["citizen", "staff"]


@dataclass(frozen=True, slots=True)
class Subject:
    """A citizen (`per_…`) or a member of staff (`stf_…`); staff are not citizens."""

    kind: SubjectKind
    id: str
