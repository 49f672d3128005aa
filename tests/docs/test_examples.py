"""Every Python block of the README and the docs runs as printed."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from helpers import REAL

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
# Blocks that train for more than a few seconds; `make test` runs them, `make check` does not.
SLOW = {"README-0", "datasets-2", "metrics-0", "panels-1", "video_audio-0"}


def blocks():
    for page in PAGES:
        found = re.findall(r"```python\n(.*?)```", page.read_text(), re.S)
        for number, block in enumerate(found):
            name = f"{page.stem}-{number}"
            yield pytest.param(block, id=name, marks=[pytest.mark.slow] if name in SLOW else [])


BLOCKS = list(blocks())


@pytest.mark.parametrize("block", BLOCKS)
def test_block_runs(block, monkeypatch, tmp_path):
    if "fetch_" in block and not REAL.is_dir():
        pytest.skip("the published files are not here; set TSDISENTANGLE_DATA to their folder")
    monkeypatch.setenv("TSDISENTANGLE_DATA", str(REAL))
    monkeypatch.chdir(tmp_path)
    exec(compile(block, "<docs>", "exec"), {"__name__": "__main__"})


def test_slow_blocks_exist():
    assert {each.id for each in BLOCKS} >= SLOW


@pytest.mark.slow
def test_one_liner_of_the_readme():
    (script,) = re.findall(r'python -c "(.*?)"\n', (ROOT / "README.md").read_text(), re.S)
    one_thread = {**os.environ, "OMP_NUM_THREADS": "1"}  # as all tests, which run side by side
    result = subprocess.run(
        [sys.executable, "-c", script], env=one_thread, capture_output=True, text=True, check=True
    )
    assert float(result.stdout) > 0.9


def test_own_encoder_is_searchable(monkeypatch):
    from sklearn.base import clone
    from sklearn.model_selection import GridSearchCV

    page = (ROOT / "docs" / "own_encoder.md").read_text()
    space: dict = {}
    exec(re.search(r"```python\n(.*?)```", page, re.S)[1], space)
    estimator, X = space["estimator"], space["X"]
    search = GridSearchCV(
        clone(estimator).set_params(max_epochs=1), {"encoder__width": [4, 8]}, cv=2
    )
    assert search.fit(X[:40]).best_params_["encoder__width"] in (4, 8)
