"""Pictures of codes, reconstructions, swaps and training. Needs matplotlib (extra ``plots``)."""

from importlib.util import find_spec

if find_spec("matplotlib") is None:
    raise ImportError("tsdisentangle.plots needs matplotlib: pip install 'tsdisentangle[plots]'.")

from tsdisentangle.plots.history import plot_history
from tsdisentangle.plots.maps import plot_code_maps, plot_map
from tsdisentangle.plots.reconstructions import plot_panels, plot_reconstructions

__all__ = [
    "plot_code_maps",
    "plot_history",
    "plot_map",
    "plot_panels",
    "plot_reconstructions",
]
