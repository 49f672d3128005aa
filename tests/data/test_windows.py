import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from skorch.dataset import get_len

from tsdisentangle.data.series import as_series
from tsdisentangle.data.windows import (
    Windows,
    check_order,
    from_windows,
    resolve_window,
    to_windows,
)


@given(st.integers(1, 30), st.integers(1, 9), st.integers(1, 3))
def test_windows_hold_the_series_in_order_and_mask_the_padding(time, window, channels):
    X = np.random.default_rng(0).normal(size=(2, time, channels)).astype("f4")
    windows = to_windows(as_series(X), window)
    for i in range(2):
        for t in range(time):
            np.testing.assert_array_equal(windows.values[i, t // window, t % window], X[i, t])
    assert int(windows.observed.sum()) == X.size
    assert windows.valid.all()
    np.testing.assert_array_equal(from_windows(windows.values.numpy(), window)[:, :time], X)


def test_valid_windows_of_unequal_series():
    windows = to_windows(as_series([[1.0] * 3, [1.0] * 8, [1.0] * 4]), 4)
    assert windows.valid.tolist() == [[True, False], [True, True], [True, False]]


def test_a_batch_is_as_long_as_its_series():
    """To skorch, which weighs the means over an epoch by what it finds in the parts."""
    batch = to_windows(as_series(np.zeros((7, 8, 1), np.float32)), 4)
    for each in (batch, batch._replace(whole=(batch,))):
        assert get_len(each) == 7


def test_what_is_hidden_goes_with_its_sequences():
    batch = to_windows(as_series(np.arange(24.0).reshape(3, 8, 1)), 4)
    hidden = Windows(batch.values, torch.zeros_like(batch.observed), batch.valid, (batch,))
    assert batch.counted is batch
    assert hidden.counted is batch
    taken = hidden.take(torch.tensor([2, 0])).to("cpu")
    assert torch.equal(taken.counted.values, batch.values[[2, 0]])
    assert taken.counted.observed.all()
    made = hidden.refill(batch.values + 1, 0)
    assert made.counted is made


def test_no_copy_where_the_window_divides_the_time():
    series = as_series(np.zeros((2, 8, 1), np.float32))
    windows = to_windows(series, 4)
    assert np.shares_memory(windows.values.numpy(), series.values)


@pytest.mark.parametrize(
    ("window", "time", "expected"), [("auto", 29, 1), ("auto", 48, 2), ("auto", 672, 28), (5, 3, 5)]
)
def test_resolve_window(window, time, expected):
    assert resolve_window(window, time) == expected


def test_picked_windows_are_those_of_a_series_made_of_them():
    X = np.random.default_rng(0).normal(size=(2, 8, 1)).astype("f4")
    X[0, 2:4] = np.nan  # window 1
    picked = to_windows(as_series(X, missing="mask"), 2).pick(
        torch.tensor([[3, 1, 0, 1], [2, 2, -1, -1]]), 1
    )
    made = [X[0, [6, 7, 2, 3, 0, 1, 2, 3]], X[1, [4, 5, 4, 5]]]
    expected = to_windows(as_series(made, missing="mask"), 2)
    for one, other in zip(picked[:3], expected[:3], strict=True):
        assert torch.equal(one, other)
    assert picked.valid.sum(1).tolist() == [3, 2]


def test_rows_that_pick_nothing_observed_keep_a_window():
    X = np.ones((1, 4, 1), np.float32)
    X[0, 0] = np.nan
    picked = to_windows(as_series(X, missing="mask"), 1).pick(torch.tensor([[0, 0, -1]]), 1)
    assert picked.valid.tolist() == [[True, False, False]]
    assert not picked.observed.any()


@given(st.lists(st.integers(1, 6), min_size=1, max_size=5), st.data())
def test_orders_of_windows_that_are_there_are_taken(counts, data):
    rows = [
        data.draw(st.lists(st.integers(0, count - 1), min_size=1, max_size=4)) for count in counts
    ]
    order = np.full((len(rows), max(map(len, rows))), -1, dtype=np.int16)
    for line, row in zip(order, rows, strict=True):
        line[: len(row)] = row
    checked = check_order(order, np.array(counts))
    np.testing.assert_array_equal(checked, order)
    assert checked.dtype == np.int64
    row = data.draw(st.integers(0, len(rows) - 1))
    order[row, 0] = data.draw(st.sampled_from([-2, counts[row], counts[row] + 3]))
    with pytest.raises(ValueError, match=f"of series {row}"):
        check_order(order, np.array(counts))


@pytest.mark.parametrize(
    ("order", "message"),
    [
        ([[0], [1]], r"one row per series"),
        ([0, 1, 2], r"shape \(3,\)"),
        (np.zeros((3, 1)), "float64"),
        ([[0], [2], [0]], "series 1, which has 2"),
        ([[0], [0], [-2]], "series 2"),
        ([[0, -1], [-1, -1], [0, 0]], "series 1"),
        ([[-1, 0], [0, 0], [0, 0]], "series 0"),
        (np.zeros((3, 0), int), "series 0"),
    ],
)
def test_orders_that_are_refused(order, message):
    with pytest.raises(ValueError, match=message):
        check_order(order, np.array([1, 2, 3]))


@pytest.mark.parametrize("n_marks", [0, 1])
def test_other_values_have_the_same_gaps_and_the_same_marks(n_marks):
    values, observed = torch.tensor([[[[5.0, 1.0]]]]), torch.tensor([[[[False, True]]]])
    batch = Windows(values, observed, torch.tensor([[True]]))
    made = batch.refill(torch.full_like(values, 9.0), n_marks)
    assert made.values.flatten().tolist() == [0.0, 1.0 if n_marks else 9.0]
    assert made.observed is observed
    assert made.valid is batch.valid


def test_rows_stay_with_their_sequences():
    values = torch.arange(3.0).view(3, 1, 1, 1)
    batch = Windows(values, values >= 0, values[:, :, 0, 0] >= 0, rows=torch.tensor([4, 2, 7]))
    assert batch.take(torch.tensor([2, 0])).rows.tolist() == [7, 4]
    assert batch.to("cpu").double().refill(batch.values, 0).rows is batch.rows
    assert batch._replace(rows=()).take(slice(2)).rows == ()
