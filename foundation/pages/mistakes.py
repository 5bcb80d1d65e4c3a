"""What is wrong with a form: all of it at once, beside what was typed — WCAG 2.2 §3.3.1, §3.3.3.

`Pages.render(…, mistakes=…, typed=form)` does the rest: the title says so, a summary with links
stands on top and has the focus, and each `field` of `parts.html` shows its own mistake and what
was typed (a password never).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType, TracebackType

from foundation.errors import Over, Problem, Unprocessable

MENDABLE = frozenset({400, 404, 409, 413, 415, 422})
"""What a person can mend in the form that they sent; anything else has a page of its own."""


@dataclass(frozen=True, slots=True)
class Mistake:
    """One thing to mend. `field`: the id of the field that it is about, empty for the whole form.
    `sentence` and `next_step` are message ids; `values` go into the sentence."""

    field: str
    sentence: str
    next_step: str | None
    values: Mapping[str, int | str]


_NONE: Mapping[str, int | str] = MappingProxyType({})


class Mistakes:
    """Those of one form, in the order in which they were found.

    >>> wrong = Mistakes()
    >>> with wrong.noting("owner"):
    ...     owner = owner_of(form)
    >>> if wrong:
    ...     return pages.render(request, "…", mistakes=wrong, typed=form)
    """

    def __init__(self, status: int | None = None) -> None:
        self._status = status
        self._found: list[Mistake] = []
        self._statuses: set[int] = set()

    @property
    def status(self) -> int:
        """Of the answer that shows them: the refusal's own where they agree on one."""
        if self._status is None and len(self._statuses) == 1:
            return next(iter(self._statuses))
        return self._status or Unprocessable.status

    def add(
        self,
        field: str,
        sentence: str,
        next_step: str | None = None,
        values: Mapping[str, int | str] = _NONE,
    ) -> None:
        self._add(Mistake(field, sentence, next_step, values), Unprocessable.status)

    def _add(self, mistake: Mistake, status: int) -> None:
        self._found.append(mistake)
        self._statuses.add(status)

    def extend(self, others: Mistakes) -> None:
        for mistake in others:
            self._add(mistake, others.status)

    def noting(self, field: str = "", **fields: str) -> Noting:
        """A refusal inside is a mistake of `field`, and what follows is looked at all the same.
        `fields`: where the refusal itself says where, its word → the field's id."""
        return Noting(self, field, fields)

    def get(self, field: str) -> Mistake | None:
        """The first mistake of a field."""
        return next((one for one in self._found if one.field == field), None)

    def __iter__(self) -> Iterator[Mistake]:
        return iter(self._found)

    def __len__(self) -> int:
        return len(self._found)

    def note(self, problem: Problem, field: str) -> None:
        """Raises the problem again when it is none that a form can mend."""
        # What has a consequence is refused at the edge, which sees to it.
        if problem.status not in MENDABLE or isinstance(problem, Over) or problem.consequence:
            raise problem
        self._add(Mistake(field, problem.description, problem.next_step, _NONE), problem.status)


class Noting:
    """See `Mistakes.noting`."""

    def __init__(self, mistakes: Mistakes, field: str, fields: Mapping[str, str]) -> None:
        self._mistakes = mistakes
        self._field = field
        self._fields = fields

    def __enter__(self) -> None:
        pass

    def __exit__(
        self,
        kind: type[BaseException] | None,
        raised: BaseException | None,
        traceback: TracebackType | None,
    ) -> bool:
        if not isinstance(raised, Problem):
            return False
        self._mistakes.note(raised, self._fields.get(raised.where or "", self._field))
        return True
