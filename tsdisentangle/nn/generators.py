"""Torch's random generators of one fit; the global ones belong to the user and to other threads."""

import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any, Self

import numpy as np
import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from tsdisentangle.nn.noise import normal_noise

# Torch's functions that draw and take a generator: by name, as those of a tensor and of
# torch.nn.init are called alike.
WITH_GENERATOR = {
    *("rand", "randn", "randint", "randperm", "normal", "bernoulli", "multinomial", "poisson"),
    *("uniform_", "normal_", "random_", "bernoulli_", "exponential_", "cauchy_", "geometric_"),
    *("log_normal_", "trunc_normal_", "orthogonal_", "sparse_"),
    *("xavier_uniform_", "xavier_normal_", "kaiming_uniform_", "kaiming_normal_"),
}
# Those that draw from the global generator alone.
RECURRENT = {"lstm", "gru", "rnn_tanh", "rnn_relu"}
WITHOUT_GENERATOR = {
    *("rand_like", "randn_like", "randint_like", "gumbel_softmax", "rrelu", "rrelu_"),
    *("dropout", "dropout_", "dropout1d", "dropout2d", "dropout3d", "native_dropout"),
    *("alpha_dropout", "alpha_dropout_", "feature_alpha_dropout", "feature_alpha_dropout_"),
    *("feature_dropout", "feature_dropout_", "fractional_max_pool2d", "fractional_max_pool3d"),
    *("scaled_dot_product_attention", "multi_head_attention_forward"),
}
# Two fits may not lend the global generator at once.
_GLOBAL = threading.RLock()


class Generators:
    """Generators of one seed, one per kind of device; called, they are a source of fresh noise.

    A copy or pickle begins anew from the seed.

    Parameters
    ----------
    seed : int

    Examples
    --------
    >>> like = torch.zeros(())
    >>> one, other = Generators(3), Generators(3)
    >>> bool(one("static", (2,), like)[0] == other("static", (2,), like)[0])
    True
    """

    def __init__(self, seed: int):
        self.seed = seed
        self._made = {"cpu": torch.Generator().manual_seed(seed)}

    @classmethod
    def seeded_by(cls, rng: np.random.RandomState) -> Self:
        """Generators whose seed is drawn."""
        return cls(int(rng.randint(2**31 - 1)))

    def __call__(self, name: str, shape: tuple[int, ...], like: Tensor) -> Tensor:
        """Draw standard normal values: :class:`~tsdisentangle.nn.noise.Noise`."""
        return normal_noise(name, shape, like, self.on(like.device))

    def on(self, device: torch.device | str) -> torch.Generator:
        """Return the generator of a device."""
        device = torch.device(device)
        if device.type not in self._made:
            self._made[device.type] = torch.Generator(device).manual_seed(self.seed)
        return self._made[device.type]

    def states(self) -> dict[str, Tensor]:
        """Return their positions by kind of device."""
        return {kind: generator.get_state() for kind, generator in self._made.items()}

    def set_states(self, states: dict[str, Tensor], device: torch.device | str) -> None:
        """Go to given positions of two generators, and of others to the start."""
        self._made = {"cpu": self._made["cpu"]}
        for place in (torch.device("cpu"), torch.device(device)):
            if place.type in states:
                self.on(place).set_state(states[place.type])

    def __reduce__(self) -> tuple[Any, ...]:
        # Of a GPU there may be none where a pickle is read; each training draws its own seed.
        return Generators, (self.seed,)


class DrawFrom(TorchFunctionMode):
    """Let torch's functions draw from generators of ours inside the block, in this thread alone.

    What takes a generator gets one. What takes none, such as dropout, runs with the global
    generator at the place of ours, one call at a time, and gives it back as it was.

    Parameters
    ----------
    generators : Generators
    opaque : set of str, default=WITHOUT_GENERATOR
        Names of the functions that take none.
    """

    def __init__(self, generators: Generators, opaque: set[str] = WITHOUT_GENERATOR):
        super().__init__()
        self.generators, self.opaque = generators, opaque

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Call one of torch's functions."""
        kwargs = dict(kwargs or {})
        name = getattr(func, "__name__", "")
        if name in WITH_GENERATOR and kwargs.get("generator") is None:
            device = _device(args, kwargs)
            if device.type != "meta":
                kwargs["generator"] = self.generators.on(device)
        elif name in self.opaque:
            with _lend(self.generators, _device(args, kwargs)):
                return func(*args, **kwargs)
        return func(*args, **kwargs)


def _device(args: Any, kwargs: Any) -> torch.device:
    """Where a function draws."""
    tensors = [value for value in (*args, *kwargs.values()) if isinstance(value, Tensor)]
    if tensors:
        return tensors[0].device
    return torch.device(kwargs.get("device") or torch.get_default_device())


@contextmanager
def _lend(generators: Generators, device: torch.device) -> Iterator[None]:
    """Put a generator of ours in the place of torch's global one."""
    if device.type not in ("cpu", "cuda"):
        yield
        return
    own = generators.on(device)
    place: Any = torch.random if device.type == "cpu" else torch.cuda
    where = () if device.type == "cpu" else (device,)
    with _GLOBAL:
        before = place.get_rng_state(*where)
        place.set_rng_state(own.get_state(), *where)
        try:
            yield
        finally:
            own.set_state(place.get_rng_state(*where))
            place.set_rng_state(before, *where)


def draws_of(network: nn.Module, generators: Generators) -> AbstractContextManager[Any]:
    """Return a block in which what a network draws on its own comes from generators of ours.

    Networks of this package ask a noise source and draw nothing, so that for them there is nothing
    to do; a user's may hold dropout. What ``torch.compile`` has made cannot be looked into.
    """
    modules = list(network.modules())
    own = all(
        type(module).__module__.startswith(("torch.", "tsdisentangle.")) for module in modules
    )
    if own or any(module._compiled_call_impl is not None for module in modules):
        return nullcontext()
    dropping = any(isinstance(m, nn.RNNBase) and m.dropout for m in modules)
    return DrawFrom(generators, WITHOUT_GENERATOR | (RECURRENT if dropping else set()))
