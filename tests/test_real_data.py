"""The estimator on the published files of each data set, fitted and transformed."""

import numpy as np
import pytest
from helpers import REAL, small

from tsdisentangle.datasets import fetch_air_quality, fetch_etth1, fetch_physionet2012

pytestmark = pytest.mark.skipif(
    not REAL.is_dir(), reason="the published files are not here; set TSDISENTANGLE_DATA"
)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["window", "step"])
@pytest.mark.parametrize(
    ("loader", "window"),
    [(fetch_etth1, 24), (fetch_air_quality, 24), (fetch_physionet2012, 4)],
    ids=["ETTh1", "Air Quality", "PhysioNet 2012"],
)
def test_fit_and_transform(loader, window, kind, monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    bunch = loader(data_home=REAL, download_if_missing=False)
    train = bunch.data[bunch.splits["train"]][:200]
    test = bunch.data[bunch.splits["test"]][:50]
    estimator = small(
        kind=kind, missing="mask", window=window, max_epochs=4, batch_size=20, lr=5e-3
    )
    estimator.fit(train)
    assert estimator.transform(test).shape == (50, 5)
    codes = estimator.encode(test)
    assert codes.dynamic.shape[1] == -(-bunch.data.shape[1] // window)
    assert np.isfinite(codes.dynamic).all()
    losses = estimator.history_[:, "train_loss"]
    assert losses[-1] < losses[0]
    filled = estimator.impute(test)
    seen = ~np.isnan(test)
    np.testing.assert_array_equal(filled[seen], test[seen])
    assert np.isfinite(filled).all()
