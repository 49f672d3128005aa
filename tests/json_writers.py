"""What two processes of a test run; a file of its own, so that they import no more than that."""

from benchmarks.tables.rows import change_json


def add_numbers(path, start):
    for number in range(start, start + 25):
        change_json(path, lambda old, new=number: {"rows": [*old.get("rows", []), new]})
