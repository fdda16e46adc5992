"""cmi5 in tests: course structures, a conforming unit played by hand, and the comparison of two sessions."""
