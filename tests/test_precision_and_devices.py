"""Half precision, compiled networks and the way to a GPU, each on a processor."""

import pickle
from functools import partial

import numpy as np
import pytest
import torch
from helpers import METHODS, small
from skorch.callbacks import Callback
from torch.fx.experimental import _config as symbolic_config

from tsdisentangle import SpectrogramEncoder, StaticDynamicVAE, VideoEncoder, load
from tsdisentangle.data.windows import Windows
from tsdisentangle.nn import precision, recurrent
from tsdisentangle.nn.noise import SharedNoise, mean_noise, normal_noise
from tsdisentangle.training import building, callbacks
from tsdisentangle.training.dataset import SequenceDataset

VIDEO = VideoEncoder(16, 3, 2, out_features=8, hidden=6)
SPECTRA = SpectrogramEncoder("recurrent", hidden=6, out_features=8)


@pytest.fixture(autouse=True)
def any_processor(monkeypatch):
    monkeypatch.setattr(precision, "cpu_has_bfloat16", lambda: True)


@pytest.fixture
def float16_on_cpu(monkeypatch):
    """Torch can do it there, slowly; the package refuses."""
    monkeypatch.setattr(building, "check_precision", lambda precision, device: None)


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
    estimator.net_.require_optimizer()
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

    monkeypatch.setattr(precision, "COMPILER", compiler)
    yield seen
    torch._dynamo.reset()


@pytest.mark.slow
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
    for got, given in zip(there[:3], batch[:3], strict=True):
        assert torch.equal(got, given)


def test_what_is_where_it_shall_be_stays_there(gpu):
    values = torch.zeros(3)
    assert all(part is values for part in Windows(values, values, values).to("cpu")[:3])
    assert not gpu


@pytest.fixture
def pretended(monkeypatch):
    """A machine whose GPU is its processor: everything that is to go there stays here."""
    places = []

    def drop_gpu(function):
        def without(*args, **options):
            given = [*args[1:], options.get("device")]
            there = [x for x in given if isinstance(x, str | torch.device) and "cuda" in str(x)]
            places.extend(map(str, there))
            if there and function is usual_to:
                return args[0]
            kept = {k: v for k, v in options.items() if not (there and k == "device")}
            return function(*args, **kept)

        return without

    usual_to = torch.Tensor.to
    monkeypatch.setattr(torch.Tensor, "to", drop_gpu(usual_to))
    for name in ("as_tensor", "empty"):
        monkeypatch.setattr(torch, name, drop_gpu(getattr(torch, name)))
    monkeypatch.setattr(torch.Tensor, "pin_memory", lambda tensor: tensor)
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda: True)
    return places


@pytest.mark.filterwarnings("ignore:.*CUDA is not available")  # says the scaler, and rests
@pytest.mark.parametrize("name", ["float32", "bfloat16", "float16"])
def test_all_that_an_estimator_does_on_a_gpu(name, pretended, tmp_path):
    X, params = dense(), {"precision": name, "early_stopping": 5, "max_epochs": 3}
    there = small(device="cuda:1", **params).fit(X)
    weights = sum(1 for _ in there.net_.module_.parameters())
    batches = there.net_.history[:, "batches"]
    assert pretended.count("cuda:1") >= weights + sum(map(len, batches))
    del pretended[:]
    codes = there.encode(X)
    there.score(X)
    there.decode(codes)
    there.reconstruct(X)
    there.sample(3, 12)
    assert "cuda:1" in pretended
    there.save(tmp_path / "there.tsd")
    assert load(tmp_path / "there.tsd").device == "cuda:1"
    if name != "float16":  # which the processor refuses
        here = small(**params).fit(X)
        np.testing.assert_array_equal(here.encode(X).static, codes.static)


# The last entry answers what a network asks of its values: are all frames there?
ON_A_DEVICE = [
    *(pytest.param(method, {}, True, id=method.__name__) for method in METHODS),
    pytest.param(StaticDynamicVAE, {"kind": "step"}, True, id="step"),
    pytest.param(StaticDynamicVAE, {"encoder": SPECTRA}, True, id="spectra"),
    pytest.param(StaticDynamicVAE, {"encoder": VIDEO}, True, id="video"),
    pytest.param(StaticDynamicVAE, {"encoder": VIDEO}, False, id="ragged"),
]


@pytest.mark.slow
@pytest.mark.parametrize(("method", "params", "answer"), ON_A_DEVICE)
@symbolic_config.patch(meta_nonzero_assume_all_nonzero=True)
def test_networks_stay_on_their_device(method, params, answer, monkeypatch):
    """Torch's "meta" device computes nothing, but mixes with no other: a GPU in that."""
    X = clips() if params.get("encoder") is VIDEO else dense()
    estimator = small(method, max_epochs=0, **params).fit(X)
    network = estimator.net_.module_.to("meta")
    batch = SequenceDataset(estimator._read(X), estimator.window_).numbered(slice(5)).to("meta")
    monkeypatch.setattr(torch.Tensor, "__bool__", lambda tensor: answer)
    terms = network.train()(batch, normal_noise)
    sum(terms.values()).backward()
    assert {p.grad.device.type for p in network.parameters() if p.grad is not None} == {"meta"}
    network.eval()
    static, dynamic = network.encode(batch)
    network.bound(batch, SharedNoise(0), 2)
    network.decode(static.mean, dynamic.mean, mean_noise)
    lengths = torch.ones(5, dtype=torch.int64, device="meta")
    network.extend_dynamic(dynamic.mean, lengths, mean_noise)
    drawn = (
        network.sample_static(3, normal_noise),
        network.sample_dynamic(3, 4, normal_noise, False),
    )
    assert {each.device.type for each in drawn} == {"meta"}


@pytest.mark.parametrize(("device", "calls"), [("cpu", 4), ("meta", 1)])
def test_only_a_processor_runs_short_rows_in_blocks(device, calls, monkeypatch):
    monkeypatch.setattr(recurrent, "BLOCK_BYTES", 5 * 16 * 3 * 2)  # five rows of 3 steps, 2 hidden
    rnn, seen = torch.nn.LSTM(4, 2, batch_first=True, device=device), []
    rnn.register_forward_hook(lambda *args: seen.append(args))
    out = recurrent.in_blocks(rnn, torch.zeros(18, 3, 4, device=device))
    assert (out.shape, len(seen)) == ((18, 3, 2), calls)


def test_frames_lie_channels_last():
    network = small(encoder=VIDEO, max_epochs=0).fit(clips()).net_.module_
    kernels = [w for w in network.encoder.parameters() if w.dim() == 4 and w.shape[1] > 1]
    assert kernels
    assert all(w.is_contiguous(memory_format=torch.channels_last) for w in kernels)
