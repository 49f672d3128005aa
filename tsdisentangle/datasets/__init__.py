"""Loaders of public data sets, each verified and returned in one form, and synthetic series."""

from tsdisentangle.datasets._air_quality import fetch_air_quality
from tsdisentangle.datasets._bunch import SequenceBunch
from tsdisentangle.datasets._etth1 import fetch_etth1
from tsdisentangle.datasets._fsdd import fetch_fsdd
from tsdisentangle.datasets._japanese_vowels import load_japanese_vowels
from tsdisentangle.datasets._physionet2012 import fetch_physionet2012
from tsdisentangle.datasets._sprites import fetch_sprites
from tsdisentangle.datasets._synthetic import make_static_dynamic

__all__ = [
    "SequenceBunch",
    "fetch_air_quality",
    "fetch_etth1",
    "fetch_fsdd",
    "fetch_physionet2012",
    "fetch_sprites",
    "load_japanese_vowels",
    "make_static_dynamic",
]
