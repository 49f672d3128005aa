"""The package's vectorised network against the literal form: loss terms and all gradients."""

import pytest
import torch

from benchmarks import literal
from tsdisentangle.data.windows import Windows
from tsdisentangle.encoders import TabularEncoder
from tsdisentangle.methods.static_dynamic_vae import StaticDynamicNetwork
from tsdisentangle.nn.noise import mean_noise

BATCH, WINDOWS, STEPS, CHANNELS = 4, 5, 3, 4
STATIC, DYNAMIC, FEATURES, HIDDEN = 3, 2, 5, 7
MASKS = ("complete", "scattered", "gaps", "unequal")
LOSSES = ("step", "none", "drop", "static_only")
ANCHORS = ("first", "middle", "last", 0, 3)
# Unlike each other, so that no term can stand for another one.
WEIGHTS = {"reconstruction": 1.0, "anchor": 0.37, "static_kl": 1.9, "dynamic_kl": 2.3}


def make_mask(kind):
    """``(batch, time, channel)``, with something observed in every row."""
    observed = torch.ones(BATCH, WINDOWS, STEPS, CHANNELS, dtype=torch.bool)
    if kind in ("scattered", "gaps"):
        observed &= torch.rand(observed.shape, generator=torch.manual_seed(3)) < 0.55
    if kind == "gaps":  # whole windows and whole steps
        observed[0, 0] = observed[1, 1:3] = observed[2, 4] = False
        observed[:, 3, 1] = observed[3, :, 0] = observed[2, :4, 2] = False
        observed[1, 0] = False
        observed[1, 0, 1, 2] = True  # the anchor has a value, but not a step that is kept
    if kind == "unequal":
        for row, time in enumerate((15, 7, 9, 2)):
            observed[row].view(-1, CHANNELS)[time:] = False
    return observed.flatten(1, 2)


def find_anchor(observed, anchor):
    """Plain Python: the rule of the anchor, a row at a time, among windows with a step to read."""
    found = []
    for row in observed.unflatten(1, (WINDOWS, STEPS)):
        limit = CHANNELS - max(1, 7 * CHANNELS // 10)  # a step is read if it has more than these
        seen = [w for w in range(WINDOWS) if (row[w].sum(1) > limit).any()]
        if isinstance(anchor, int):
            found.append(min(seen, key=lambda w: (abs(w - anchor), w)))
        else:
            found.append(seen[{"first": 0, "middle": len(seen) // 2, "last": -1}[anchor]])
    return found


def make_windows(values, observed):
    parts = [part.unflatten(1, (WINDOWS, STEPS)) for part in (values, observed)]
    seen = parts[1].flatten(2).any(2)
    valid = [[seen[b, w:].any().item() for w in range(WINDOWS)] for b in range(BATCH)]
    return Windows(*parts, torch.tensor(valid))


def make_network(**options):
    encoder = TabularEncoder("step", hidden=HIDDEN, out_features=FEATURES)
    settings = {"anchor": "first", "anchor_loss": "step", "subtract": True, "n_samples": 1}
    torch.manual_seed(1)
    return StaticDynamicNetwork(
        encoder.build(CHANNELS, STEPS),
        encoder.decoder().build(STATIC + DYNAMIC, CHANNELS, STEPS),
        static_dim=STATIC,
        dynamic_dim=DYNAMIC,
        anchor_fraction=0.0,
        bidirectional=True,
        weights=WEIGHTS,
        **{**settings, **options},
    ).double()


def make_literal(network):
    twin = literal.LiteralNetwork(
        CHANNELS,
        STEPS,
        features=FEATURES,
        hidden=HIDDEN,
        static_dim=STATIC,
        dynamic_dim=DYNAMIC,
        prior_hidden=network.prior.lstm.hidden_size,
        n_samples=network.n_samples,
        subtract=network.subtract,
        anchor_loss=network.anchor_loss,
    ).double()
    literal.copy_weights(network, twin)
    return twin


def make_data(mask):
    observed = make_mask(mask)
    values = torch.randn(observed.shape, dtype=torch.float64, generator=torch.manual_seed(2))
    return torch.where(observed, values, 0.0), observed


def fixed_source(noise):
    """Serve fixed numbers by name as the package's noise source."""

    def source(name, shape, like):
        assert tuple(noise[name].shape) == tuple(shape)
        return noise[name]

    return source


def both(mask, change=None, **options):
    """Networks and terms of both forms."""
    network = make_network(**options)
    if change is not None:
        with torch.no_grad():
            change(network)
    twin = make_literal(network)
    values, observed = make_data(mask)
    torch.manual_seed(4)
    noise = literal.draw_noise(twin, values)
    ours = network(make_windows(values, observed), fixed_source(noise))
    anchor = find_anchor(observed, network.anchor)
    theirs = literal.literal_terms(twin, values, observed, noise, anchor)
    return network, twin, ours, theirs


def assert_same(network, twin, ours, theirs):
    assert ours.keys() == theirs.keys()
    for name, term in theirs.items():
        torch.testing.assert_close(ours[name], term, rtol=1e-9, atol=1e-9)
    for terms in (ours, theirs):
        sum(WEIGHTS[name] * term for name, term in terms.items()).backward()
    gradients = {name: p.grad for name, p in network.named_parameters()}
    assert len(gradients) > 30
    for name, parameter in twin.named_parameters():
        gradient = gradients.pop(literal.package_name(name))
        torch.testing.assert_close(gradient, parameter.grad, rtol=1e-9, atol=1e-9, msg=name)
    assert not gradients  # the literal form has every parameter


@pytest.mark.parametrize("anchor_loss", LOSSES)
@pytest.mark.parametrize("n_samples", [1, 3])
@pytest.mark.parametrize("mask", MASKS)
def test_every_loss_agrees(mask, n_samples, anchor_loss):
    assert_same(*both(mask, n_samples=n_samples, anchor_loss=anchor_loss))


@pytest.mark.parametrize("anchor_loss", ["step", "none"])
@pytest.mark.parametrize("anchor", ANCHORS[1:])
@pytest.mark.parametrize("mask", MASKS)
def test_every_anchor_agrees(mask, anchor, anchor_loss):
    assert_same(*both(mask, anchor=anchor, anchor_loss=anchor_loss, n_samples=2))


@pytest.mark.parametrize("anchor", ["first", "middle"])
@pytest.mark.parametrize("mask", MASKS)
def test_without_subtraction_agrees(mask, anchor):
    assert_same(*both(mask, anchor=anchor, subtract=False))


def test_subtraction_matters():
    with_it, without = (both("scattered", subtract=subtract)[2] for subtract in (True, False))
    assert abs(with_it["dynamic_kl"] - without["dynamic_kl"]) > 1e-4


def test_log_variances_have_the_described_limits():
    def spread(network):
        for head in (network.static_head.head, network.dynamic_head, network.prior.head):
            head.logvar.weight.mul_(30)
            head.logvar.bias.copy_(torch.linspace(-14, 14, len(head.logvar.bias)))

    network, _, ours, theirs = both("scattered", spread)
    torch.testing.assert_close(ours, theirs, rtol=1e-9, atol=1e-9)
    assert network.prior(torch.zeros(1, 2, DYNAMIC).double()).logvar.min() == -6


@pytest.mark.parametrize("mask", MASKS)
def test_the_default_anchor_of_the_literal_form_is_the_first(mask):
    twin = make_literal(make_network())
    values, observed = make_data(mask)
    noise = literal.draw_noise(twin, values)
    by_default = literal.literal_terms(twin, values, observed, noise)
    explicit = literal.literal_terms(twin, values, observed, noise, find_anchor(observed, "first"))
    torch.testing.assert_close(by_default, explicit, rtol=0, atol=0)


@pytest.mark.parametrize("mask", MASKS)
def test_evidence_lower_bound_agrees(mask):
    network = make_network(n_samples=3, anchor_loss="none")
    twin = make_literal(network)
    values, observed = make_data(mask)
    noise = literal.draw_noise(twin, values)
    bound = -sum(network.bound(make_windows(values, observed), fixed_source(noise), 3).values())
    terms = literal.literal_terms(twin, values, observed, noise)
    assert bound.shape == (BATCH,)
    torch.testing.assert_close(bound.mean(), -sum(terms.values()), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("mask", MASKS)
def test_reconstruction_agrees(mask):
    network = make_network()
    values, observed = make_data(mask)
    posterior = network.encode(make_windows(values, observed))
    ours = network.decode(posterior.static.mean, posterior.dynamic.mean, mean_noise).mean
    theirs = literal.literal_reconstruction(make_literal(network), values, observed)
    torch.testing.assert_close(ours.flatten(1, 2), theirs, rtol=1e-9, atol=1e-9)


def test_literal_training_lowers_the_loss():
    torch.manual_seed(0)
    values, observed = make_data("scattered")
    network = make_literal(make_network())
    optimiser = torch.optim.Adam(network.parameters(), lr=1e-2)
    losses = []
    for _ in range(15):
        for batch in literal.literal_loader(values, observed, 2):
            assert batch[0].shape == (2, WINDOWS * STEPS, CHANNELS)
            losses.append(literal.literal_train_step(network, optimiser, batch))
    assert sum(losses[-4:]) < 0.8 * sum(losses[:4])
