"""The state between two epochs, and the fingerprint of the training data."""

import numpy as np
import pytest
import torch
from helpers import METHODS, Slices, small
from hypothesis import given, settings
from hypothesis import strategies as st

import tsdisentangle.training.state as module
from tsdisentangle.data.series import as_series
from tsdisentangle.training.dataset import SequenceDataset
from tsdisentangle.training.state import clone_state, fingerprint, get_state, restore_state


def panel(shape=(7, 6, 2)):
    return np.random.default_rng(0).normal(size=shape).astype("f4")


def state_of(X, window=2, missing="mask"):
    return fingerprint(SequenceDataset(as_series(X, missing=missing), window))


@pytest.mark.parametrize("method", METHODS)
def test_a_net_that_was_given_a_state_back_goes_on_from_there(method):
    """Whatever was trained in between: the same epoch follows, to the last bit."""
    X = panel()
    net = small(method, max_epochs=2).fit(X).net_
    dataset = SequenceDataset(as_series(X), 1)
    state = clone_state(get_state(net))
    again = clone_state(get_state(net))
    ends = []
    for start in (state, again):
        net.set_params(max_epochs=1).partial_fit(dataset)
        net.set_params(max_epochs=2).partial_fit(dataset)
        assert len(net.history) > 2
        restore_state(net, start)
        assert len(net.history) == 2
        net.set_params(max_epochs=1).partial_fit(dataset)
        end = clone_state(get_state(net))
        ends.append({name: tensor.numpy().tobytes() for name, tensor in end.tensors.items()})
        ends[-1]["numbers"] = repr(end.numbers)
        restore_state(net, clone_state(again))
    assert ends[0] == ends[1]


def test_the_state_is_that_of_the_net():
    """Against a list by hand of what Adam and torch hold."""
    net = small(max_epochs=2).fit(panel()).net_
    state = get_state(net)
    weights = dict(net.module_.named_parameters())
    names = {f"network.{name}" for name in net.module_.state_dict()}
    for index, parameter in enumerate(weights.values()):
        assert torch.equal(
            state.tensors[f"optimizer.{index}.exp_avg"], net.optimizer_.state[parameter]["exp_avg"]
        )
        names |= {f"optimizer.{index}.{key}" for key in ("step", "exp_avg", "exp_avg_sq")}
    assert set(state.tensors) == names | {"generator.cpu"}
    assert (state.epochs, state.stopped) == (2, False)
    assert state.numbers["network"]["weights"] == net.module_.weights
    losses = [row["train_loss"] for row in net.history]
    assert state.numbers["callbacks"]["train_loss"] == {"best_score_": min(losses)}


def test_a_copy_is_written_over_the_former_one_and_apart_from_the_net():
    net = small(max_epochs=1).fit(panel()).net_
    first = clone_state(get_state(net))
    places = {name: tensor.data_ptr() for name, tensor in first.tensors.items()}
    net.partial_fit(SequenceDataset(as_series(panel()), 1))
    live = get_state(net)
    second = clone_state(live, first)
    assert {name: tensor.data_ptr() for name, tensor in second.tensors.items()} == places
    for name, tensor in live.tensors.items():
        assert torch.equal(second.tensors[name], tensor)
        assert name.startswith("generator") or tensor.data_ptr() != places[name]


def test_best_weights_are_in_the_state():
    net = small(early_stopping=True, validation_fraction=0.3).fit(panel()).net_
    state = get_state(net)
    best = dict(net.callbacks_)["early_stopping"].best_model_weights_
    assert {n for n in state.tensors if n.startswith("best.")} == {f"best.{name}" for name in best}
    kept = clone_state(state).tensors
    assert all(kept[f"best.{name}"] is tensor for name, tensor in best.items())


# -- fingerprints -------------------------------------------------------------------------------


@settings(max_examples=40, deadline=None)
@given(
    place=st.tuples(st.integers(0, 6), st.integers(0, 5), st.integers(0, 1)),
    value=st.sampled_from([np.nan, 0.0, -3.5]),
)
def test_every_value_counts(place, value):
    X = panel()
    other = X.copy()
    other[place] = value
    assert state_of(other) != state_of(X)


def test_zero_is_not_missing():
    X = panel()
    zero, gap = X.copy(), X.copy()
    zero[0, 0, 0], gap[0, 0, 0] = 0, np.nan
    assert state_of(zero) != state_of(gap)


def test_order_and_window_count():
    X = panel()
    marks = {state_of(X), state_of(X[::-1]), state_of(X, 3), state_of(X[:6]), state_of(X[:, :4])}
    assert len(marks) == 5
    assert state_of(X) == state_of(X.copy())


def test_blocks_do_not_matter(monkeypatch):
    X = panel()
    whole = state_of(X)
    for size in (1, 2, 3):
        monkeypatch.setattr(
            module, "blocks", lambda n, _, size=size: np.split(np.arange(n), range(size, n, size))
        )
        assert state_of(X) == whole


def test_a_panel_in_a_file_has_the_mark_of_the_same_panel_in_memory(tmp_path):
    np.save(tmp_path / "panel.npy", panel())
    assert state_of(np.load(tmp_path / "panel.npy", mmap_mode="r")) == state_of(panel())


def test_a_sample_of_a_file_stands_for_all_of_it():
    """Lengths and scale are those of all series, and the order is seen in those that are read."""
    X = panel((40, 6, 2))

    def mark(values, rows=5):
        source = Slices(values)
        found = fingerprint(SequenceDataset(as_series(source, missing="mask"), 2), rows)
        return found, source.read[1:]  # after the check

    usual, read = mark(X)
    assert sorted({row for start, stop in read for row in range(start, stop)}) == [0, 9, 19, 29, 39]
    assert mark(X.copy())[0] == usual
    changed, short = X.copy(), X.copy()
    changed[3, 2, 1] += 1
    short[3, 4:] = np.nan
    others = [X[::-1], X[:39], X[np.random.default_rng(0).permutation(40)], changed, short]
    assert len({usual, *(mark(other)[0] for other in others)}) == 6
    in_memory = SequenceDataset(as_series(X), 2)
    assert fingerprint(in_memory, 5) == fingerprint(in_memory)
