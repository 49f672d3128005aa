"""Half precision, compiled networks and the way to a GPU, each on a processor."""

import pickle
from functools import partial

import numpy as np
import pytest
import torch
from helpers import METHODS, small
from skorch.callbacks import Callback

from tsdisentangle import SpectrogramEncoder, StaticDynamicVAE, VideoEncoder, base
from tsdisentangle.data.windows import Windows
from tsdisentangle.nn import precision
from tsdisentangle.training import callbacks

VIDEO = VideoEncoder(16, 3, 2, out_features=8, hidden=6)
SPECTRA = SpectrogramEncoder("recurrent", hidden=6, out_features=8)


@pytest.fixture(autouse=True)
def any_processor(monkeypatch):
    monkeypatch.setattr(precision, "cpu_has_bfloat16", lambda: True)


@pytest.fixture
def float16_on_cpu(monkeypatch):
    """Torch can do it there, slowly; the package refuses."""
    monkeypatch.setattr(base, "check_precision", lambda precision, device: None)


def dense(shape=(16, 9, 2), seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def clips():
    return np.random.default_rng(0).integers(0, 256, (6, 4, 16, 16, 3), dtype=np.uint8)


# -- precision ----------------------------------------------------------------------------------

CASES = [
    *(
        pytest.param(m, {"kind": k}, dense(), id=f"{m.__name__}-{k}")
        for m in METHODS
        for k in ("window", "step")
    ),
    pytest.param(StaticDynamicVAE, {"encoder": VIDEO}, clips(), id="video"),
    pytest.param(StaticDynamicVAE, {"encoder": VIDEO}, [clips()[0], clips()[1, :2]], id="ragged"),
    pytest.param(StaticDynamicVAE, {"encoder": SPECTRA}, dense(), id="recurrent"),
]


@pytest.mark.parametrize(("method", "params", "X"), CASES)
def test_half_precision_rounds_and_no_more(method, params, X):
    """The same weights give nearly the same codes, in float32 and different."""
    exact = small(method, **params).fit(X)
    half = small(method, precision="bfloat16", **params).fit(X)
    assert np.isfinite(half.history_[-1]["train_loss"])
    half.net_.module_.load_state_dict(exact.net_.module_.state_dict())
    codes, expected = half.encode(X), exact.encode(X)
    assert codes.dynamic.dtype == np.float32
    np.testing.assert_allclose(codes.static, expected.static, rtol=0.05, atol=0.05)
    np.testing.assert_allclose(codes.dynamic, expected.dynamic, rtol=0.05, atol=0.05)
    assert not np.array_equal(codes.dynamic, expected.dynamic)
    assert half.score(X) == pytest.approx(exact.score(X), rel=0.01)


def test_scores_of_series_are_exact_in_any_precision():
    """They run in float64, which autocast leaves alone."""
    exact, half = small().fit(dense()), small(precision="bfloat16").fit(dense())
    half.net_.module_.load_state_dict(exact.net_.module_.state_dict())
    np.testing.assert_array_equal(half.score_samples(dense()), exact.score_samples(dense()))


def test_terms_of_the_loss_are_in_float32():
    estimator = small(precision="bfloat16", max_epochs=1)
    seen = []

    class Look(Callback):
        def on_batch_end(self, net, **kwargs):
            seen.extend(term.dtype for term in kwargs["y_pred"].values())

    estimator.set_params(callbacks=[Look()]).fit(dense())
    assert set(seen) == {torch.float32}


def test_what_a_processor_has_not_is_refused(monkeypatch):
    with pytest.raises(ValueError, match="precision='float16' needs device='cuda'"):
        small(precision="float16").fit(dense())
    monkeypatch.setattr(precision, "cpu_has_bfloat16", lambda: False)
    with pytest.raises(ValueError, match="not supported by this machine's cpu"):
        small(precision="bfloat16").fit(dense())
    with pytest.raises(ValueError, match="'precision' parameter"):
        small(precision="half").fit(dense())


class FirstGradients(Callback):
    """The norm of the first batch's gradients, as a callback that clips them sees it."""

    norm: float

    def on_grad_computed(self, net, named_parameters, **kwargs):
        if not hasattr(self, "norm"):
            grads = [p.grad.square().sum() for _, p in named_parameters if p.grad is not None]
            self.norm = float(torch.stack(grads).sum().sqrt())


def test_callbacks_see_gradients_in_their_true_size(float16_on_cpu, monkeypatch):
    monkeypatch.setattr(callbacks, "GRADIENT_NORM", 1e9)
    monkeypatch.setattr(torch.amp, "GradScaler", partial(torch.amp.GradScaler, init_scale=64.0))
    norms = []
    for name in ("float32", "float16"):
        look = FirstGradients()
        estimator = small(precision=name, callbacks=[look]).fit(dense())
        norms.append(look.norm)
    assert estimator.net_.grad_scaler_.get_scale() == 64
    assert norms[1] == pytest.approx(norms[0], rel=0.02)
    again = pickle.loads(pickle.dumps(estimator))
    np.testing.assert_array_equal(again.transform(dense()), estimator.transform(dense()))


def test_a_step_whose_gradients_overflow_is_left_out(float16_on_cpu):
    estimator = small(precision="float16", max_epochs=0).fit(dense())
    before = estimator.transform(dense())
    estimator.net_.grad_scaler_ = torch.amp.GradScaler("cpu", init_scale=2.0**126)
    estimator.partial_fit(dense()[:8])
    np.testing.assert_array_equal(estimator.transform(dense()), before)
    assert estimator.net_.grad_scaler_.get_scale() == 2.0**125
    estimator.net_.grad_scaler_ = torch.amp.GradScaler("cpu", init_scale=2.0)
    assert not np.array_equal(estimator.partial_fit(dense()[:8]).transform(dense()), before)


# -- compiled networks --------------------------------------------------------------------------


@pytest.fixture
def graphs(monkeypatch):
    """Graphs that were handed to the compiler, which runs them as they are."""
    seen = []

    def compiler(graph, example_inputs):
        seen.append(graph)
        return graph.forward

    monkeypatch.setattr(base, "COMPILER", compiler)
    yield seen
    torch._dynamo.reset()


@pytest.mark.parametrize(
    ("params", "X"),
    [({}, dense()), ({"precision": "bfloat16"}, dense()), ({"encoder": SPECTRA}, dense())],
    ids=["window", "half", "recurrent"],
)
def test_compiled_networks_compute_the_same_under_the_same_names(params, X, graphs):
    plain, compiled = small(**params).fit(X), small(compile=True, **params).fit(X)
    assert graphs
    np.testing.assert_allclose(compiled.transform(X), plain.transform(X), rtol=1e-4, atol=1e-5)
    names = list(compiled.net_.module_.state_dict())
    assert names == list(plain.net_.module_.state_dict())
    assert not any("_orig_mod" in name for name in names)
    again = pickle.loads(pickle.dumps(compiled))
    np.testing.assert_allclose(again.transform(X), plain.transform(X), rtol=1e-4, atol=1e-5)


# -- devices ------------------------------------------------------------------------------------


@pytest.fixture
def gpu(monkeypatch):
    """Stands for a GPU: what is sent to it stays here, and is written down."""
    sent = []

    def pin_memory(tensor):
        sent.append("pinned")
        return tensor

    def to(tensor, device, non_blocking):
        sent.append((device.type, non_blocking, tensor.numel()))
        return tensor

    monkeypatch.setattr(torch.Tensor, "pin_memory", pin_memory)
    monkeypatch.setattr(torch.Tensor, "to", to)
    return sent


def test_batches_go_to_a_gpu_from_pinned_memory(gpu):
    mask = torch.tensor([[True], [False]]).expand(2, 50)
    batch = Windows(torch.arange(12.0).view(2, 6), mask, mask[:, 0])
    there = batch.to("cuda")
    assert gpu == [
        *("pinned", ("cuda", True, 12)),
        *("pinned", ("cuda", True, 2)),  # one entry a row, and repeated there
        *("pinned", ("cuda", True, 2)),
    ]
    for got, given in zip(there, batch, strict=True):
        assert torch.equal(got, given)


def test_what_is_where_it_shall_be_stays_there(gpu):
    values = torch.zeros(3)
    assert all(part is values for part in Windows(values, values, values).to("cpu"))
    assert not gpu


def test_frames_lie_channels_last():
    network = small(encoder=VIDEO, max_epochs=0).fit(clips()).net_.module_
    kernels = [w for w in network.encoder.parameters() if w.dim() == 4 and w.shape[1] > 1]
    assert kernels
    assert all(w.is_contiguous(memory_format=torch.channels_last) for w in kernels)
