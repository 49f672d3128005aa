"""Loaders of public data sets, each verified and returned in one form, and synthetic series."""

from ._air_quality import fetch_air_quality
from ._etth1 import fetch_etth1
from ._fsdd import fetch_fsdd
from ._japanese_vowels import load_japanese_vowels
from ._physionet2012 import fetch_physionet2012
from ._sprites import fetch_sprites
from ._synthetic import make_static_dynamic

__all__ = [
    "fetch_air_quality",
    "fetch_etth1",
    "fetch_fsdd",
    "fetch_physionet2012",
    "fetch_sprites",
    "load_japanese_vowels",
    "make_static_dynamic",
]
