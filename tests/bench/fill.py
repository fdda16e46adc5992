"""A table full of deliveries, made inside the database: a hundred configurations, as many results as it takes."""

from __future__ import annotations

from integrations.models import Delivery, LMSConfiguration
from objectives.models import Objective, Result
from tests.bench.stage import PEOPLE, Stage, analyze
from tests.bulk import AT_ALL, DELIVERIES_AT_ALL, RESULTS, copy

CONFIGURATIONS = 100

RESULT = {"uuid": "{uuid}", "participant_id": "%(person)s + number %% %(people)s"}
# Of each configuration's rows nine in ten are delivered; of the others every second one is not due yet.
DELIVERY = AT_ALL | {
    "state": "CASE WHEN result.id %% 10 = 0 THEN 'queued' ELSE 'delivered' END",
    "next_attempt_at": "CASE result.id %% 20 WHEN 0 THEN {now} WHEN 10 THEN {later} END",
    "delivered_at": "CASE WHEN result.id %% 10 = 0 THEN NULL ELSE {now} END",
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
        copy(RESULTS, self.result, RESULT, person=self.stage.people[0].pk, people=PEOPLE, count=count)
        copy(DELIVERIES_AT_ALL, self.delivery, DELIVERY, after=last)
        analyze()
        assert abs(Delivery.objects.count() - deliveries) <= CONFIGURATIONS
