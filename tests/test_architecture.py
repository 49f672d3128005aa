"""A file imports only from its own package, or from floors below its own.

A package is a folder; a file beside the folders counts as one.
"""

import ast
from pathlib import Path

import pytest

import tsdisentangle
from tsdisentangle.methods import METHODS

ROOT = Path(tsdisentangle.__file__).parent
# What stands on what: a package, or a file beside the packages, and its floor.
FLOORS = {
    "registry": 0,
    "data": 1,
    "io": 1,
    "metrics": 1,
    "datasets": 2,
    "nn": 2,
    "encoders": 3,
    "losses": 3,
    "network": 4,
    "presets": 4,
    "training": 5,
    "persistence": 6,
    "base": 7,
    "methods": 8,
    "evaluation": 9,
    "interop": 9,
    "plots": 9,
    "cli": 10,
    "__main__": 11,
}
# Packages that a floor's files never import, whatever the floor.
NEVER = {
    "data": {"torch", "skorch"},
    "datasets": {"torch", "skorch"},
    "io": {"torch", "skorch"},
    "nn": {"skorch", "sklearn", "pandas"},
    "metrics": {"torch", "skorch"},
    "losses": {"skorch", "sklearn", "pandas", "numpy"},
}
EXCEPT = {"data/windows.py": {"torch"}}  # where arrays become tensors
SOURCES = {str(path.relative_to(ROOT)): path.read_text() for path in sorted(ROOT.rglob("*.py"))}


def part_of(module):
    """Package, or file beside the packages, that a module of ours belongs to; '' for the root."""
    return module.partition(".")[2].partition(".")[0]


def imports(file, source):
    """Modules that a file imports, in any form, and those that its strings name for later."""
    package = ["tsdisentangle", *Path(file).parent.parts]
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) - node.level + 1] if node.level else []
            module = ".".join([*above, *([node.module] if node.module else [])])
            # What is imported from the root is a package, or a name that its table has.
            names = [alias.name for alias in node.names]
            yield from names_of_root(names) if module == "tsdisentangle" else [module]
        elif isinstance(node, ast.Constant) and is_path(node.value):
            yield node.value


def is_path(value):
    """Whether a constant is the dotted name of a module of ours; without a dot, it is a project."""
    parts = value.split(".") if isinstance(value, str) else [""]
    named = parts[0] == "tsdisentangle" and all(part.isidentifier() for part in parts)
    return named and len(parts) > 1


def names_of_root(names):
    for name in names:
        yield tsdisentangle._PUBLIC.get(name, f"tsdisentangle.{name}")


def arrows():
    """``(file, own part, other part, module)`` of every import of our own."""
    for file, source in SOURCES.items():
        own = Path(file).parts[0].removesuffix(".py")
        for module in imports(file, source):
            if module.partition(".")[0] == "tsdisentangle":
                yield file, own, part_of(module), module


def test_every_file_has_a_floor():
    parts = {Path(file).parts[0].removesuffix(".py") for file in SOURCES}
    assert parts - {"__init__"} == set(FLOORS)


def test_imports_point_downwards():
    wrong = [
        f"{file} imports {module}"
        for file, own, other, module in arrows()
        if own != "__init__" and other != own and not FLOORS.get(other, 99) < FLOORS[own]
    ]
    # The table of methods names its own package; the root names everything, and is named by none.
    assert not wrong


@pytest.mark.parametrize(
    "line",
    [
        "import tsdisentangle",
        "import tsdisentangle.base",
        "from tsdisentangle import VAE",
        "from tsdisentangle import base",
        "from .. import base",
        "from ..base import SequenceDisentangler",
        "from tsdisentangle.base import SequenceDisentangler",
        "import_module('tsdisentangle.base')",
    ],
)
def test_every_form_of_an_arrow_upwards_is_seen(line):
    others = {part_of(module) for module in imports("data/example.py", line)}
    assert others <= {"base", "methods", ""}
    assert others
    assert all(FLOORS.get(other, 99) > FLOORS["data"] for other in others)


def test_each_floor_is_ignorant_of_what_it_shall_not_know():
    for file, source in SOURCES.items():
        forbidden = NEVER.get(Path(file).parts[0], set()) - EXCEPT.get(file, set())
        used = {module.partition(".")[0] for module in imports(file, source)}
        assert not used & forbidden, file


def test_methods_do_not_know_each_other():
    for name, module in METHODS.items():
        file = "/".join(module.split(".")[1:]) + ".py"
        assert not set(METHODS.values()) & set(imports(file, SOURCES[file])), name


def test_only_data_knows_the_kinds_of_panels():
    panels = {"Series", "StoredSeries", "Clips"}
    for file, source in SOURCES.items():
        if file.startswith("data/"):
            continue
        for node in ast.walk(ast.parse(source)):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "isinstance":
                names = {each.id for each in ast.walk(node.args[1]) if isinstance(each, ast.Name)}
                assert not names & panels, f"{file}:{node.lineno}"
