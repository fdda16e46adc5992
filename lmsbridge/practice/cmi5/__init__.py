"""The practice LMS as a strict cmi5 LMS: it imports course structures, launches their units, and judges each session.

Section numbers are those of cmi5 "Quartz", 1st edition. Every rule has an id of its own (``requirements``); a request
that breaks one is refused and written into its session's log.
"""
