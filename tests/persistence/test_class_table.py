"""Only the classes of the table are made."""

import subprocess
import sys

import pytest

from tsdisentangle import VAE, StaticDynamicVAE, TabularEncoder
from tsdisentangle.persistence.archive import ModelFileError
from tsdisentangle.persistence.class_table import ClassTable, construct, is_packaged


def test_own_classes_have_names_of_their_own():
    class Mine:
        pass

    class Other:
        pass

    Other.__name__ = "Mine"
    imposter = type("TabularEncoder", (TabularEncoder,), {})
    for types in ([imposter], [Mine, Other], [Mine()], ["Mine"]):
        with pytest.raises(ValueError, match="types holds"):
            ClassTable(types)
    assert ClassTable([TabularEncoder, Mine, Mine]).own == {"Mine": Mine}
    with pytest.raises(ModelFileError, match="one with a method build is"):
        ClassTable([Mine]).parameter_object("Mine")
    assert ClassTable().method("StaticDynamicVAE") is StaticDynamicVAE


def test_a_class_of_the_package_is_told_from_one_of_its_name():
    imposter = type("VAE", (VAE,), {})
    assert is_packaged(VAE)
    assert is_packaged(TabularEncoder)
    assert not is_packaged(imposter)
    with pytest.raises(ValueError, match="types holds a class VAE, a name that another class"):
        ClassTable([imposter])


def test_the_own_classes_that_were_named_are_known():
    mine = type("Mine", (TabularEncoder,), {})
    other = type("Other", (TabularEncoder,), {})
    table = ClassTable([mine, other])
    assert table.used == set()
    assert type(table.make_parameter_object("Mine", {"hidden": 3})) is mine
    table.parameter_object("TabularEncoder")
    assert table.used == {"Mine"}


def test_a_constructor_that_fails_is_a_refusal():
    with pytest.raises(ModelFileError, match=r"TabularEncoder cannot be made .*'other'"):
        construct(TabularEncoder, {"other": 1})


@pytest.mark.slow
def test_a_method_is_imported_when_it_is_asked_for():
    code = """
import sys
from tsdisentangle.persistence.class_table import ClassTable
table = ClassTable()
assert "tsdisentangle.methods.glr" not in sys.modules
assert table.method("GLR") is sys.modules["tsdisentangle.methods.glr"].GLR
assert "tsdisentangle.methods.spyl" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", code], check=True)
