"""django-q2's brokers with two additions: they give their own cluster a pump now and then, and leave signs of life.

A killed process can leave the queues between django-q2's processes locked for ever while all of them look healthy
(django-q2 #23 and #339). So a pump that no other cluster can take goes the whole way through each cluster: from its
pusher through a worker to its monitor. If it does not come out, ``run_worker`` begins a new cluster.
"""

from __future__ import annotations

import logging
import time
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import Error as DatabaseError
from django.dispatch import receiver
from django_q.brokers import Broker
from django_q.brokers.orm import ORM
from django_q.brokers.redis_broker import Redis
from django_q.conf import Conf
from django_q.signals import post_execute, post_spawn, pre_execute
from django_q.tasks import async_task
from redis.exceptions import RedisError

from integrations import lifeline
from objectives import clock

logger = logging.getLogger(__name__)

# The id under which the cluster's own pump is acknowledged; no row of the queue has it.
OWN = -1
# Seconds until a broker that could not be asked is asked again.
PAUSE = 2.0


class _Package(Broker):  # type: ignore[misc]  # django-q2 has no types
    """Takes what ``async_task`` would put into a queue."""

    package = ""

    def enqueue(self, task: str) -> int:
        self.package = task
        return OWN


def own_pump() -> str:
    """A pump, packed and signed as any other task."""
    taken = _Package()
    async_task("integrations.tasks.pump", broker=taken)
    return taken.package


class SignsOfLife(Broker):  # type: ignore[misc]
    """What both brokers have in addition. ``trouble`` is what their servers' failures are raised as."""

    trouble: tuple[type[Exception], ...] = ()
    _next = 0.0

    def dequeue(self) -> Any:
        """In the pusher: the next tasks; every so often a pump of this cluster's own, whatever else there is."""
        lifeline.look()
        if lifeline.is_on() and time.monotonic() >= self._next:
            self._next = time.monotonic() + settings.SIGN_EVERY
            return [(OWN, own_pump())]
        try:
            return super().dequeue()
        except self.trouble as problem:
            # By its type only: django-q2 would write a traceback and rest for ten seconds.
            logger.warning("The queue could not be asked for tasks: %s", type(problem).__name__)
            time.sleep(PAUSE)
            return None

    def acknowledge(self, task_id: Any) -> Any:
        """In the monitor: a task is done; the cluster's own is in no queue."""
        if task_id == OWN:
            return None
        try:
            return super().acknowledge(task_id)
        except self.trouble as problem:
            # It is done once more, after a while, which does no harm. The monitor must not die of it.
            logger.warning("A task that is done stays in the queue: %s", type(problem).__name__)
            return None

    def set_stat(self, key: str, value: str, timeout: int) -> Any:
        """In the sentinel, twice a second."""
        lifeline.sign(lifeline.SENTINEL)
        return super().set_stat(key, value, timeout)


class _OnSharedTime(ORM):  # type: ignore[misc]
    """django-q2's queue in the database, by the clock that all hosts share.

    By clocks of their own, hosts would take one another's tasks late, or a second time while they are worked.
    """

    def timeout(self, _task: Any) -> datetime:
        """Until when a task that is taken now is left to whoever took it."""
        return clock.now() + timedelta(seconds=Conf.RETRY)

    def enqueue(self, task: str) -> Any:
        """Put a task into the queue; its key."""
        key = self.list_key or Conf.CLUSTER_NAME
        return self.get_connection().create(key=key, payload=task, lock=clock.now()).pk

    def dequeue(self) -> list[tuple[Any, str]]:
        """The next tasks, which are ours then; waits a moment if there are none."""
        found = list(self.get_connection().filter(key=self.list_key, lock__lt=clock.now())[: Conf.BULK])
        if not found:
            time.sleep(Conf.POLL)
        return [(one.pk, one.payload) for one in found if self._take(one)]

    def _take(self, task: Any) -> bool:
        mine = self.get_connection().filter(pk=task.pk, lock=task.lock)
        return bool(mine.update(lock=self.timeout(task)))


class DatabaseQueue(SignsOfLife, _OnSharedTime):
    """The queue in the database."""

    trouble = (DatabaseError,)


class RedisQueue(SignsOfLife, Redis):  # type: ignore[misc]
    """The queue in Redis."""

    trouble = (RedisError,)

    def ping(self) -> bool:
        """Before the cluster starts. It starts without Redis, too: its own pumps deliver until Redis is back."""
        try:
            return bool(super().ping())
        except RedisError:
            return False


@receiver(post_spawn)
def _worker_started(**_kwargs: Any) -> None:
    lifeline.watch()


@receiver(pre_execute)
def _task_taken(**_kwargs: Any) -> None:
    lifeline.sign(lifeline.WORKER)


@receiver(post_execute)
def _result_noted(**_kwargs: Any) -> None:
    lifeline.sign(lifeline.MONITOR)
