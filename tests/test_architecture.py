"""A file imports only from floors below its own, or from its own floor's package."""

import ast
from pathlib import Path

import pytest

import tsdisentangle

ROOT = Path(tsdisentangle.__file__).parent
FLOORS = {
    "data": 1,
    "datasets": 1,
    "metrics": 1,
    "nn": 2,
    "losses": 2,
    "encoders": 3,
    "persistence": 3,
    "training": 3,
    "tuned": 3,
    "base": 4,
    "methods": 4,
    "evaluation": 5,
    "interop": 6,
    "plots": 6,
}
MODULES = sorted(path for path in ROOT.rglob("*.py") if path.parent != ROOT or path.stem in FLOORS)


def room(parts):
    return next((part for part in parts if part in FLOORS), None)


def imported(path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_point_downwards(path):
    own = room([*path.relative_to(ROOT).parent.parts, path.stem])
    assert own is not None, f"{path} stands in no room; give it a floor here"
    for name in imported(path):
        if name.startswith("tsdisentangle."):
            other = room(name.split(".")[1:])
            assert FLOORS[other] <= FLOORS[own], f"{own} imports {name}, which is a floor above"


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_each_floor_is_ignorant_of_what_it_shall_not_know(path):
    own = room([*path.relative_to(ROOT).parent.parts, path.stem])
    forbidden = {
        "data": {"torch", "skorch"} if path.stem != "windows" else {"skorch"},
        "datasets": {"torch", "skorch"},
        "nn": {"skorch", "sklearn", "pandas"},
        "metrics": {"torch", "skorch"},
        "losses": {"skorch", "sklearn", "pandas", "numpy"},
    }.get(own, set())
    assert not {name.split(".")[0] for name in imported(path)} & forbidden


def test_no_two_rooms_import_each_other():
    arrows = {
        (room([*path.relative_to(ROOT).parent.parts, path.stem]), room(name.split(".")[1:]))
        for path in MODULES
        for name in imported(path)
        if name.startswith("tsdisentangle.")
    }
    assert not {(a, b) for a, b in arrows if a != b and (b, a) in arrows}


METHOD_FILES = ("cdsvae", "glr", "gpvae", "spyl", "static_dynamic_vae", "vae")


@pytest.mark.parametrize("name", METHOD_FILES)
def test_methods_do_not_know_each_other(name):
    others = {f"tsdisentangle.methods.{other}" for other in METHOD_FILES if other != name}
    assert not others & set(imported(ROOT / "methods" / f"{name}.py"))
