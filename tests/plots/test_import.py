"""Pictures hold what they are named after."""

import importlib
import sys

import pytest

import tsdisentangle.plots


def test_without_matplotlib_the_error_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(ImportError, match=r"tsdisentangle\[plots\]"):
        importlib.reload(tsdisentangle.plots)
