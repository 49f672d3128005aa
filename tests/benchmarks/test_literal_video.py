"""The package's network for clips against the literal form: loss terms and all gradients."""

import math

import numpy as np
import pytest
import torch

from benchmarks import literal_video as literal
from tsdisentangle import StaticDynamicVAE, VideoEncoder
from tsdisentangle.training.dataset import SequenceDataset

BATCH, FRAMES, SIDE, FEATURES, STATIC, DYNAMIC = 3, 4, 64, 6, 5, 3
HALF_LOG_PI = 0.5 * math.log(math.pi)  # -log p of a Gaussian of variance 1/2 beside the square


@pytest.fixture(scope="module")
def both():
    """Terms of both forms, and the networks with their gradients, in float64."""
    clips = np.random.default_rng(0).integers(0, 256, (BATCH, FRAMES, SIDE, SIDE, 3), dtype="uint8")
    estimator = StaticDynamicVAE.from_preset(
        "sprites",
        encoder=VideoEncoder(size=SIDE, width=2, out_features=FEATURES),
        static_dim=STATIC,
        dynamic_dim=DYNAMIC,
        max_epochs=0,
        random_state=0,
    ).fit(clips)
    network = estimator.net_.module_.double().train()
    twin = literal.LiteralVideoNetwork(3, 2, FEATURES, STATIC, DYNAMIC).double()
    literal.copy_weights(network, twin)
    values = torch.stack([literal.LiteralClips(clips)[row] for row in range(BATCH)]).double()
    noise = literal.draw_noise(twin, values)
    shaped = {**noise, "static": noise["static"][None], "dynamic": noise["dynamic"][None]}
    batch = SequenceDataset(estimator._read(clips), 1)[:BATCH].double()
    ours = network(batch, lambda name, shape, like: shaped[name].reshape(shape))
    theirs = literal.literal_terms(twin, values, noise)
    for terms in (ours, theirs):
        sum(literal.WEIGHTS[name] * term for name, term in terms.items()).backward()
    return ours, theirs, network, twin


def test_terms_are_equal(both):
    ours, theirs, *_ = both
    entries = SIDE * SIDE * 3
    constants = {"reconstruction": (FRAMES - 1) * entries, "anchor": entries}
    for name, term in theirs.items():
        expected = term + HALF_LOG_PI * constants.get(name, 0)
        torch.testing.assert_close(ours[name], expected, rtol=1e-6, atol=1e-8)


def test_gradients_are_equal(both):
    *_, network, twin = both
    expected = literal.LiteralVideoNetwork(3, 2, FEATURES, STATIC, DYNAMIC).double()
    for parameter in network.parameters():  # the gradients take the way of the weights
        parameter.data.copy_(parameter.grad)
    literal.copy_weights(network, expected)
    idle = {f"{name}.bias" for name, part in twin.named_modules() if is_before_norm(twin, name)}
    assert len(idle) == 9
    for name, parameter in twin.named_parameters():
        wanted = dict(expected.named_parameters())[name]
        torch.testing.assert_close(parameter.grad, wanted, rtol=1e-5, atol=1e-7, msg=name)


def is_before_norm(twin, name):
    """Whether a convolution stands before batch normalisation, which takes its bias away."""
    parent, _, index = name.rpartition(".")
    if not index.isdigit():
        return False
    behind = twin.get_submodule(parent)[int(index) + 1 : int(index) + 2]
    return len(behind) == 1 and isinstance(behind[0], torch.nn.BatchNorm2d)
