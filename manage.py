#!/usr/bin/env python3
"""Django's command line for LMS Bridge."""

from __future__ import annotations

import os
import sys


def main() -> None:
    """Run a management command; ``demo`` first gets the environment that it needs."""
    if sys.argv[1:2] == ["demo"]:
        from lmsbridge import demo

        demo.prepare()
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "lmsbridge.settings")
    from django.core.management import execute_from_command_line

    from objectives import clock

    clock.follow_database()
    execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
