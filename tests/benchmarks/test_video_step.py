"""The benchmark of video: clips are never held as floats, and both sides time one network."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from benchmarks import video_step

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "video_step.py"
MIB = 2**20


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs Linux's /proc")
def test_a_mapped_file_stays_where_it_is():
    """500 clips: 47 MiB of pixels, which as floats would be 188 MiB."""
    result = subprocess.run(
        [sys.executable, str(SCRIPT), "--clips=500", "--width=1", "--features=8", "--batch=4"],
        capture_output=True,
        text=True,
        check=True,
    )
    row = json.loads(result.stdout)
    assert row["codes"] == [500, 8, 8]
    assert row["bytes_as_floats"] > 187 * MIB
    assert 0 < row["grown_bytes_in_training"] < 150 * MIB
    assert 0 < row["grown_bytes_with_codes"] < 150 * MIB


def test_bare_loop_computes_the_same_codes_and_trains():
    clips = np.random.default_rng(0).integers(0, 256, (4, 8, 64, 64, 3), dtype=np.uint8)
    estimator = video_step.make_estimator(1, 4, 4).partial_fit(clips)
    network = estimator.net_.module_
    codes = estimator.encode(clips)
    values = torch.from_numpy(clips / np.float32(255)).flatten(2, 3)
    with torch.inference_mode():
        static, dynamic = video_step.posterior(network, values)
    np.testing.assert_allclose(static.mean, codes.static, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(dynamic.mean, codes.dynamic, rtol=1e-4, atol=1e-6)
    video_step.bare_encode(network, clips, 2)
    before = network.static_head.hidden.weight.detach().clone()
    video_step.bare_epoch(network, torch.optim.Adam(network.parameters(), lr=1e-3), clips, 2)
    assert not torch.equal(before, network.static_head.hidden.weight)
