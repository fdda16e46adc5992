"""The catalogue's book-keeping."""

from __future__ import annotations

from tests.rows import catalogue, disagreements, written

TABLE = """
| row | what | where |
| --- | --- | --- |
| R01 | one | `a/test_a.py` |
| R02 | two | due |
| S01 | three | planned |
"""


def test_catalogue__reads_the_rows_of_a_table() -> None:
    assert [(row.name, row.text, row.where) for row in catalogue(TABLE)] == [
        ("R01", "one", "`a/test_a.py`"),
        ("R02", "two", "due"),
        ("S01", "three", "planned"),
    ]


def test_disagreements__none_while_claims_are_met() -> None:
    assert disagreements(catalogue(TABLE), {"R01": ["tests/a/test_a.py::test_x"]}) == []


def test_disagreements__claimed_file_without_test() -> None:
    assert disagreements(catalogue(TABLE), {"R01": ["tests/b/test_b.py::test_x"]}) == [
        "R01 names a/test_a.py, where no test is marked with it."
    ]


def test_disagreements__test_of_an_unknown_row() -> None:
    tests = {"R01": ["tests/a/test_a.py::test_x"], "R99": ["tests/a/test_a.py::test_y"]}

    assert disagreements(catalogue(TABLE), tests) == [
        "R99 is marked in tests/a/test_a.py::test_y but is no row of tests/README.md."
    ]


def test_written__names_the_files_and_keeps_open_words() -> None:
    text = written(TABLE, {"R02": ["tests/b/test_b.py::test_x", "tests/b/test_b.py::test_y"]})

    assert [row.where for row in catalogue(text)] == ["due", "`b/test_b.py`", "planned"]
