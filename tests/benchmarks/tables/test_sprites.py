"""Tables 1 and 2 on a few hundred clips of the published sheets."""

import json

import numpy as np
import pooch
import pytest
from helpers import REAL

pytest.importorskip("matplotlib")
pytest.importorskip("PIL")

from benchmarks.tables import sprites
from benchmarks.tables.__main__ import main
from benchmarks.tables.entries import entries_of
from tsdisentangle import StaticDynamicVAE

pytestmark = pytest.mark.skipif(not REAL.is_dir(), reason="needs the published files")
METHODS = ["StaticDynamicVAE", "StaticDynamicVAE/untrained"]
COLUMNS = "table protocol dataset task split method metric mean std ci_low ci_high n_seeds seeds "
COLUMNS += "epochs anchor leakage seconds published best_public run"


def row_named(name):
    return next(row for row in entries_of("1") if row.name == name)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("sprites")


@pytest.fixture(scope="module")
def call(folder):
    """Return a function that runs tables with their own caches."""

    def run(*arguments):
        paths = ["--cache", str(folder / "fits"), "--output", str(folder)]
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(pooch, "os_cache", lambda project: folder / project)
            patch.setenv("TSDISENTANGLE_DATA", str(REAL))
            main([*arguments[:1], "--quick", *paths, "--methods", *METHODS, *arguments[1:]])

    return run


@pytest.fixture(scope="module")
def rows(call, folder):
    call("1")
    fits = {path: path.stat().st_mtime_ns for path in (folder / "fits").iterdir()}
    call("2")
    # The second table makes no judge, no fit and no clips of its own.
    assert {path: path.stat().st_mtime_ns for path in (folder / "fits").iterdir()} == fits
    read = {}
    for table in "12":
        results = json.loads((folder / "quick" / f"table{table}.json").read_text())
        read[table] = {(row["method"], row["metric"]): row for row in results["rows"]}
    return read


@pytest.mark.slow
def test_every_row_has_every_metric(rows):
    for table in rows.values():
        assert all(list(row) == COLUMNS.split() for row in table.values())
        metrics = [{metric for method, metric in table if method == name} for name in METHODS]
        assert metrics[0] == metrics[1]
    first, second = ({metric for _, metric in rows[table]} for table in "12")
    assert {"accuracy", "IS", "H(y given x)", "H(y)", "MSE", "action, swapped"} <= first
    assert {"generation, static gap", "latent, dynamic gap"} <= second
    assert rows["1"]["StaticDynamicVAE", "IS"]["epochs"] == 1
    assert rows["1"]["StaticDynamicVAE/untrained", "IS"]["epochs"] == 0


@pytest.mark.slow
def test_numbers_hold_together(rows):
    for method in METHODS:
        one = {metric: row["mean"] for (name, metric), row in rows["1"].items() if name == method}
        two = {metric: row["mean"] for (name, metric), row in rows["2"].items() if name == method}
        # A single draw, so the identity holds of the means.
        assert one["IS"] == pytest.approx(np.exp(one["H(y)"] - one["H(y given x)"]))
        assert one["PSNR"] >= -10 * np.log10(one["MSE"]) - 1e-9  # Jensen
        assert two["generation, dynamic from dynamic"] == one["accuracy"]
        assert two["generation, dynamic from static"] == one["action, new dynamics"]
        for kind in ("generation", "latent"):
            own, other = (two[f"{kind}, {name} from static"] for name in ("static", "dynamic"))
            assert two[f"{kind}, static gap"] == pytest.approx(own - other)
    # An epoch is not much, but shapes are there.
    trained, untrained = (rows["1"][method, "MSE"]["mean"] for method in METHODS)
    assert trained < untrained


@pytest.mark.slow
def test_pictures_and_rows_still_to_come(rows, folder):
    quick = folder / "quick"
    for name in ("table1_corrected", "table1_confusion", "table2_corrected"):
        assert (quick / f"{name}.png").stat().st_size > 5_000
    text = (quick / "table1.md").read_text()
    to_come = "StaticDynamicVAE/no_loss, StaticDynamicVAE/no_sub, StaticDynamicVAE/no_both"
    assert f"Still to come: Sprites 16, test, corrected: {to_come}." in text


@pytest.mark.slow
def test_a_poor_judge_judges_nothing(call, folder, rows, monkeypatch):
    strict = sprites.replace(sprites.SETTINGS["quick"], least_accuracy=0.999)
    monkeypatch.setitem(sprites.SETTINGS, "quick", strict)
    message = r"must reach 0\.999 on every label .* no row is written"
    for table in "12":
        with pytest.raises(SystemExit, match=message):
            call(table, "--output", str(folder / "strict"))
    assert not (folder / "strict").exists()


@pytest.mark.parametrize(
    ("device", "precision"), [("cpu", "float32"), ("cuda", "float16"), ("cuda:1", "float16")]
)
def test_half_precision_on_a_gpu(device, precision, tmp_path):
    made = sprites.Sprites(sprites.SETTINGS["full"], tmp_path, device)
    estimator = made.estimator(row_named("StaticDynamicVAE/no_sub"), 3)
    assert (estimator.device, estimator.precision) == (device, precision)
    assert (estimator.subtract, estimator.random_state) == (False, 3)


def test_full_rows_and_no_others_stand_beside_the_published(monkeypatch):
    sized = (
        sprites.Sprites(sprites.SETTINGS["full"], None),
        sprites.Sprites(sprites.SETTINGS["cpu"], None),
    )
    fit = sprites.Fit(StaticDynamicVAE())
    monkeypatch.setattr(sprites.Sprites, "fit", lambda self, row, seed: fit)
    found = [{"accuracy": 0.4, "MSE": 1.0}, {"accuracy": 0.6, "MSE": 1.0}]
    full, small = (
        sprites.make_rows("1", one, row_named("StaticDynamicVAE"), [0, 1], found) for one in sized
    )
    assert [row.published for row in full] == [1.0, None]
    assert [row.best_public for row in full] == [1.0, None]
    assert [row.published for row in small] == [None, None]


@pytest.mark.parametrize(
    ("values", "std", "interval"),
    [
        # 12.71 is the quantile of Student's t with one degree of freedom.
        ([0.4, 0.6], 0.1, (0.5 - 12.7062 * 0.1, 0.5 + 12.7062 * 0.1)),
        ([0.4, 0.4], 0.0, (None, None)),
        ([0.4], None, (None, None)),
    ],
)
def test_one_seed_has_neither_deviation_nor_interval(values, std, interval, monkeypatch):
    monkeypatch.setattr(sprites.Sprites, "fit", lambda *_: sprites.Fit(StaticDynamicVAE()))
    made = sprites.Sprites(sprites.SETTINGS["cpu"], None)
    found = [{"accuracy": value} for value in values]
    seeds = list(range(len(values)))
    (row,) = sprites.make_rows("2", made, row_named("StaticDynamicVAE"), seeds, found)
    assert row.std == (None if std is None else pytest.approx(std))
    assert (row.ci_low, row.ci_high) == (pytest.approx(interval) if interval[0] else interval)
    assert row.is_complete
