"""Split sequences into what stays (static) and what moves (dynamic), without labels."""

from importlib import import_module
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from tsdisentangle.methods import METHODS
from tsdisentangle.registry import register

__version__ = version("tsdisentangle")

_ENCODERS = {
    "SpectrogramDecoder": "tsdisentangle.encoders",
    "SpectrogramEncoder": "tsdisentangle.encoders",
    "TabularDecoder": "tsdisentangle.encoders",
    "TabularEncoder": "tsdisentangle.encoders",
    "VideoDecoder": "tsdisentangle.encoders",
    "VideoEncoder": "tsdisentangle.encoders",
}

# A model file may name these classes, and no others but the user's own.
register(methods=METHODS, parameter_objects=_ENCODERS)

# Public names and where they live; loaded on first use, so that importing the package is fast.
_PUBLIC = {
    **METHODS,
    **_ENCODERS,
    "Codes": "tsdisentangle.data.codes",
    "ModelFileError": "tsdisentangle.persistence",
    "Panel": "tsdisentangle.data.frames",
    "inspect_model": "tsdisentangle.persistence",
    "load": "tsdisentangle.persistence",
    "make_static_dynamic": "tsdisentangle.datasets",
}

if TYPE_CHECKING:
    from tsdisentangle.data.codes import Codes
    from tsdisentangle.data.frames import Panel
    from tsdisentangle.datasets import make_static_dynamic
    from tsdisentangle.encoders import (
        SpectrogramDecoder,
        SpectrogramEncoder,
        TabularDecoder,
        TabularEncoder,
        VideoDecoder,
        VideoEncoder,
    )
    from tsdisentangle.methods.cdsvae import CDSVAE
    from tsdisentangle.methods.dsvae import DSVAE
    from tsdisentangle.methods.fhvae import FHVAE
    from tsdisentangle.methods.glr import GLR
    from tsdisentangle.methods.gpvae import GPVAE
    from tsdisentangle.methods.mocogan import MoCoGAN
    from tsdisentangle.methods.rwae import RWAE
    from tsdisentangle.methods.s3vae import S3VAE
    from tsdisentangle.methods.skd import SKD
    from tsdisentangle.methods.spyl import SPYL
    from tsdisentangle.methods.static_dynamic_vae import StaticDynamicVAE
    from tsdisentangle.methods.vae import VAE
    from tsdisentangle.persistence import ModelFileError, inspect_model, load

__all__ = ["__version__", *sorted(_PUBLIC)]


def __getattr__(name: str) -> Any:
    if name not in _PUBLIC:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_PUBLIC[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
