import numpy as np

from tsdisentangle.plots import plot_panels, plot_reconstructions


def test_panels_draw_each_version_of_each_series():
    series = [np.arange(6.0).reshape(3, 2), np.arange(8.0).reshape(4, 2)]
    figure = plot_panels({"a": series, "b": series}, channels=(0, 1), column_names=["x", "y"])
    assert len(figure.axes) == 4
    first, second = figure.axes[0].lines
    np.testing.assert_array_equal(first.get_ydata(), [0, 2, 4])
    assert first.get_color() != second.get_color()
    assert [ax.get_title() for ax in figure.axes[:2]] == ["x", "y"]


def test_reconstructions_split_lines_where_nothing_was_measured():
    nan = np.nan
    truth = [np.array([[0, 5], [1, 5], [nan, 5], [nan, 5], [4, 5.0]]), np.ones((3, 2))]
    guess = [np.arange(10.0, 20).reshape(5, 2), np.zeros((3, 2))]
    time = np.array([0, 0.5, 1, 1.5, 2])
    figure = plot_reconstructions(
        truth, guess, time=time, time_name="day", channels=(0, 1), channel_names=["a", "b (m)"]
    )
    gappy, short, whole, _ = figure.axes
    measured, solid, dashed = gappy.lines
    np.testing.assert_array_equal(measured.get_ydata(), truth[0][:, 0])
    np.testing.assert_array_equal(measured.get_xdata(), time)
    np.testing.assert_array_equal(solid.get_ydata(), [10, 12, nan, nan, 18])
    # One step further on both sides than the gap, to meet the lines.
    np.testing.assert_array_equal(dashed.get_ydata(), [nan, 12, 14, 16, 18])
    assert dashed.is_dashed()
    assert not solid.is_dashed()
    (shade,) = gappy.collections
    x = shade.get_paths()[0].vertices[:, 0]
    assert (x.min(), x.max()) == (0.5, 2.0)
    assert np.isnan(whole.lines[2].get_ydata()).all()
    np.testing.assert_array_equal(short.lines[0].get_xdata(), time[:3])
    assert (whole.get_ylabel(), whole.get_xlabel()) == ("b (m)", "day")
