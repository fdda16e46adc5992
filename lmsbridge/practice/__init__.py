"""The practice LMS: a small learning record store of our own that can be told to fail.

It stands in for a customer's LMS in ``make demo`` and in tests, needs the standard library only, and keeps what it
receives in memory.
"""
