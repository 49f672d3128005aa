"""Split sequences into what stays (static) and what moves (dynamic), without labels."""

from importlib import import_module
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

__version__ = version("tsdisentangle")

# Public names and where they live; loaded on first use, so that importing the package is fast.
_PUBLIC = {
    "CDSVAE": "tsdisentangle.methods.cdsvae",
    "GLR": "tsdisentangle.methods.glr",
    "GPVAE": "tsdisentangle.methods.gpvae",
    "SPYL": "tsdisentangle.methods.spyl",
    "VAE": "tsdisentangle.methods.vae",
    "Codes": "tsdisentangle.data.codes",
    "SpectrogramDecoder": "tsdisentangle.encoders",
    "SpectrogramEncoder": "tsdisentangle.encoders",
    "StaticDynamicVAE": "tsdisentangle.methods.static_dynamic_vae",
    "TabularDecoder": "tsdisentangle.encoders",
    "TabularEncoder": "tsdisentangle.encoders",
    "VideoDecoder": "tsdisentangle.encoders",
    "VideoEncoder": "tsdisentangle.encoders",
    "ModelFileError": "tsdisentangle.persistence",
    "inspect_model": "tsdisentangle.persistence",
    "load": "tsdisentangle.persistence",
    "make_static_dynamic": "tsdisentangle.data.synthetic",
}

if TYPE_CHECKING:
    from tsdisentangle.data.codes import Codes
    from tsdisentangle.data.synthetic import make_static_dynamic
    from tsdisentangle.encoders import (
        SpectrogramDecoder,
        SpectrogramEncoder,
        TabularDecoder,
        TabularEncoder,
        VideoDecoder,
        VideoEncoder,
    )
    from tsdisentangle.methods.cdsvae import CDSVAE
    from tsdisentangle.methods.glr import GLR
    from tsdisentangle.methods.gpvae import GPVAE
    from tsdisentangle.methods.spyl import SPYL
    from tsdisentangle.methods.static_dynamic_vae import StaticDynamicVAE
    from tsdisentangle.methods.vae import VAE
    from tsdisentangle.persistence import ModelFileError, inspect_model, load

__all__ = [
    "CDSVAE",
    "GLR",
    "GPVAE",
    "SPYL",
    "VAE",
    "Codes",
    "ModelFileError",
    "SpectrogramDecoder",
    "SpectrogramEncoder",
    "StaticDynamicVAE",
    "TabularDecoder",
    "TabularEncoder",
    "VideoDecoder",
    "VideoEncoder",
    "__version__",
    "inspect_model",
    "load",
    "make_static_dynamic",
]


def __getattr__(name: str) -> Any:
    if name not in _PUBLIC:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_PUBLIC[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
