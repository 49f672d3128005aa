"""Series with known factors: what the documentation says of them."""

import numpy as np
import pytest

from tsdisentangle.datasets import SequenceBunch, make_static_dynamic


def test_series_are_levels_plus_a_rotation():
    bunch = make_static_dynamic(200, n_steps=10, n_classes=3, noise=0.0, random_state=0)
    assert isinstance(bunch, SequenceBunch)
    assert bunch.data.shape == (200, 10, 6)
    assert bunch.data.dtype == np.float32
    level, (cos, sin) = bunch.static_target["level"], bunch.dynamic_target.values()
    np.testing.assert_allclose(cos**2 + sin**2, 1)
    design = np.concatenate(
        [np.repeat(np.eye(3)[level], 10, axis=0), cos.reshape(-1, 1), sin.reshape(-1, 1)], axis=1
    )
    found, *_ = np.linalg.lstsq(design, bunch.data.reshape(-1, 6).astype(float), rcond=None)
    np.testing.assert_allclose(design @ found, bunch.data.reshape(-1, 6), atol=1e-5)
    np.testing.assert_allclose(found[3:] @ found[3:].T, 4 * np.eye(2), atol=1e-5)


def test_seed_missing_values_and_splits():
    first, again = (make_static_dynamic(50, missing=0.3, random_state=7) for _ in range(2))
    np.testing.assert_array_equal(first.data, again.data)
    assert 0.2 < np.isnan(first.data).mean() < 0.4
    assert [len(rows) for rows in first.splits.values()] == [30, 10, 10]
    data, level = make_static_dynamic(50, missing=0.3, random_state=7, return_X_y=True)
    np.testing.assert_array_equal(data, first.data)
    np.testing.assert_array_equal(level, first.static_target["level"])


def test_a_rotation_needs_two_channels():
    with pytest.raises(ValueError, match="n_channels is 1; a rotation needs at least 2"):
        make_static_dynamic(5, n_channels=1)
