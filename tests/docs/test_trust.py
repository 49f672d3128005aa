"""The table of promises names tests that exist."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "trust.md").read_text()
NAMED = sorted(set(re.findall(r"`((?:tests|benchmarks|fuzz)/[\w/]+\.py(?:::\w+)?)`", PAGE)))
PROMISES = re.findall(
    r"^\| (?!promise|---|\*\*)(.+?) \| (.+?) \|$", PAGE.split("## Fuzzing")[0], re.M
)


@pytest.mark.parametrize("name", NAMED)
def test_named_test_exists(name):
    path, _, function = name.partition("::")
    tree = ast.parse((ROOT / path).read_text())
    functions = {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}
    assert not function or function in functions


def test_every_promise_names_what_holds_it():
    assert len(PROMISES) > 25
    for promise, held_by in PROMISES:
        assert re.search(r"`(tests/|benchmarks/|fuzz/|make )", held_by), promise
