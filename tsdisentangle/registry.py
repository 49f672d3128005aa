"""The package's own classes that a model file may name.

``tsdisentangle/__init__.py`` fills the tables when the package is imported, which comes before
anything else of it. So ``persistence`` knows every method, and imports none: a class is imported
when it is asked for.
"""

from collections.abc import Mapping
from importlib import import_module

# Class names and the modules that have them: estimators; encoders and decoders.
METHODS: dict[str, str] = {}
PARAMETER_OBJECTS: dict[str, str] = {}


def register(*, methods: Mapping[str, str], parameter_objects: Mapping[str, str]) -> None:
    """Enter classes by their names.

    Parameters
    ----------
    methods, parameter_objects : mapping of str to str
        Name of the class, and the module that has it.
    """
    METHODS.update(methods)
    PARAMETER_OBJECTS.update(parameter_objects)


def is_registered(name: str) -> bool:
    """Whether one of the registered classes has a name."""
    return name in METHODS or name in PARAMETER_OBJECTS


def registered_class(name: str) -> type:
    """Import the registered class of a name.

    Raises
    ------
    KeyError
        There is none.
    """
    module = METHODS[name] if name in METHODS else PARAMETER_OBJECTS[name]
    return getattr(import_module(module), name)
