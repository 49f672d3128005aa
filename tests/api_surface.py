"""Write down the public names with their parameters: python tests/api_surface.py."""

import inspect
from importlib import import_module
from pathlib import Path

SURFACE = Path(__file__).parent / "files" / "api_surface.txt"
# Packages with a list of public names of their own, and modules whose names the docs import.
PACKAGES = ("", ".datasets", ".evaluation", ".losses", ".metrics", ".nn", ".persistence", ".plots")
MODULES = (
    *(".io.arrow", ".io.audio", ".io.recordings"),
    *(".io.video_files", ".interop.sktime"),
    *(".interop.accelerate", ".interop.dask"),
)


def lines() -> list[str]:
    """One line a public name: where it is, and what it takes."""
    result = []
    for package in PACKAGES:
        module = import_module(f"tsdisentangle{package}")
        result += _described(module, module.__all__)
    for name in MODULES:
        module = import_module(f"tsdisentangle{name}")
        own = [key for key, value in vars(module).items() if _is_own(value, module, key)]
        result += _described(module, own)
    return sorted(set(result))


def _is_own(value, module, name: str) -> bool:
    public = not name.startswith("_") and getattr(value, "__module__", None) == module.__name__
    return public and (inspect.isclass(value) or inspect.isfunction(value))


def _described(module, names) -> list[str]:
    result = []
    for name in names:
        value = getattr(module, name)
        where = f"{module.__name__}.{name}"
        if inspect.isclass(value):
            result.append(where + _signature(value))
            result += [f"{where}.{key}{_signature(method)}" for key, method in _methods(value)]
        else:
            result.append(where + (_signature(value) if callable(value) else ""))
    return result


def _methods(value: type):
    """Public methods and properties that the package itself defines, inherited ones as well."""
    for key, member in inspect.getmembers(value):
        function = member.fget if isinstance(member, property) else member
        own = (getattr(function, "__module__", None) or "").startswith("tsdisentangle")
        if (
            own
            and not key.startswith("_")
            and (inspect.isroutine(member) or function is not member)
        ):
            yield key, member


def _signature(value) -> str:
    """Names, kinds and defaults of parameters; types may become more exact at any time."""
    if isinstance(value, property):
        return ""
    try:
        signature = inspect.signature(value)
    except ValueError:  # of Python's own classes, such as exceptions
        return ""
    parameters = [each.replace(annotation=each.empty) for each in signature.parameters.values()]
    return str(inspect.Signature(parameters))


if __name__ == "__main__":
    SURFACE.write_text("\n".join(lines()) + "\n")
