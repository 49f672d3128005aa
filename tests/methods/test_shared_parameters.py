"""What methods share is the same in all of them, though each names it in its own constructor."""

import inspect
import re

import pytest
from helpers import METHODS

from tsdisentangle.base import SequenceDisentangler

SHARED = tuple(SequenceDisentangler._parameter_constraints)
# Those whose meaning depends on the method have texts of their own.
OWN_TEXT = {"encoder", "window", "dynamic_dim", "output", "batch_size", "early_stopping"}


def descriptions(method):
    """Text of each parameter in a docstring, under every name that it is given for."""
    text = inspect.getdoc(method)
    section = text[text.index("Parameters\n---") : text.index("Attributes\n---")]
    found = {}
    for entry in re.split(r"\n(?=\S)", section)[2:]:
        names, _, rest = entry.partition(" : ")
        found |= {name: rest.strip() for name in names.split(", ")}
    return found


@pytest.fixture(params=METHODS, ids=lambda method: method.__name__)
def method(request):
    return request.param


def shared(method):
    parameters = inspect.signature(method).parameters
    return {name: parameters[name] for name in parameters if name in SHARED}


def test_same_order_and_defaults(method):
    first, own = shared(METHODS[0]), shared(method)
    assert list(own) == list(first)
    assert set(own) == set(SHARED)
    assert {name: own[name].default for name in own} == {n: first[n].default for n in first}
    assert {name: own[name].kind for name in own} == {name: first[name].kind for name in first}
    assert {name: own[name].annotation for name in own} == {n: first[n].annotation for n in first}


def test_same_constraints(method):
    constraints = method._parameter_constraints
    for name in SHARED:
        assert constraints[name] is SequenceDisentangler._parameter_constraints[name]


def test_every_parameter_is_constrained_and_described_in_its_order(method):
    names = list(inspect.signature(method).parameters)
    assert set(names) == set(method._parameter_constraints)
    assert list(descriptions(method)) == names


def test_same_text_unless_the_meaning_is_the_methods_own(method):
    first, own = descriptions(METHODS[0]), descriptions(method)
    for name in set(SHARED) - OWN_TEXT:
        assert own[name] == first[name]
    for name in OWN_TEXT:  # types and defaults are written alike in any case
        assert own[name].splitlines()[0] == first[name].splitlines()[0]
