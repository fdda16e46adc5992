"""What the product promises, under kills and faults at random: ``python -m tests.soak`` and ``tests.soak.kills``."""
