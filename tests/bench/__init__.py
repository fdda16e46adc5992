"""``make bench``: how fast LMS Bridge is, beside what shows how fast it could be; see ``__main__``."""
