"""Statements of SQLAlchemy Core, compiled once and executed by the driver.

Core stays the one language of all stores. What it does anew at each execution (a context, a cursor
result, its metadata, all bookkeeping for cases that are none of ours) costs several times what the
driver's own execution does; here the text of a statement, the order and the processors of its
values are kept, and the driver is given both. What does not fit goes the old way: `Unfit` says why,
and `tests/contract/test_compiled.py` which statements do.

Beside `rows.statements` this is the other place that reads what SQLAlchemy keeps for itself (names
with `_` in front): look here, too, at an upgrade.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any
from weakref import WeakKeyDictionary

from sqlalchemy import BindParameter, Connection, Delete, Executable, Insert, Row, Update
from sqlalchemy.engine.result import SimpleResultMetaData
from sqlalchemy.sql.compiler import WARN_LINTING, SQLCompiler
from sqlalchemy.sql.selectable import SelectBase

Parameters = Mapping[str, Any] | Sequence[Mapping[str, Any]] | None
Processor = Callable[[Any], Any]
Written = Sequence[BindParameter[Any]]
"""The values that stand in a statement, in the order of its cache key."""

_DML = (Insert, Update, Delete)
_MOST_PLANS, _MOST_FORMS = 4096, 64


class Unfit(Exception):
    """This statement is executed by SQLAlchemy itself."""


class Rows:
    """What a statement gave back, all of it: rows, and how many it changed."""

    __slots__ = ("_rows", "keys", "rowcount")

    def __init__(
        self, rows: Sequence[Row[Any]], rowcount: int = -1, keys: Sequence[str] = ()
    ) -> None:
        self._rows = rows
        self.rowcount = rowcount
        self.keys = keys

    def first(self) -> Row[Any] | None:
        return self._rows[0] if self._rows else None

    def all(self) -> Sequence[Row[Any]]:
        return self._rows

    def __iter__(self) -> Iterator[Row[Any]]:
        return iter(self._rows)

    def scalar_one(self) -> Any:
        """The first column of the one row; raises ValueError when there is another number."""
        ((value, *_),) = self._rows
        return value


class Shape:
    """Makes rows with these names out of what the driver gives."""

    __slots__ = ("_index", "_meta", "_processors", "keys")

    def __init__(self, keys: Sequence[str], processors: Sequence[Any] = ()) -> None:
        self.keys = tuple(keys)
        self._meta = SimpleResultMetaData(self.keys)
        self._index = self._meta._key_to_index
        self._processors: Sequence[Any] | None = processors if any(processors) else None

    def rows(self, given: Sequence[Any]) -> list[Row[Any]]:
        meta, processors, index = self._meta, self._processors, self._index
        return [Row(meta, processors, index, one) for one in given]


@lru_cache(maxsize=1024)
def shape(keys: tuple[str, ...]) -> Shape:
    """That of rows whose values are what they shall be."""
    return Shape(keys)


class _Bind:
    """One value of a statement: by which key its caller gives it, or where it stands in it."""

    __slots__ = ("default", "key", "list", "name", "place", "process")

    def __init__(
        self, name: str, bind: BindParameter[Any], place: int | None, process: Processor | None
    ) -> None:
        self.name = name
        self.key = bind.key
        self.list = bind.expanding
        self.place = place
        self.process = process
        self.default = bind

    def given(self, given: Mapping[str, Any] | None, written: Written) -> Any:
        """The value as it was said; of an IN, a list of values."""
        if given is not None and self.key in given:
            return given[self.key]
        bind = self.default if self.place is None else written[self.place]
        if bind.required:
            raise Unfit("a value is missing")
        return bind.effective_value

    def value(self, given: Mapping[str, Any] | None, written: Written) -> Any:
        value = self.given(given, written)
        return value if self.process is None else self.process(value)


class _Form:
    """The text of a statement with lists of certain lengths, and where each of its values is:
    (its name, which bind, which of its list)."""

    __slots__ = ("slots", "text")

    def __init__(
        self, compiled: SQLCompiler, values: Mapping[str, Any], binds: list[_Bind]
    ) -> None:
        state = compiled._process_parameters_for_postcompile(dict(values))
        self.text = state.statement
        numbers = {bind.name: number for number, bind in enumerate(binds)}
        slots: dict[str, tuple[int, int | None]] = {
            bind.name: (number, None) for bind, number in zip(binds, numbers.values(), strict=True)
            if not bind.list
        }  # fmt: skip
        for name, elements in state.parameter_expansion.items():
            slots |= {one: (numbers[name], place) for place, one in enumerate(elements)}
        order = state.positiontup if compiled.positional else slots
        self.slots = [(name, *slots[name]) for name in order or ()]

    def values(self, given: list[Any], binds: list[_Bind]) -> list[tuple[str, Any]]:
        found = []
        for name, number, place in self.slots:
            value, process = given[number], binds[number].process
            if place is not None:
                value = value[place]
            found.append((name, value if process is None else process(value)))
        return found


class Plan:
    """A compiled statement as a driver wants it."""

    __slots__ = ("_binds", "_columns", "_compiled", "_forms", "_order", "_positional", "_shape")

    def __init__(self, compiled: SQLCompiler, written: Written) -> None:
        """Raises Unfit for what only SQLAlchemy's own execution can do."""
        if compiled.literal_execute_params or any(
            bind.type._is_tuple_type for bind in compiled.post_compile_params
        ):
            raise Unfit("its text depends on its values")
        if compiled.post_compile_params and compiled.for_executemany:
            raise Unfit("lists of many lengths")
        if getattr(compiled, "insert_prefetch", ()) or getattr(compiled, "update_prefetch", ()):
            raise Unfit("a default is made in Python")
        if compiled.escaped_bind_names or compiled._collect_params:
            raise Unfit("its values have other names")
        if compiled._loose_column_name_matching or compiled._ad_hoc_textual:
            raise Unfit("its columns are found by name")
        self._compiled = compiled
        self._positional = bool(compiled.positional)
        self._columns = list(compiled._result_columns)
        self._shape: Shape | None = None
        self._forms: dict[tuple[int, ...], _Form] | None = (
            {} if compiled.post_compile_params else None
        )
        match = compiled._cache_key_bind_match
        places = {
            bind: place
            for place, original in enumerate(written)
            for bind in (match[0][original] if match is not None else ())
        }
        processors: Mapping[str, Any] = compiled._bind_processors
        made = {
            name: _Bind(name, bind, places.get(bind), processors.get(name))
            for bind, name in compiled.bind_names.items()
        }
        self._binds = list(made.values())
        # One value may stand in several places.
        order = compiled.positiontup if self._positional else made
        self._order = [made[name] for name in order or ()]

    @property
    def text(self) -> str:
        return self._compiled.string

    def ready(self, given: Mapping[str, Any] | None, written: Written) -> tuple[str, Any]:
        """What the driver gets: the text, and the values that were `given` by the caller or stand
        `written` in the statement."""
        if self._forms is not None:
            return self._with_lists(self._forms, given, written)
        if self._positional:
            return self.text, [bind.value(given, written) for bind in self._order]
        return self.text, {bind.name: bind.value(given, written) for bind in self._order}

    def _with_lists(
        self, forms: dict[tuple[int, ...], _Form], given: Mapping[str, Any] | None, written: Written
    ) -> tuple[str, Any]:
        binds = self._binds
        values = [bind.given(given, written) for bind in binds]
        lengths = tuple(
            [len(value) for bind, value in zip(binds, values, strict=True) if bind.list]
        )
        form = forms.get(lengths)
        if form is None:
            if len(forms) >= _MOST_FORMS:
                forms.clear()
            by_name = {bind.name: value for bind, value in zip(binds, values, strict=True)}
            form = forms[lengths] = _Form(self._compiled, by_name, binds)
        pairs = form.values(values, binds)
        return form.text, [value for _, value in pairs] if self._positional else dict(pairs)

    def rows(self, cursor: Any) -> Rows:
        if not self._columns:
            return Rows((), cursor.rowcount)
        shape = self._shape
        if shape is None:
            processors = [
                column.type._cached_result_processor(self._compiled.dialect, told[1])
                for column, told in zip(self._columns, cursor.description, strict=True)
            ]
            keys = [column.keyname for column in self._columns]
            shape = self._shape = Shape(keys, processors)
        given = cursor.fetchall()
        return Rows(shape.rows(given), cursor.rowcount, shape.keys)


_Known = tuple[Plan, Written]
_plans: dict[Any, Plan | None] = {}
"""None: for SQLAlchemy itself."""
_constant: WeakKeyDictionary[Any, dict[Any, _Known]] = WeakKeyDictionary()
"""Of statements that are built once and executed often, such as those of a module."""


def execute(connection: Connection, statement: Executable, parameters: Parameters = None) -> Rows:
    """Run a statement, once or for each of several rows. Raises what SQLAlchemy raises."""
    if isinstance(parameters, Sequence):
        if not parameters:
            parameters = None
        elif len(parameters) == 1:
            # psycopg sends a list as a pipeline, which for one row is dearer than the statement.
            parameters = parameters[0]
    known = _known(connection, statement, parameters)
    if known is not None:
        try:
            return _run(connection, *known, parameters)
        except Unfit:
            pass
    result = connection.execute(statement, parameters)
    if not result.returns_rows:
        return Rows((), result.rowcount)
    return Rows(result.all(), result.rowcount, tuple(result.keys()))


def say(connection: Connection, text: str) -> None:
    """Run a statement that has no values and gives nothing back, such as SAVEPOINT."""
    try:
        driver: Any = connection.connection.dbapi_connection
        driver.execute(text)
    except BaseException as error:  # noqa: BLE001
        connection._handle_dbapi_exception(error, text, None, None, None)


def _run(connection: Connection, plan: Plan, written: Written, parameters: Parameters) -> Rows:
    text, values, cursor = plan.text, None, None
    try:
        driver: Any = connection.connection.dbapi_connection
        if isinstance(parameters, Sequence):
            values = [plan.ready(one, written)[1] for one in parameters]
            cursor = driver.cursor()
            cursor.executemany(text, values)
            found = Rows((), cursor.rowcount)
        else:
            text, values = plan.ready(parameters, written)
            cursor = driver.cursor()
            cursor.execute(text, values)
            found = plan.rows(cursor)
        cursor.close()
        return found
    except Unfit:
        raise
    except BaseException as error:  # noqa: BLE001
        # As SQLAlchemy does with its own: the error is wrapped, an ended connection is let go.
        connection._handle_dbapi_exception(error, text, values, cursor, None)


def _known(connection: Connection, statement: Any, parameters: Parameters) -> _Known | None:
    """The plan of a statement, and the values that are written in it; None where there is none."""
    dml = isinstance(statement, _DML)
    if not dml and not isinstance(statement, SelectBase):
        return None
    many = isinstance(parameters, Sequence)
    columns: tuple[str, ...] = ()
    if dml and parameters:
        one: Any = parameters[0] if many else parameters  # type: ignore[index]
        columns = tuple(sorted(one))
    dialect = connection.dialect
    how = (dialect.name, columns, many)
    constant = _constant.get(statement)
    if constant is not None and how in constant:
        return constant[how]
    key = statement._generate_cache_key()
    if key is None:
        return None
    name = (how, key.key)
    try:
        plan = _plans[name]
    except KeyError:
        if len(_plans) >= _MOST_PLANS:
            _plans.clear()
        plan = _plans[name] = _planned(dialect, statement, key, list(columns), many)
    if plan is None:
        return None
    if constant is None:
        _constant[statement] = {}  # seen: at the next time it is one that stays
        return plan, key.bindparams
    constant[how] = known = plan, key.bindparams
    return known


def _planned(dialect: Any, statement: Any, key: Any, columns: list[str], many: bool) -> Plan | None:
    compiled = statement._compiler(
        dialect,
        cache_key=key,
        column_keys=columns,
        for_executemany=many,
        schema_translate_map=None,
        linting=dialect.compiler_linting | WARN_LINTING,
    )
    try:
        return Plan(compiled, key.bindparams)
    except Unfit:
        return None
