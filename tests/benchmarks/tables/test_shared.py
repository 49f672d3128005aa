"""Files that several processes change at a time."""

import json
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import pytest

from benchmarks.tables.shared import change_json


def add_numbers(path, start):
    for number in range(start, start + 25):
        change_json(path, lambda old, new=number: {"rows": [*old.get("rows", []), new]})


def test_nothing_is_lost_between_two_writers(tmp_path):
    path = tmp_path / "new" / "rows.json"
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
        list(pool.map(add_numbers, [path, path], [0, 25]))
    assert sorted(json.loads(path.read_text())["rows"]) == list(range(50))
    assert {file.name for file in path.parent.iterdir()} <= {"rows.json", "rows.lock"}


def test_a_change_that_fails_leaves_the_file(tmp_path):
    path = tmp_path / "rows.json"
    change_json(path, lambda old: {"a": 1})
    with pytest.raises(KeyError):
        change_json(path, lambda old: old["b"])
    assert change_json(path, lambda old: old | {"c": 2}) == {"a": 1, "c": 2}
