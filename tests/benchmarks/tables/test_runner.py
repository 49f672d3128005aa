"""The command line, and the loop that measures what is not there yet."""

import pytest
from table_cases import CONSTANT, entry, make_row, one_task, run_time_series
from toy_methods import DuckTyped, Subclass

from benchmarks.tables import runner
from benchmarks.tables.rows import Results


def run_constant(monkeypatch, folder, *arguments):
    tables = ("3", "8")
    return run_time_series(monkeypatch, folder, *arguments, tables=tables, rows=[CONSTANT])


# -- the command line ---------------------------------------------------------------------------


def test_tables_come_in_the_order_of_the_paper_each_once():
    assert runner.parse(["8", "3", "8", "1"]).tables == ["1", "3", "8"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "the following arguments are required: TABLE"),
        (["6"], "invalid choice: '6'"),
        (["3", "--seeds", "0"], "argument --seeds: 0 is not positive"),
        (["3", "--epochs", "-1"], "argument --epochs: -1 is not positive"),
        (["1", "7", "--epochs", "5"], "argument --epochs: only tables 3, 4, 5, 8 read it"),
        (["3", "7", "--preset", "full"], "argument --preset: only tables 1, 2 read it"),
        (["3", "--methods", "VAE", "Mars"], "argument --methods: invalid choice: 'Mars'"),
        (["3", "--methods", "VAE@first"], "invalid choice: 'VAE@first' (choose from 'constant', "),
        (["5", "--methods", "VAE"], "invalid choice: 'VAE' (choose from 'constant@', "),
    ],
)
def test_what_no_table_knows_is_refused(arguments, message, capsys):
    with pytest.raises(SystemExit):
        runner.parse(arguments)
    assert message in capsys.readouterr().err


def test_rows_of_any_of_the_tables_may_be_named():
    options = runner.parse(["3", "5", "7", "--methods", "VAE", "constant@", "raw/mean log-mel"])
    assert options.methods == ["VAE", "constant@", "raw/mean log-mel"]
    assert runner.parse(["1", "3", "--preset", "full"]).preset == "full"


def test_an_estimator_of_ones_own_is_a_row():
    names = ["toy_methods:Subclass", "toy_methods:DuckTyped"]
    given = [part for name in names for part in ("--estimator", name)]
    options = runner.parse(["3", *given, "--methods", "Subclass/untrained", "DuckTyped"])
    assert options.estimators == [Subclass, DuckTyped]
    assert runner.parse(["3"]).estimators == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["3", "--estimator", "nothing"], "has not the form mypackage.module:MyMethod"),
        (
            ["3", *["--estimator", "toy_methods:Subclass"] * 2],
            r"several classes have the name of one row: \['Subclass'\]",
        ),
        (
            ["7", "--estimator", "toy_methods:DuckTyped"],
            "in table 7: DuckTyped has no partial_fit and no set_params",
        ),
        (
            ["3", "2", "--estimator", "toy_methods:DuckTyped"],
            "in table 2: DuckTyped has no partial_fit and no set_params and no decode and no "
            "sample and no reconstruct",
        ),
        (
            ["5", "8", "--estimator", "toy_methods:DuckTyped"],
            "tables 5 and 8 compare anchors, and DuckTyped has no parameter 'anchor': it has no "
            "row there",
        ),
    ],
)
def test_a_class_that_a_table_cannot_call_is_refused(arguments, message):
    with pytest.raises(SystemExit, match=message):
        runner.parse(arguments)


def test_tables_of_anchors_say_that_a_class_has_none(capsys):
    runner.parse(["3", "5", "--estimator", "toy_methods:DuckTyped"])
    assert "DuckTyped has no parameter 'anchor'" in capsys.readouterr().out
    runner.parse(["3", "5", "--estimator", "toy_methods:Subclass"])
    assert capsys.readouterr().out == ""


# -- the loop -----------------------------------------------------------------------------------


def test_one_seed_has_no_spread(tmp_path, monkeypatch):
    (one, empty) = run_constant(monkeypatch, tmp_path / "one", "--seeds", "1")
    two = run_constant(monkeypatch, tmp_path / "two")[0]
    assert (one.rows[0].std, two.rows[0].std) == (None, 0.0)
    assert "±" not in one.to_markdown("corrected")
    assert empty.rows == []  # the rows to come of a table without any are named as well
    assert (tmp_path / "one" / "table8.md").read_text().rstrip().endswith("Still to come: nothing.")


def test_rows_are_shown_in_the_order_of_the_methods(tmp_path, monkeypatch):
    rows = [CONSTANT, entry("raw/flat")]
    for name in ("raw/flat", "constant"):
        command = ["--methods", name]
        (results,) = run_time_series(monkeypatch, tmp_path, *command, rows=rows)
    assert [row.method for row in results.rows] == ["constant", "raw/flat"]


def test_rows_to_come_are_named_by_data_set_split_and_protocol(tmp_path, monkeypatch):
    makers = (one_task, lambda: one_task(protocol="as published"))
    rows = [CONSTANT, entry("raw/flat"), entry("VAE")]
    command = ["--protocol", "corrected", "--methods", "raw/flat"]
    run_time_series(monkeypatch, tmp_path, *command, makers=makers, rows=rows)
    text = (tmp_path / "table3.md").read_text()
    assert text.partition("Still to come: ")[2] == (
        "generated, one, corrected: constant, VAE; "
        "generated, one, as published: constant, raw/flat, VAE.\n"
    )


def test_rows_of_more_seeds_are_not_replaced(tmp_path, monkeypatch):
    first = run_constant(monkeypatch, tmp_path)[0].rows
    with pytest.raises(SystemExit, match=r"2 seeds and 0 epochs; 1 and 0 would take its place"):
        run_constant(monkeypatch, tmp_path, "--seeds", "1")
    assert run_constant(monkeypatch, tmp_path)[0].rows == first
    assert len(run_constant(monkeypatch, tmp_path, "--seeds", "3")[0].rows[0].seeds) == 3
    run_constant(monkeypatch, tmp_path, "--quick")  # in a folder of its own


def test_budget_of_the_command_line(tmp_path, monkeypatch):
    quick = run_constant(monkeypatch, tmp_path, "--quick", "--seeds", "2")[0]
    assert quick.rows[0].seeds == [0, 1]
    with pytest.raises(
        SystemExit, match=r"\['Mars'\] are unknown; expected some of \['generated'\]"
    ):
        run_constant(monkeypatch, tmp_path, "--datasets", "Mars", "generated")
    with pytest.raises(SystemExit, match=r"--splits \['two'\] are unknown; .* \['one'\]"):
        run_constant(monkeypatch, tmp_path, "--splits", "two", "one")
    with pytest.raises(SystemExit):
        run_constant(monkeypatch, tmp_path, "--seeds", "0")


def test_what_is_there_is_not_measured_again(tmp_path, monkeypatch):
    (first, _) = run_constant(monkeypatch, tmp_path)
    written = first.path.read_bytes()
    (again, _) = run_constant(monkeypatch, tmp_path)
    assert again.rows == first.rows
    assert again.path.read_bytes() == written


def test_a_poorer_job_without_known_epochs_is_refused_by_its_seeds(tmp_path):
    results = Results(tmp_path / "table1.json", {})
    results.add([make_row(table="1", seeds=[0, 1], ci_low=0.0, epochs=7)])
    key = {"table": "1", "task": "a", "method": "a"}

    def job(seeds):
        return runner.Job("a", "a", "a", "a", [key], lambda: [], seeds)

    stores = {"1": results}
    assert [job(seeds).is_done(stores) for seeds in ([0, 1], [0], [0, 1, 2])] == [
        True,
        False,
        False,
    ]
    runner._refuse_poorer(job([0, 1, 2]), stores)
    with pytest.raises(SystemExit, match="2 seeds and 7 epochs; 1 would take its place"):
        runner._refuse_poorer(job([0]), stores)
