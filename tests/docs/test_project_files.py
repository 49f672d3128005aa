"""Files that say the same thing agree: README, CONTRIBUTING, hooks, CI, citation, records."""

import json
import re
import tomllib
from pathlib import Path

import pytest
import weight_names

from tsdisentangle.methods import METHODS

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
MAPS = ("CONTRIBUTING.md", "docs/design.md")


def read(name):
    return (ROOT / name).read_text()


def test_the_table_of_the_readme_lists_the_methods_in_order():
    section = read("README.md").split("\n## Methods\n")[1].split("\n## ")[0]
    assert re.findall(r"^\| `(\w+)` \|", section, re.M) == list(METHODS)


def test_paths_that_the_maps_name_exist():
    """Pages name files from the root of the repository or from that of the package."""
    named = {
        (page, path)
        for page in MAPS
        for path in re.findall(r"`((?:[\w.]+/)+[\w.]*|\w+\.py)`", read(page))
    }
    assert len(named) > 50
    roots = (ROOT, ROOT / "tsdisentangle")
    assert not {each for each in named if not any((root / each[1]).exists() for root in roots)}


def test_make_targets_that_the_pages_name_exist():
    targets = set(re.findall(r"^([\w-]+):", read("Makefile"), re.M))
    for page in ("README.md", "CONTRIBUTING.md", ".github/workflows/ci.yml"):
        named = set(re.findall(r"(?:^|`|run: )make ([\w-]+)", read(page), re.M))
        assert {"check", "test"} <= named <= targets, page


def test_hooks_have_the_versions_of_the_constraints():
    hooks = read(".pre-commit-config.yaml")
    pins = dict(re.findall(r"^([\w-]+)==(\S+)$", read("constraints.txt"), re.M))
    assert re.search(r"ruff-pre-commit\n    rev: v(\S+)", hooks)[1] == pins["ruff"]
    assert re.search(r"mirrors-mypy\n    rev: v(\S+)", hooks)[1] == pins["mypy"]
    for name, version in re.findall(r"([\w-]+)==([\w.]+)", hooks):
        assert version == pins[name], name


def test_continuous_integration_runs_the_python_versions_of_the_classifiers():
    prefix = "Programming Language :: Python :: 3."
    classifiers = [each for each in PROJECT["classifiers"] if each.startswith(prefix)]
    versions = [each.rpartition(" ")[2] for each in classifiers]
    matrix = re.search(r"python-version: \[(.+)\]", read(".github/workflows/ci.yml"))[1]
    assert matrix == ", ".join(f'"{version}"' for version in versions)
    assert PROJECT["requires-python"] == f">={versions[0]}"


def test_the_citation_is_of_this_version():
    citation = read("CITATION.cff")
    assert f"\nversion: {PROJECT['version']}\n" in citation
    assert f"\nrepository-code: {PROJECT['urls']['Source']}\n" in citation
    assert f"\nlicense: {PROJECT['license']}\n" in citation


RECORD = json.loads(weight_names.RECORDED.read_text())


@pytest.mark.parametrize("case", RECORD)
def test_the_script_finds_the_recorded_names_of_weights(case):
    assert weight_names.weight_names(case) == RECORD[case]


def test_a_new_case_is_recorded_and_an_old_one_never_changed(tmp_path, monkeypatch):
    case = "GLR TabularEncoder step"
    assert case not in RECORD
    monkeypatch.setattr(weight_names, "RECORDED", tmp_path / "names.json")
    weight_names.RECORDED.write_text(json.dumps(RECORD))
    weight_names.main([case])
    renewed = json.loads(weight_names.RECORDED.read_text())
    assert {**renewed, case: None} == {**RECORD, case: None}
    assert renewed[case]
    with pytest.raises(SystemExit, match="recorded already"):
        weight_names.main([case])
