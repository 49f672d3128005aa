"""Pages of the site say all that they promise to say; `make docs` sees the links."""

import re
import shlex
from importlib import import_module
from pathlib import Path

import api_surface
import pytest

from tsdisentangle.cli import main

DOCS = Path(__file__).parents[2] / "docs"
INDEX = (DOCS / "index.md").read_text()
HOW_TOS = re.search(r":caption: How to\n:hidden:\n\n(.*?)\n```", INDEX, re.S)[1].split()


def test_the_page_of_the_api_has_every_public_name_once():
    page = (DOCS / "api.md").read_text()
    listed = []
    for module, names in re.findall(
        r"currentmodule:: (\S+)\n(.*?)(?=\n```|\n\.\. curr)", page, re.S
    ):
        words = re.findall(r"^   (\w+)$", names, re.M)
        listed += [getattr(import_module(module), word) for word in words]
    public = {
        each: name.split("(")[0]
        for name in api_surface.lines()
        if callable(each := public_object(name.split("(")[0]))
    }
    assert len(public) > 80
    assert not {public[each] for each in set(public) - set(listed)}
    assert len(set(listed)) == len(listed)


def public_object(name):
    """Class or function of a dotted name; None for methods and plain values."""
    module, _, last = name.rpartition(".")
    try:
        return getattr(import_module(module), last)
    except ModuleNotFoundError:
        return None


@pytest.mark.parametrize("page", HOW_TOS)
def test_each_how_to_ends_with_when_not_to_use_it(page):
    last = (DOCS / f"{page}.md").read_text().split("\n## ")[-1]
    heading, _, text = last.partition("\n")
    assert heading == "When not to use this"
    assert len(text) > 200


def test_the_how_tos_are_there():
    assert len(HOW_TOS) > 8
    assert {page.stem for page in (DOCS / "howto").glob("*.md")} <= {Path(p).name for p in HOW_TOS}


@pytest.mark.parametrize("page", ["../README.md", "howto/command_line.md"])
def test_printed_commands_are_commands(page, tmp_path, monkeypatch, capsys):
    """Each is understood: it fails for want of a file, not of an option."""
    monkeypatch.chdir(tmp_path)
    lines = re.findall(r"^tsdisentangle (.+)$", (DOCS / page).read_text(), re.M)
    assert len(lines) > 2
    for line in lines:
        assert main(shlex.split(line)) == 2
        assert "No such file" in capsys.readouterr().err
