"""The anchor: the single element that the static code comes from."""

import torch
from torch import Tensor, nn

from tsdisentangle.nn.gaussian import Gaussian, GaussianHead

RELATIVE_ANCHORS = ("first", "middle", "last", "random", "random_batch")


def anchor_index(observed: Tensor, anchor: str | int, fraction: float = 0.0) -> Tensor:
    """Choose one observed element of each series.

    Parameters
    ----------
    observed : bool Tensor of shape (batch, elements)
        Whether anything was observed in an element; at least one per row.
    anchor : {'first', 'middle', 'last', 'random', 'random_batch'} or int
        A word is relative to each row's own observed elements. An int is an absolute index, from
        which the nearest observed element is taken (the earlier one of two).
    fraction : float, default=0.0
        Where in ``[0, 1)`` the random anchors lie among the observed elements.

    Returns
    -------
    Tensor of shape (batch,)
        Index of the anchor in each row.
    """
    if isinstance(anchor, int):
        steps = torch.arange(observed.shape[1], device=observed.device)
        distance = (steps - anchor).abs().expand(observed.shape)
        return distance.masked_fill(~observed, 2 * observed.shape[1] + anchor).argmin(1)
    count = observed.sum(1)
    # In float32 the product may round up to the count itself.
    drawn = torch.minimum((fraction * count).long(), count - 1)
    rank = {
        "first": torch.zeros_like(count),
        "middle": count // 2,
        "last": count - 1,
        "random": drawn,
        "random_batch": drawn,
    }[anchor]
    here = observed & (observed.cumsum(1) - 1 == rank[:, None])
    return here.int().argmax(1)


def take_element(sequence: Tensor, index: Tensor) -> Tensor:
    """Element ``index[b]`` of each row, with the element axis kept: shape ``(batch, 1, ...)``."""
    return sequence[torch.arange(len(sequence), device=sequence.device), index].unsqueeze(1)


def subtract_anchor(features: Tensor, index: Tensor, token: Tensor, subtract: bool) -> Tensor:
    """Take the anchor's features away from the other elements (Berman et al. 2024, section 4).

    The difference at the anchor itself would be a constant zero, so a noise token stands there.

    Parameters
    ----------
    features : Tensor of shape (batch, elements, ..., features)
    index : Tensor of shape (batch,)
        The anchor of each row.
    token : Tensor of shape (batch, features)
        What stands at the anchor.
    subtract : bool
        False leaves the other elements as they are (the ablation "no sub").

    Returns
    -------
    Tensor of the shape of ``features``
    """
    rest = features - take_element(features, index) if subtract else features
    is_anchor = torch.arange(features.shape[1], device=features.device) == index[:, None]
    inner = (1,) * (features.dim() - 2)
    return torch.where(
        is_anchor.view(*is_anchor.shape, *inner), token.view(len(token), *inner, -1), rest
    )


def subtract_mean(features: Tensor, readable: Tensor) -> Tensor:
    """Take the mean of a series' readable elements away from all its elements.

    Parameters
    ----------
    features : Tensor of shape (batch, elements, ..., features)
    readable : bool Tensor of shape (batch, elements)
        At least one per row.

    Returns
    -------
    Tensor of the shape of ``features``

    Examples
    --------
    >>> features, readable = torch.tensor([[[1.0], [3.0], [9.0]]]), torch.tensor([[1, 1, 0]])
    >>> subtract_mean(features, readable.bool()).flatten()
    tensor([-1.,  1.,  7.])
    """
    counts = readable.view(*readable.shape, *(1,) * (features.dim() - 2))
    total = features.where(counts, 0.0).sum(1, keepdim=True)
    return features - total / counts.sum(1, keepdim=True)


class StaticHead(nn.Module):
    """Posterior of the static code given one element's features.

    Parameters
    ----------
    in_features, hidden, static_dim : int
        Sizes of the features, of the tanh layer and of the code.
    """

    def __init__(self, in_features: int, hidden: int, static_dim: int):
        super().__init__()
        self.hidden = nn.Linear(in_features, hidden)
        self.head = GaussianHead(hidden, static_dim)

    def forward(self, features: Tensor) -> Gaussian:
        """Return the Gaussian of each row of ``features``."""
        return self.head(torch.tanh(self.hidden(features)))


def pool_static(static: Gaussian, observed: Tensor, pooling: str) -> Gaussian:
    """Average the static posteriors of the observed elements of a series.

    Parameters
    ----------
    static : Gaussian of shape (batch, elements, static_dim)
    observed : bool Tensor of shape (batch, elements)
    pooling : {'mean', 'precision'}
        Equal weights, or weights proportional to ``1 / variance``, a coordinate at a time.

    Returns
    -------
    Gaussian of shape (batch, static_dim)
        The weighted mean, and its variance if the elements' posteriors were independent.
    """
    logits = -static.logvar if pooling == "precision" else torch.zeros_like(static.logvar)
    weights = logits.masked_fill(~observed[..., None], -torch.inf).softmax(1)
    variance = (weights.square() * static.logvar.exp()).sum(1)
    return Gaussian((weights * static.mean).sum(1), variance.log())
