"""Very many rows at once, made inside the database as copies of one that the product made."""

from __future__ import annotations

from django.db import connection

from integrations.models import Delivery
from objectives.models import Result

# What differs from row to row is said in SQL; all else is as in the row that is copied.
RESULTS = """
{numbers} INSERT INTO {table} ({columns}) SELECT {expressions} FROM numbers JOIN {table} made ON made.id = %(made)s
"""
# For each result after this one a delivery at the same configuration as the one that is copied.
DELIVERIES_AT_ONE = """
INSERT INTO {table} ({columns}) SELECT {expressions} FROM objectives_result result
JOIN {table} made ON made.id = %(made)s
WHERE result.id > %(after)s ORDER BY result.id
"""
# The same at each configuration.
DELIVERIES_AT_ALL = """
INSERT INTO {table} ({columns}) SELECT {expressions} FROM objectives_result result
CROSS JOIN integrations_lmsconfiguration configuration
JOIN integrations_lane lane ON lane.configuration_id = configuration.id
JOIN {table} made ON made.id = %(made)s
WHERE result.id > %(after)s ORDER BY result.id, configuration.id
"""
AT_ALL = {
    "uuid": "{uuid}",
    "configuration_id": "configuration.id",
    "lane_id": "lane.id",
    "result_id": "result.id",
}
# With an id that the statement has, too, so that an LMS takes each for another one.
AT_ONE = {
    "uuid": "{id_column}",
    "content": "replace(made.content, %(id)s, {id})",
    "result_id": "result.id",
}

WORDS = {
    "postgresql": {
        "numbers": "WITH numbers AS (SELECT generate_series(1, %(count)s) AS number)",
        "uuid": "gen_random_uuid()",
        "id": "'00000000-0000-4000-8000-' || lpad(to_hex(result.id), 12, '0')",
        "id_column": "('00000000-0000-4000-8000-' || lpad(to_hex(result.id), 12, '0'))::uuid",
        "now": "now()",
        "later": "now() + interval '1 day'",
    },
    "sqlite": {
        "numbers": "WITH RECURSIVE numbers(number) AS "
        "(SELECT 1 UNION ALL SELECT number + 1 FROM numbers WHERE number < %(count)s)",
        "uuid": "lower(hex(randomblob(16)))",
        "id": "printf('00000000-0000-4000-8000-%%012x', result.id)",
        "id_column": "printf('00000000000040008000%%012x', result.id)",
        "now": "datetime('now')",
        "later": "datetime('now', '+1 day')",
    },
}


def copy(statement: str, made: Result | Delivery, differing: dict[str, str], **values: int) -> None:
    """Insert copies of a row: ``RESULTS`` takes their ``count``, the others the id of the result ``after`` which."""
    columns = [str(field.column) for field in made._meta.concrete_fields if not field.primary_key]
    expressions = ", ".join(differing.get(column, f"made.{column}") for column in columns)
    text = statement.replace("{expressions}", expressions)
    words = {"table": made._meta.db_table, "columns": ", ".join(columns), **WORDS[connection.vendor]}
    with connection.cursor() as cursor:
        cursor.execute(text.format(**words), {**values, "made": made.pk, "id": str(made.uuid)})
