"""Which classes a model file may name."""

from collections.abc import Container, Iterable
from typing import Any

from tsdisentangle.persistence.archive import ModelFileError, blaming_the_file
from tsdisentangle.registry import METHODS, PARAMETER_OBJECTS, is_registered, registered_class


class ClassTable:
    """The package's own methods and parameter objects, and those that the user passes.

    Parameters
    ----------
    types : iterable of type
        The user's own classes.

    Attributes
    ----------
    own : dict of str to type
        The user's classes.
    used : set of str
        Those of them that the file named so far.

    Raises
    ------
    ValueError
        Not classes, or two of one name.
    """

    def __init__(self, types: Iterable[type] = ()):
        self.own: dict[str, type] = {}
        self.used: set[str] = set()
        for each in types:
            if not isinstance(each, type):
                raise ValueError(f"types holds {each!r}; expected classes, such as [MyEncoder].")
            if self._is_taken(each):
                raise ValueError(
                    f"types holds a class {each.__name__}, a name that another class has already; "
                    "rename it."
                )
            if not is_packaged(each):
                self.own[each.__name__] = each

    def _is_taken(self, each: type) -> bool:
        if is_registered(each.__name__):
            return not is_packaged(each)
        return self.own.get(each.__name__, each) is not each

    def method(self, name: str) -> type:
        """Return the estimator's class.

        Raises
        ------
        ModelFileError
        """
        return self._find(name, METHODS, "_build_network")

    def parameter_object(self, name: str) -> type:
        """Return the class of a parameter object.

        Raises
        ------
        ModelFileError
        """
        return self._find(name, PARAMETER_OBJECTS, "build")

    def _find(self, name: str, packaged: Container[str], needs: str) -> type:
        if name in self.own:
            found = self.own[name]
            self.used.add(name)
        elif name in packaged:
            found = registered_class(name)
        else:
            raise ModelFileError(
                f"The file names the class {name[:80]!r}, which tsdisentangle does not have in "
                f"that place. If it is your own, pass it: load(path, types=[{name[:80]}]). If it "
                "is of a newer tsdisentangle, upgrade."
            )
        if not hasattr(found, needs):
            raise ModelFileError(
                f"The file names the class {name} in a place where one with a method {needs} is "
                "expected."
            )
        return found

    def make_parameter_object(self, name: str, parameters: dict[str, Any]) -> Any:
        """Make a parameter object.

        Raises
        ------
        ModelFileError
        """
        return construct(self.parameter_object(name), parameters)


def construct(cls: type, parameters: dict[str, Any]) -> Any:
    """Call a constructor with parameters of unknown origin.

    Raises
    ------
    ModelFileError
    """
    with blaming_the_file(f"{cls.__name__} cannot be made from the file's parameters"):
        return cls(**parameters)


def is_packaged(cls: type) -> bool:
    """Whether a class is one of the package's registered ones."""
    return is_registered(cls.__name__) and registered_class(cls.__name__) is cls
