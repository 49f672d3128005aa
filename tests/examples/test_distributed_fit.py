"""The example of a distributed fit, alone and as accelerate launches it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from helpers import load_script

pytest.importorskip("accelerate")

from tsdisentangle import load

ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / "examples" / "distributed_fit.py"


def options(folder):
    return ["--series", "60", "--epochs", "2", "--output", str(folder)]


def test_alone(tmp_path, capsys):
    load_script(SCRIPT).main(options(tmp_path))
    assert capsys.readouterr().out.startswith("1 processes, 2 epochs, 4 steps each")


@pytest.mark.slow
def test_two_processes(tmp_path):
    launch = ["accelerate.commands.launch", "--multi_gpu", "--num_processes", "2"]
    settings = ["--num_machines", "1", "--mixed_precision", "no", "--dynamo_backend", "no"]
    command = [*launch, *settings, "--main_process_port", "0", str(SCRIPT), *options(tmp_path)]
    result = subprocess.run(
        [sys.executable, "-m", *command],
        env={**os.environ, "ACCELERATE_USE_CPU": "true", "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert result.returncode == 0, result.stderr
    assert result.stdout.startswith("2 processes, 2 epochs, 2 steps each")  # of 54 series, 32 each
    assert result.stdout.count("processes") == 1
    history = load(tmp_path / "distributed.tsd").history_
    assert [row["train_batch_count"] for row in history] == [2, 2]
