"""The package's classes that model files may name."""

import subprocess
import sys

import pytest

import tsdisentangle
from tsdisentangle import encoders
from tsdisentangle.methods import load_methods
from tsdisentangle.registry import METHODS, PARAMETER_OBJECTS, is_registered, registered_class


def test_all_methods_and_all_encoders_are_registered():
    assert {name: registered_class(name) for name in METHODS} == load_methods()
    assert set(PARAMETER_OBJECTS) == set(encoders.__all__)
    for name in PARAMETER_OBJECTS:
        assert registered_class(name) is getattr(encoders, name)


def test_what_is_registered_is_public():
    for name in (*METHODS, *PARAMETER_OBJECTS):
        assert name in tsdisentangle.__all__
        assert registered_class(name) is getattr(tsdisentangle, name)


@pytest.mark.parametrize("name", ["make_static_dynamic", "Codes", "load", "__class__", ""])
def test_nothing_else_is_registered(name):
    assert not is_registered(name)
    with pytest.raises(KeyError):
        registered_class(name)


def test_importing_the_package_registers_names_and_imports_no_class():
    code = """
import sys
import tsdisentangle
from tsdisentangle.registry import is_registered
assert is_registered("VAE") and is_registered("TabularEncoder")
assert not {"torch", "sklearn", "tsdisentangle.encoders"} & set(sys.modules)
"""
    subprocess.run([sys.executable, "-c", code], check=True)
