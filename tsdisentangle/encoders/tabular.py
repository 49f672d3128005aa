"""Parameter objects for tabular series."""

from numbers import Integral

from sklearn.base import BaseEstimator
from sklearn.utils._param_validation import Interval, StrOptions
from torch import nn

from tsdisentangle.nn.element_encoder import ElementEncoder
from tsdisentangle.nn.tabular_networks import StepDecoder, StepEncoder, WindowDecoder, WindowEncoder


class TabularEncoder(BaseEstimator):
    """Encoder of windows of tabular series.

    Parameters
    ----------
    kind : {'window', 'step'}, default='window'
        ``'window'`` reads a whole window with its mask through an MLP; an LSTM of the method then
        reads the differences across the windows. ``'step'`` is the network of Berman et al.
        (2024): an MLP per step, an LSTM over the steps of each window, nothing across windows.
        The default is the better one on validation data and several times faster
        (see the documentation page "Design").
    hidden : int, default=128
        Width of the hidden layer (64 in the paper).
    out_features : int, default=64
        Size of the features of an element (32 in the paper).

    See Also
    --------
    TabularDecoder : The decoder that goes with it.

    References
    ----------
    .. [1] Berman, N., Naiman, I., Arbiv, I., Fadlon, G. and Azencot, O. (2024). Sequential
       Disentanglement by Extracting Static Information From A Single Sequence Element. ICML.

    Examples
    --------
    >>> from tsdisentangle import StaticDynamicVAE, TabularEncoder
    >>> StaticDynamicVAE(TabularEncoder(hidden=32)).get_params()["encoder__hidden"]
    32
    """

    _parameter_constraints = {
        "kind": [StrOptions({"window", "step"})],
        "hidden": [Interval(Integral, 1, None, closed="left")],
        "out_features": [Interval(Integral, 1, None, closed="left")],
    }

    def __init__(self, kind: str = "window", *, hidden: int = 128, out_features: int = 64):
        self.kind = kind
        self.hidden = hidden
        self.out_features = out_features

    def build(self, n_channels: int, window: int) -> ElementEncoder:
        """Make the network.

        Parameters
        ----------
        n_channels, window : int
            Number of channels and of time steps of a window.

        Returns
        -------
        ElementEncoder
        """
        self._validate_params()
        if self.kind == "window":
            return WindowEncoder(n_channels, window, self.hidden, self.out_features)
        return StepEncoder(n_channels, self.hidden, self.out_features)

    def decoder(self) -> "TabularDecoder":
        """Return the decoder of the same kind and size."""
        return TabularDecoder(self.kind, hidden=self.hidden, out_features=self.out_features)


class TabularDecoder(BaseEstimator):
    """Decoder of codes to windows of tabular series.

    Parameters
    ----------
    kind : {'window', 'step'}, default='window'
        ``'window'`` is an MLP to a whole window, ``'step'`` the LSTM decoder of Berman et al.
        (2024).
    hidden : int, default=128
        Width of the hidden layers.
    out_features : int, default=64
        Size of the LSTM's state; ``'window'`` has none and ignores it.

    Examples
    --------
    >>> from tsdisentangle import TabularDecoder, TabularEncoder
    >>> TabularEncoder("step").decoder()
    TabularDecoder(kind='step')
    """

    _parameter_constraints = TabularEncoder._parameter_constraints

    def __init__(self, kind: str = "window", *, hidden: int = 128, out_features: int = 64):
        self.kind = kind
        self.hidden = hidden
        self.out_features = out_features

    def build(self, code_dim: int, n_channels: int, window: int) -> nn.Module:
        """Make the network.

        Parameters
        ----------
        code_dim : int
            Size of a dynamic and the static code together.
        n_channels, window : int
            Number of channels and of time steps of a window.

        Returns
        -------
        nn.Module
            Called with codes and a noise source, it returns a ``Gaussian``.
        """
        self._validate_params()
        if self.kind == "window":
            return WindowDecoder(code_dim, n_channels, window, self.hidden)
        return StepDecoder(code_dim, n_channels, window, self.hidden, self.out_features)
