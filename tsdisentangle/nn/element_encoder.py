"""What a method expects of an encoder network."""

from torch import Tensor, nn


def require_single_steps(window: int) -> None:
    """Refuse elements of several frames.

    Raises
    ------
    ValueError
    """
    if window != 1:
        raise ValueError(
            f"window is {window}, but an element of this encoder is a single frame. "
            "Pass window='auto' or window=1."
        )


class ElementEncoder(nn.Module):
    """Base of encoders: every element (window, frame) of a sequence to features, on its own.

    A subclass sets :attr:`out_features` and defines ``forward(values, observed)``, which maps
    ``(batch, elements, step, channel)`` to ``(batch, elements, features)``. An element must not
    see another one: the static code is promised to come from a single element.

    An encoder whose features keep further axes (a step axis, say) also defines
    :meth:`static_summary` and :meth:`dynamic_summary`, which reduce the anchor's features and the
    differences to one vector per element.

    Attributes
    ----------
    out_features : int
        Size of the feature vector of an element.
    across_elements : bool
        Whether the dynamic posterior reads the elements with an LSTM (True), or each on its own.
    stacked : bool
        Whether that LSTM is the one of the released video and audio code: two layers, a state as
        wide as the dynamic code in each direction.
    static_hidden, prior_hidden : int or None
        Width of the static head's hidden layer and of the recurrent prior's state. None: that of
        the features, and the package's own.
    """

    out_features: int
    across_elements: bool = True
    stacked: bool = False
    static_hidden: int | None = None
    prior_hidden: int | None = None

    def readable(self, observed: Tensor) -> Tensor:
        """Elements that the encoder can tell something of: ``(batch, elements)``."""
        return observed.flatten(2).any(2)

    def static_summary(self, features: Tensor, observed: Tensor) -> Tensor:
        """Features of elements to one vector each, for the static code."""
        return features

    def freeze_static(self) -> None:
        """Take the weights that only :meth:`static_summary` uses out of training.

        For networks that never ask for it; a weight without a gradient would stop training in
        several processes.
        """

    def dynamic_summary(self, features: Tensor, observed: Tensor) -> Tensor:
        """Differences of elements to one vector each, for the dynamic codes."""
        return features
