import numpy as np
from helpers import small

from tsdisentangle.plots import plot_history


def test_each_term_of_the_loss_has_an_axis_with_its_course():
    X = np.random.default_rng(0).normal(size=(12, 6, 2)).astype(np.float32)
    estimator = small(
        max_epochs=3, early_stopping=True, validation_fraction=0.25, dynamic_rate=None
    ).fit(X)
    history = estimator.history_
    figure = plot_history(history, title="Training")
    titles = [ax.get_title() for ax in figure.axes]
    assert titles[0] == "loss"
    assert len(titles) == len(set(titles)) > 1
    for ax in figure.axes:
        key = ax.get_title().replace(" ", "_")
        train, valid = ax.lines
        np.testing.assert_array_equal(train.get_xdata(), history[:, "epoch"])
        np.testing.assert_array_equal(train.get_ydata(), history[:, f"train_{key}"])
        np.testing.assert_array_equal(valid.get_ydata(), history[:, f"valid_{key}"])
    assert figure.axes[0].get_ylabel() == "nats per series"
    assert figure.get_suptitle() == "Training"


def test_without_early_stopping_there_is_no_validation_line():
    X = np.random.default_rng(0).normal(size=(6, 6, 2)).astype(np.float32)
    figure = plot_history(small(max_epochs=2).fit(X).history_)
    assert [len(ax.lines) for ax in figure.axes] == [1] * len(figure.axes)
