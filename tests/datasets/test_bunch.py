import pickle

import numpy as np
import pytest

from tsdisentangle.datasets import SequenceBunch


def parts(**changes):
    return {
        "data": np.zeros((4, 5, 2), dtype=np.float32),
        "static_target": {"label": np.arange(4)},
        "dynamic_target": {"step": np.zeros((4, 5))},
        "groups": np.arange(4),
        "splits": {
            "train": np.array([3, 0]),
            "validation": np.array([], dtype=np.int64),
            "test": np.array([1, 2]),
        },
        "feature_names": ["a", "b"],
        "units": ["1", "1"],
        "DESCR": "text",
        "licence": "text",
        "citation": "text",
        **changes,
    }


def test_keys_are_attributes():
    bunch = SequenceBunch(**parts())
    assert set(bunch) == set(parts())
    assert bunch.data is bunch["data"]


def test_ragged_data():
    series = [np.zeros((length, 2), dtype=np.float32) for length in (3, 4, 5, 6)]
    assert len(SequenceBunch(**parts(data=series)).data) == 4


def test_survives_pickle():
    bunch = pickle.loads(pickle.dumps(SequenceBunch(**parts())))
    assert isinstance(bunch, SequenceBunch)
    np.testing.assert_array_equal(bunch.splits["train"], [3, 0])


def test_a_missing_key_is_an_error():
    incomplete = parts()
    del incomplete["licence"]
    with pytest.raises(TypeError, match="licence"):
        SequenceBunch(**incomplete)


@pytest.mark.parametrize(
    "test", [[1], [1, 2, 3], [1, 1], [1, 4], [-1, 2]], ids=["few", "shared", "twice", "high", "low"]
)
def test_every_row_is_in_one_split(test):
    splits = {**parts()["splits"], "test": np.array(test)}
    with pytest.raises(ValueError, match="every row from 0 to 3 exactly once"):
        SequenceBunch(**parts(splits=splits))


def test_split_names():
    with pytest.raises(ValueError, match=r"keys \('train', 'validation', 'test'\)"):
        SequenceBunch(**parts(splits={"train": np.arange(4)}))
