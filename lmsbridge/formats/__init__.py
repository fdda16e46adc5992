"""How dates are written: one way everywhere, with the time zone."""
