"""A table full of deliveries, made inside the database: a hundred configurations, as many results as it takes."""

from __future__ import annotations

from django.db import connection
from django.db.models import Model

from integrations.models import Delivery, LMSConfiguration
from objectives.models import Objective, Result
from tests.bench.stage import PEOPLE, Stage, analyze

CONFIGURATIONS = 100

# What differs from row to row; all else is as in the one row that the product made.
RESULT = {"uuid": "{uuid}", "participant_id": "%(person)s + number %% %(people)s"}
# Of each configuration's rows nine in ten are delivered; of the others every second one is not due yet.
DELIVERY = {
    "uuid": "{uuid}",
    "configuration_id": "configuration.id",
    "lane_id": "lane.id",
    "result_id": "result.id",
    "state": "CASE WHEN result.id %% 10 = 0 THEN 'queued' ELSE 'delivered' END",
    "next_attempt_at": "CASE result.id %% 20 WHEN 0 THEN {now} WHEN 10 THEN {later} END",
    "delivered_at": "CASE WHEN result.id %% 10 = 0 THEN NULL ELSE {now} END",
}
RESULTS = """
{numbers} INSERT INTO {table} ({columns}) SELECT {expressions} FROM numbers JOIN {table} made ON made.id = %(made)s
"""
DELIVERIES = """
INSERT INTO {table} ({columns}) SELECT {expressions} FROM objectives_result result
CROSS JOIN integrations_lmsconfiguration configuration
JOIN integrations_lane lane ON lane.configuration_id = configuration.id
JOIN {table} made ON made.id = %(made)s
WHERE result.id > %(after)s ORDER BY result.id, configuration.id
"""

WORDS = {
    "postgresql": {
        "numbers": "WITH numbers AS (SELECT generate_series(1, %(count)s) AS number)",
        "uuid": "gen_random_uuid()",
        "now": "now()",
        "later": "now() + interval '1 day'",
    },
    "sqlite": {
        "numbers": "WITH RECURSIVE numbers(number) AS "
        "(SELECT 1 UNION ALL SELECT number + 1 FROM numbers WHERE number < %(count)s)",
        "uuid": "lower(hex(randomblob(16)))",
        "now": "datetime('now')",
        "later": "datetime('now', '+1 day')",
    },
}


class Filled:
    """A growing table of deliveries of one organization."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        objective: Objective = stage.connect("0")[1]
        stage.record(objective, 1)
        self.result = Result.objects.get()
        self.delivery = Delivery.objects.get()
        Delivery.objects.update(state="delivered", delivered_at=self.delivery.created_at, next_attempt_at=None)
        for number in range(1, CONFIGURATIONS):
            stage.connect(str(number))
        assert LMSConfiguration.objects.count() == CONFIGURATIONS

    def grow_to(self, deliveries: int) -> None:
        """Fill up to about so many deliveries, as many for each configuration."""
        last = Result.objects.order_by("-id").values_list("id", flat=True)[0]
        count = deliveries // CONFIGURATIONS - Result.objects.count()
        people = {"person": self.stage.people[0].pk, "people": PEOPLE, "count": count}
        self._insert(RESULTS, self.result, RESULT, people)
        self._insert(DELIVERIES, self.delivery, DELIVERY, {"after": last})
        analyze()
        assert abs(Delivery.objects.count() - deliveries) <= CONFIGURATIONS

    @staticmethod
    def _insert(statement: str, made: Model, differing: dict[str, str], values: dict[str, int]) -> None:
        words = WORDS[connection.vendor]
        columns = [str(field.column) for field in made._meta.concrete_fields if not field.primary_key]
        expressions = ", ".join(differing.get(column, f"made.{column}") for column in columns)
        table = made._meta.db_table
        text = statement.replace("{expressions}", expressions)
        with connection.cursor() as cursor:
            cursor.execute(text.format(table=table, columns=", ".join(columns), **words), {**values, "made": made.pk})
