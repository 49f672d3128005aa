"""Split sequences into what stays (static) and what moves (dynamic), without labels."""

from importlib import import_module
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

__version__ = version("tsdisentangle")

# Public names and where they live; loaded on first use, so that importing the package is fast.
_PUBLIC = {
    "Codes": "tsdisentangle.data.codes",
    "StaticDynamicVAE": "tsdisentangle.methods.static_dynamic_vae",
    "TabularDecoder": "tsdisentangle.encoders",
    "TabularEncoder": "tsdisentangle.encoders",
    "make_static_dynamic": "tsdisentangle.data.synthetic",
}

if TYPE_CHECKING:
    from tsdisentangle.data.codes import Codes
    from tsdisentangle.data.synthetic import make_static_dynamic
    from tsdisentangle.encoders import TabularDecoder, TabularEncoder
    from tsdisentangle.methods.static_dynamic_vae import StaticDynamicVAE

__all__ = [
    "Codes",
    "StaticDynamicVAE",
    "TabularDecoder",
    "TabularEncoder",
    "__version__",
    "make_static_dynamic",
]


def __getattr__(name: str) -> Any:
    if name not in _PUBLIC:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_PUBLIC[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
