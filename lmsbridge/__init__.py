"""The composition root of LMS Bridge: settings, URLs, the admin site, the demo. Nothing imports it."""
