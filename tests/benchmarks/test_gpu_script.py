"""The command for GPU machines: what it starts, with a Python that only writes that down."""

import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[2]
RECORDER = """#!/usr/bin/env bash
echo "$*" >> "{log}"
[[ "$*" != *"{broken}"* ]]
"""


def start(tmp_path, *arguments, broken="nothing at all"):
    """Exit code, and a line for each start of Python."""
    (tmp_path / "benchmarks").mkdir()
    script = tmp_path / "benchmarks" / "gpu.sh"  # it works in the folder above its own
    script.write_text((ROOT / "benchmarks" / "gpu.sh").read_text())
    log, python = tmp_path / "log", tmp_path / "python"
    python.write_text(RECORDER.format(log=log, broken=broken))
    python.chmod(0o755)
    result = subprocess.run(
        ["bash", str(script), *arguments], env={"PYTHON": str(python), "PATH": "/usr/bin:/bin"}
    )
    return result.returncode, log.read_text().splitlines()


def test_every_script_is_there_and_gets_the_device(tmp_path):
    code, lines = start(tmp_path, "cuda:1", "--seeds", "2")
    assert code == 0
    starts = [line for line in lines if line.startswith(("benchmarks/", "examples/"))]
    scripts = [line.split()[0] for line in starts]
    tables = {path.name for path in ROOT.glob("*/table*.py")}
    assert {Path(script).name for script in scripts} == {"precision.py"} | tables
    assert all((ROOT / script).exists() for script in scripts)
    assert all("--device cuda:1" in line for line in starts)
    assert all(line.endswith("--seeds 2") for line in lines if "table" in line)
    assert (tmp_path / "benchmarks" / "results" / "precision-cuda-1.jsonl").exists()


def test_a_quick_look_writes_elsewhere(tmp_path):
    _, lines = start(tmp_path, "cpu", "--quick")
    assert all("--preset cpu" in line for line in lines if "table1" in line or "table2" in line)
    assert all(line.endswith("--quick") for line in lines if "table" in line)
    assert (tmp_path / "benchmarks" / "results" / "quick" / "precision-cpu.jsonl").exists()


def test_what_fails_does_not_stop_the_rest(tmp_path):
    code, lines = start(tmp_path, broken="table1")
    assert code == 1
    assert "table7" in lines[-1]


def test_a_device_that_is_not_there_stops_it(tmp_path):
    code, lines = start(tmp_path, "cuda", broken="torch.empty")
    assert code == 2
    assert len(lines) == 1
