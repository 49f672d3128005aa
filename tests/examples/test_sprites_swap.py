"""The parts of the script on made-up clips, and its pictures from an estimator of a few steps."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from helpers import load_script

pytest.importorskip("matplotlib")
pytest.importorskip("imageio")

import imageio.v3 as iio

from tsdisentangle import StaticDynamicVAE, VideoEncoder

SCRIPT = Path(__file__).parents[2] / "examples" / "sprites_swap.py"


@pytest.fixture(scope="module")
def script():
    return load_script(SCRIPT)


@pytest.fixture(scope="module")
def bunch():
    """Nine actions of 40 characters, whose clips nobody looks at."""
    rng = np.random.default_rng(0)
    character, action = np.divmod(np.arange(360), 9)
    parts = ("skin", "pants", "top", "hair")
    return SimpleNamespace(
        data=rng.integers(0, 256, (360, 4, 16, 16, 3), dtype=np.uint8),
        static_target={part: (character + n) % 6 for n, part in enumerate(parts)},
        dynamic_target={"action": np.repeat(action[:, None], 4, axis=1)},
        splits={"test": np.arange(90, 360)},
        DESCR="Credit: the artists",
    )


def test_chosen_clips_differ_in_every_part_and_have_the_actions(script, bunch):
    chosen = script.choose(bunch)
    assert tuple(bunch.dynamic_target["action"][chosen, 0]) == script.ACTIONS
    for values in bunch.static_target.values():
        assert len(set(values[chosen])) == len(chosen)
    assert chosen.min() >= 90


def test_the_grid_takes_the_look_of_the_row_and_the_action_of_the_column(script):
    class Pairs:
        def swap(self, first, second):
            return 10 * first + second, 10 * second + first

    clips = np.arange(3).reshape(3, 1, 1, 1, 1) + 1
    grid = script.swap_grid(Pairs(), clips)[..., 0, 0, 0, 0]
    np.testing.assert_array_equal(grid, [[11, 12, 13], [21, 22, 23], [31, 32, 33]])
    framed = script.with_originals(grid[..., None, None, None, None], clips)[..., 0, 0, 0, 0]
    np.testing.assert_array_equal(framed[0], [0, 1, 2, 3])
    np.testing.assert_array_equal(framed[:, 0], [0, 1, 2, 3])
    np.testing.assert_array_equal(framed[1:, 1:], grid)


def test_tiles_lie_where_they_are_in_the_grid(script):
    grid = np.random.default_rng(0).integers(0, 9, (2, 3, 5, 4, 6, 3))
    tiled = script.tile(grid)
    assert tiled.shape == (5, 8, 18, 3)
    np.testing.assert_array_equal(tiled[2, 4:8, 6:12], grid[1, 1, 2])


def test_pictures(script, bunch, tmp_path):
    encoder = VideoEncoder(size=16, width=2, out_features=8, hidden=8)
    estimator = StaticDynamicVAE(encoder, static_dim=4, dynamic_dim=2, max_epochs=1).fit(
        bunch.data[:32]
    )
    script.draw(estimator, bunch, tmp_path)
    assert (tmp_path / "swap.png").stat().st_size > 5_000
    assert iio.imread(tmp_path / "swap.gif").shape == (4, 5 * 64, 5 * 64, 3)
    for name in ("new_looks", "new_actions"):
        frames = iio.imread(tmp_path / f"{name}.gif")
        assert frames.shape == (4, 2 * 64, 4 * 64, 3)
        # The first clip is the original, the others are not.
        assert not np.array_equal(frames[:, :64, :64], frames[:, :64, 64:128])
    assert "artists" in (tmp_path / "sprites_credit.txt").read_text()
