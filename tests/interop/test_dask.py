"""Codes by dask's workers against those of one process; searches on joblib's backends."""

import os
import sys

import numpy as np
import pandas as pd
import pytest

pytest.importorskip("dask")
pytest.importorskip("distributed")

import dask
import dask.array as da
import dask.dataframe as dd
import joblib
from distributed import Client, LocalCluster
from helpers import small
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV

from tsdisentangle import StaticDynamicVAE, VideoEncoder
from tsdisentangle.base import SequenceDisentangler
from tsdisentangle.interop.dask import encode, transform


def panel(n=20, shape=(9, 2)):
    return np.random.default_rng(0).normal(size=(n, *shape)).astype(np.float32)


@pytest.fixture(scope="module")
def client():
    """Two processes, as two machines would be."""
    os.environ["OMP_NUM_THREADS"] = os.environ.get("OMP_NUM_THREADS", "1")
    options = {"processes": True, "n_workers": 2, "threads_per_worker": 1}
    with LocalCluster(**options, dashboard_address=None) as cluster, Client(cluster) as client:
        yield client


@pytest.fixture(scope="module")
def fitted():
    return small(window=2).fit(panel())


def long_frame(n=7, names=("a", "b")):
    """Series of 3 to 9 steps, named out of order, their steps shuffled."""
    rng = np.random.default_rng(0)
    parts = [
        pd.DataFrame(rng.normal(size=(3 + i, 2)), columns=names).assign(
            series=f"s{(5 * i) % n}", time=rng.permutation(3 + i)
        )
        for i in range(n)
    ]
    return pd.concat(parts, ignore_index=True)


def assert_same_frame(found, expected):
    """Dask has its own dtype for names."""
    pd.testing.assert_frame_equal(found, expected, rtol=1e-4, check_index_type=False)


def in_one_process(estimator, frame):
    """Features by pandas, a row per series in the order of their names."""
    panel = frame.sort_values("series", kind="stable").set_index(["series", "time"])
    names = panel.index.get_level_values(0).unique()
    columns = estimator.get_feature_names_out()
    return pd.DataFrame(estimator.transform(panel), index=names, columns=columns)


# -- on a local cluster -------------------------------------------------------------------------


def count_arrivals():
    """On a worker: write down that an estimator has come."""
    usual = SequenceDisentangler.__setstate__

    def arrive(self, state):
        SequenceDisentangler.arrived = getattr(SequenceDisentangler, "arrived", 0) + 1
        usual(self, state)

    SequenceDisentangler.__setstate__ = arrive


def arrivals():
    return getattr(SequenceDisentangler, "arrived", 0)


@pytest.mark.slow
def test_workers_give_the_codes_of_one_process(client, fitted):
    X = panel(24)
    client.run(count_arrivals)
    features = transform(fitted, da.from_array(X, chunks=(3, 4, 1)))
    assert features.chunks == ((3,) * 8, (5,))
    np.testing.assert_allclose(features.compute(), fitted.transform(X), rtol=1e-5, atol=1e-6)
    arrived = client.run(arrivals)
    assert len(arrived) == 2
    assert max(arrived.values()) == 1  # for eight chunks
    frame = dd.from_pandas(long_frame().set_index("series"), npartitions=3, sort=True)
    estimator = small(missing="mask").fit(long_frame().set_index(["series", "time"]))
    found = transform(estimator, frame).compute()
    assert_same_frame(found, in_one_process(estimator, long_frame()))


@pytest.mark.slow
def test_searches_run_on_every_backend(client):
    X = panel(16)
    searches = {}
    for backend, jobs in (("sequential", 1), ("loky", 2), ("dask", 2)):
        estimator = small(max_epochs=1)
        search = GridSearchCV(estimator, {"lr": [1e-4, 1e-2]}, cv=2, n_jobs=jobs)
        with joblib.parallel_backend(backend):
            searches[backend] = search.fit(X)
    expected = searches.pop("sequential")
    assert len(set(expected.cv_results_["mean_test_score"])) == 2
    for search in searches.values():
        for name in ("split0_test_score", "split1_test_score"):
            np.testing.assert_allclose(
                search.cv_results_[name], expected.cv_results_[name], rtol=1e-5
            )
        np.testing.assert_allclose(search.transform(X), expected.transform(X), rtol=1e-5)


# -- arrays, in this process --------------------------------------------------------------------


@pytest.fixture
def synchronous():
    # A client of another test may be open, whose way to shuffle needs its workers.
    with dask.config.set({"scheduler": "synchronous", "dataframe.shuffle.method": "tasks"}):
        yield


@pytest.mark.usefixtures("synchronous")
@pytest.mark.parametrize("return_std", [False, True])
def test_lazy_codes(fitted, return_std):
    X = panel()
    X[3, 5:] = np.nan
    estimator = small(window=2, missing="mask").fit(X)
    codes = encode(estimator, da.from_array(X, chunks=(6, 3, 2)), return_std=return_std)
    expected = estimator.encode(X, return_std=return_std)
    assert codes.dynamic.chunks == ((6, 6, 6, 2), (5,), (2,))
    for name, array in vars(expected).items():
        if array is None:
            assert getattr(codes, name) is None
            continue
        lazy = getattr(codes, name)
        assert (lazy.shape, lazy.dtype) == (array.shape, array.dtype)
        np.testing.assert_allclose(lazy.compute(), array, rtol=1e-5, atol=1e-6)
    mean = codes.mean_dynamic().compute()
    np.testing.assert_allclose(mean, expected.mean_dynamic(), rtol=1e-5, atol=1e-6)


@pytest.mark.usefixtures("synchronous")
def test_every_chunk_is_encoded_once(fitted, monkeypatch):
    seen = []
    usual = SequenceDisentangler.encode

    def encode_and_count(self, X, **options):
        seen.append(len(X))
        return usual(self, X, **options)

    monkeypatch.setattr(SequenceDisentangler, "encode", encode_and_count)
    codes = encode(fitted, da.from_array(panel(), chunks=(8, 9, 2)))
    assert not seen
    dask.compute(codes.static, codes.dynamic, codes.lengths)
    assert sorted(seen) == [4, 8, 8]


@pytest.mark.usefixtures("synchronous")
def test_selections_and_other_forms():
    X = panel(12, (9,))
    flat = small(output="static").fit(X)
    lazy = da.from_array(X, chunks=(4, 9))
    np.testing.assert_allclose(transform(flat, lazy), flat.transform(X), rtol=1e-5, atol=1e-6)
    chosen = lazy[np.array([0, 1, 9])]
    np.testing.assert_allclose(transform(flat, chosen), flat.transform(X[[0, 1, 9]]), rtol=1e-5)
    hole = lazy[da.from_array(np.isin(np.arange(12), [0, 1, 10, 11]), chunks=4)]
    assert hole.compute_chunk_sizes().chunks[0] == (2, 0, 2)
    kept = X[[0, 1, 10, 11]]
    np.testing.assert_allclose(transform(flat, hole), flat.transform(kept), rtol=1e-5)
    assert encode(flat, hole).dynamic.compute().shape == flat.encode(kept).dynamic.shape
    clips = np.random.default_rng(0).integers(0, 256, (6, 3, 16, 16, 3), dtype=np.uint8)
    encoder = VideoEncoder(16, 3, 2, out_features=8, hidden=6)
    video = small(StaticDynamicVAE, encoder=encoder, max_epochs=1).fit(clips)
    features = transform(video, da.from_array(clips, chunks=(4, 1, 16, 8, 3)))
    np.testing.assert_allclose(features, video.transform(clips), rtol=1e-4, atol=1e-5)


@pytest.mark.usefixtures("synchronous")
def test_bad_arrays(fitted):
    X = panel()
    with pytest.raises(NotFittedError):
        transform(small(), da.from_array(X))
    with pytest.raises(TypeError, match="X is a ndarray; expected a dask array"):
        transform(fitted, X)
    with pytest.raises(ValueError, match="X has 3 channels, but StaticDynamicVAE was fitted"):
        transform(fitted, da.zeros((4, 9, 3)))
    with pytest.raises(ValueError, match="4 axes"):
        encode(fitted, da.zeros((4, 9, 2, 1)))
    lazy = da.from_array(X)
    with pytest.raises(ValueError, match=r"unknown size on axis 0.*X\.compute_chunk_sizes\(\)"):
        transform(fitted, lazy[lazy[:, 0, 0] > 0])
    X[3, 2, 1] = np.nan
    late = transform(fitted, da.from_array(X, chunks=(10, 9, 2)))
    with pytest.raises(ValueError, match="NaN at series 3, step 2, channel 1"):
        late.compute()


# -- frames, in this process --------------------------------------------------------------------


@pytest.fixture(scope="module")
def of_frames():
    return small(missing="mask").fit(long_frame().set_index(["series", "time"]))


@pytest.mark.usefixtures("synchronous")
def test_frames_keep_their_divisions(of_frames):
    frame = dd.from_pandas(long_frame(12).set_index("series"), npartitions=4, sort=True)
    found = transform(of_frames, frame)
    assert found.divisions == frame.divisions
    assert list(found.columns) == list(of_frames.get_feature_names_out())
    expected = in_one_process(of_frames, long_frame(12))
    assert_same_frame(found.compute(), expected)
    one = found.loc["s3"].compute()
    assert_same_frame(one, expected.loc[["s3"]])
    few = transform(of_frames, frame[frame.index == "s3"]).compute()  # other partitions are empty
    assert_same_frame(few, one)


@pytest.mark.usefixtures("synchronous")
@pytest.mark.parametrize("method", ["filter", "assign", "columns", "shuffled", "repartition"])
def test_steps_after_set_index(of_frames, method):
    """They move the divisions that set_index counts."""
    long = long_frame(24)
    frame = dd.from_pandas(long, npartitions=5).set_index("series")
    kept = long
    if method == "filter":
        frame, kept = frame[frame.time < 3], long[long.time < 3]
    elif method == "assign":
        frame, kept = frame.assign(a=frame.a + 1), long.assign(a=long.a + 1)
    elif method == "columns":
        frame = dd.from_pandas(long.assign(other=1), npartitions=5).set_index("series")
        frame = frame[["a", "b", "time"]]
    elif method == "shuffled":
        long = long.sample(frac=1, random_state=0)
        frame = dd.from_pandas(long, npartitions=5, sort=False).set_index("series")
        frame, kept = frame[frame.a > -1], long[long.a > -1]
    else:
        frame = frame.repartition(npartitions=2)
    found = transform(of_frames, frame).compute()
    assert_same_frame(found, in_one_process(of_frames, kept))


def as_categories(frame, order, known=True):
    lazy = dd.from_pandas(frame, npartitions=4)
    kind = pd.CategoricalDtype(order)
    lazy["series"] = lazy["series"].astype(kind if known else "category")
    return lazy.set_index("series")


@pytest.mark.usefixtures("synchronous")
def test_ids_may_be_categories(of_frames):
    long = long_frame(24)
    frame = as_categories(long, sorted(long["series"].unique()))
    for lazy, kept in ((frame, long), (frame[frame.time < 3], long[long.time < 3])):
        found = transform(of_frames, lazy).compute()
        assert found.index.categories.tolist() == sorted(long["series"].unique())
        found.index = found.index.astype(str)
        assert_same_frame(found, in_one_process(of_frames, kept))


@pytest.mark.usefixtures("synchronous")
@pytest.mark.filterwarnings("ignore:Constructing a Categorical")
def test_unknown_categories_are_torn_by_dask_and_refused(of_frames):
    lazy = as_categories(long_frame(24), None, known=False)
    with pytest.raises(ValueError, match=r"may lie in two partitions.*astype\({series: str}\)"):
        transform(of_frames, lazy).compute()
    as_text = dd.from_pandas(long_frame(24).astype({"series": "category"}), npartitions=4)
    found = transform(of_frames, as_text.astype({"series": str}).set_index("series")).compute()
    assert_same_frame(found, in_one_process(of_frames, long_frame(24)))


@pytest.mark.usefixtures("synchronous")
def test_categories_in_an_order_of_their_own(of_frames):
    """Dask sorts by them in from_pandas; set_index mixes two orders and tears series apart."""
    long = long_frame(24)
    order = list(np.random.default_rng(0).permutation(long["series"].unique()))
    kind = pd.CategoricalDtype(order)
    whole = long.assign(series=long["series"].astype(kind)).set_index("series")
    found = transform(of_frames, dd.from_pandas(whole, npartitions=4)).compute()
    assert list(found.index) == order
    found.index = found.index.astype(str)
    assert_same_frame(found.sort_index(), in_one_process(of_frames, long))
    with pytest.raises(ValueError, match="may lie in two partitions"):
        transform(of_frames, as_categories(long, order)).compute()


@pytest.mark.usefixtures("synchronous")
def test_bad_frames(of_frames):
    frame = dd.from_pandas(long_frame().set_index("series"), npartitions=3, sort=True)
    with pytest.raises(ValueError, match="expected one of time, 'hour'"):
        transform(of_frames, frame, time="hour")
    with pytest.raises(ValueError, match="unknown divisions"):
        transform(of_frames, frame.clear_divisions())
    with pytest.raises(ValueError, match="feature names"):
        transform(of_frames, frame.rename(columns={"a": "c"}))
    with pytest.raises(TypeError, match="a frame goes to transform"):
        encode(of_frames, frame)


@pytest.mark.usefixtures("synchronous")
def test_a_series_in_two_partitions_is_refused(of_frames):
    whole = long_frame().set_index("series").sort_index()
    cut = whole.index.get_loc("s3").start + 1
    halves = [dask.delayed(whole[:cut]), dask.delayed(whole[cut:])]
    ends = whole.index[0], whole.index[cut], whole.index[-1]
    torn = dd.from_delayed(halves, meta=whole[:0], divisions=ends)
    with pytest.raises(ValueError, match="a series may lie in two partitions"):
        transform(of_frames, torn).compute()


@pytest.mark.slow
def test_without_dask_the_extra_is_named(monkeypatch):
    for name in [name for name in sys.modules if name.split(".")[0] == "dask"]:
        monkeypatch.setitem(sys.modules, name, None)
    monkeypatch.delitem(sys.modules, "tsdisentangle.interop.dask")
    with pytest.raises(ImportError, match=r"pip install 'tsdisentangle\[dask\]'"):
        import tsdisentangle.interop.dask  # noqa: F401
