"""English: 22 Nov 2026, 03:25 UTC."""

DATE_FORMAT = "j M Y"
TIME_FORMAT = "H:i e"
DATETIME_FORMAT = "j M Y, H:i e"
