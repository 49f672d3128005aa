"""Every Python block of the README and the docs runs as printed."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from helpers import REAL

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
BLOCKS = [
    pytest.param(block, id=f"{page.stem}-{number}")
    for page in PAGES
    for number, block in enumerate(re.findall(r"```python\n(.*?)```", page.read_text(), re.S))
]


@pytest.mark.parametrize("block", BLOCKS)
def test_block_runs(block, monkeypatch, tmp_path):
    if "fetch_" in block and not REAL.is_dir():
        pytest.skip("the published files are not here; set TSDISENTANGLE_DATA to their folder")
    monkeypatch.setenv("TSDISENTANGLE_DATA", str(REAL))
    monkeypatch.chdir(tmp_path)
    exec(compile(block, "<docs>", "exec"), {"__name__": "__main__"})


def test_one_liner_of_the_readme():
    (script,) = re.findall(r'python -c "(.*?)"\n', (ROOT / "README.md").read_text(), re.S)
    result = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
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
