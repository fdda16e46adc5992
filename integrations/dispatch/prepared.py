"""Queries that the ORM writes once and that run again and again, each time with other values.

Django writes a query anew for each run. Of the time that a batch of 200 took, a third went into writing the same six
queries (``make bench``): several times what SQLite needs to run them. So what runs for each batch is prepared.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, NamedTuple

from django.db import connection
from django.db.models import Expression, Field, Model, QuerySet
from django.db.models.sql import UpdateQuery
from django.db.models.sql.compiler import SQLCompiler

Values = Mapping[str, Any]


class Given(Expression):
    """Stands in a prepared query for a value that each run gives by this name; ``NULL`` only where it is written."""

    def __init__(self, name: str, field: Field[Any, Any]) -> None:
        super().__init__(output_field=field)
        self.name = name

    def as_sql(self, compiler: SQLCompiler, connection: Any) -> Any:
        """A place in the query, with this itself in the place of the value."""
        return "%s", [self]

    def parameter(self, values: Values) -> Any:
        """What the database is handed for this."""
        return self.output_field.get_db_prep_save(values[self.name], connection=connection)


class GivenKeys(Given):
    """Stands for any number of integer keys, as in ``pk__in=GivenKeys(…)``.

    One parameter instead of hundreds, each of which would be prepared, bound and parsed for itself.
    """

    def as_sql(self, compiler: SQLCompiler, connection: Any) -> Any:
        """A list in JSON, read as a table; on PostgreSQL an array, whose length its planner sees."""
        if connection.vendor == "postgresql":
            return "(SELECT unnest(%s::bigint[]))", [self]
        return "(SELECT value FROM json_each(%s))", [self]

    def parameter(self, values: Values) -> str:
        """The keys as the text of a list."""
        keys = ",".join(map(str, values[self.name]))
        return f"{{{keys}}}" if connection.vendor == "postgresql" else f"[{keys}]"


def given(model: type[Model], name: str) -> Any:
    """A value for this field of the model, given by the field's name."""
    field: Any = model._meta.get_field(name)
    return Given(name, getattr(field, "target_field", field))


class Written(NamedTuple):
    """A query as text, its parameters, and what turns a row of this database into Python's types."""

    sql: str
    parameters: tuple[Any, ...]
    convert: Callable[[list[Any]], list[Any]]

    def filled(self, values: Values) -> list[Any]:
        """The parameters for one run."""
        return [one.parameter(values) if isinstance(one, Given) else one for one in self.parameters]


class Prepared:
    """A query that ``rows`` composes, written at its first run for each kind of database.

    ``changes`` is what an update sets. Both may hold what is ``given``; everything else in them stays as it was then,
    so they must not depend on settings, on the time or on the language.
    """

    def __init__(self, rows: Callable[[], QuerySet[Any, Any]], changes: Callable[[], Values] = dict) -> None:
        self._rows = rows
        self._changes = changes
        self._written: dict[tuple[str, ...], Written] = {}

    def select(self, values: Values) -> list[Any]:
        """The rows of a ``values_list``."""
        written = self._as_written((), self._write_select)
        with connection.cursor() as cursor:
            cursor.execute(written.sql, written.filled(values))
            return written.convert(cursor.fetchall())

    def update(self, values: Values, **more: Any) -> int:
        """How many rows were changed. ``more`` are plain values for further columns."""
        written = self._as_written(tuple(more), self._write_update)
        with connection.cursor() as cursor:
            cursor.execute(written.sql, written.filled({**values, **more}))
            return int(cursor.rowcount)

    def _as_written(self, columns: tuple[str, ...], write: Callable[[tuple[str, ...]], Written]) -> Written:
        key = (connection.vendor, *columns)
        if key not in self._written:
            self._written[key] = write(columns)
        return self._written[key]

    def _write_select(self, _columns: tuple[str, ...]) -> Written:
        compiler = self._rows().query.get_compiler(connection=connection)
        sql, parameters = compiler.as_sql()
        converters = compiler.get_converters([expression for expression, _sql, _alias in compiler.select])
        return Written(sql, tuple(parameters), partial(_converted, converters) if converters else list)

    def _write_update(self, columns: tuple[str, ...]) -> Written:
        rows = self._rows()
        query: Any = rows.query.chain(UpdateQuery)
        query.add_update_values({**self._changes(), **{name: given(rows.model, name) for name in columns}})
        sql, parameters = query.get_compiler(connection=connection).as_sql()
        return Written(sql, tuple(parameters), list)


def _converted(converters: Mapping[int, tuple[list[Callable[..., Any]], Expression]], rows: list[Any]) -> list[Any]:
    """The rows in Python's types. Column by column, which takes half as long as Django's way, row by row."""
    columns = list(zip(*rows, strict=True))
    for index, (functions, expression) in converters.items() if rows else ():
        for function in functions:
            columns[index] = tuple(function(value, expression, connection) for value in columns[index])
    return list(zip(*columns, strict=True))
