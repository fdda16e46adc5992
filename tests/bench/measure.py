"""One measurement in a process and a database of its own: ``python -m tests.bench.measure NAME [--quick]``.

``TEST_DATABASE_URL`` names the empty database. The lines of the table go to standard output as JSON.
"""

from __future__ import annotations

import dataclasses
import json
import logging
import signal
import sys

import django

from tests.bench.sink import running_sink


def main(name: str, *options: str) -> None:
    """Make the tables, measure, say what was found."""
    # What was started ends too, also when this is told to end.
    signal.signal(signal.SIGTERM, lambda *_signal: sys.exit(1))
    django.setup()
    from django.core.management import call_command

    from tests.bench import asking, fairness, latency, pipeline, recording, scale
    from tests.bench.stage import QUICK, Sizes, Stage

    measurements = {
        "pipeline": pipeline.fast,
        "slow": pipeline.slow,
        "two": pipeline.two_processes,
        "recording": recording.recording,
        "scale": scale.scale,
        "latency": latency.latency,
        "asking": asking.asking,
        "fairness": fairness.fairness,
        "memory": pipeline.memory,
    }
    logging.getLogger("django-q").setLevel(logging.WARNING)
    call_command("migrate", verbosity=0)
    with running_sink() as sink:
        lines = measurements[name](Stage(sink, QUICK if "--quick" in options else Sizes()))
    sys.stdout.write(json.dumps([dataclasses.asdict(line) for line in lines]) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
