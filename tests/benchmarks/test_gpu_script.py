"""The command for GPU machines: what it starts, with a Python that only writes that down."""

import subprocess
from pathlib import Path

from benchmarks.tables.rows import TABLES
from benchmarks.tables.runner import parse

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


def test_every_table_is_measured_and_gets_the_device(tmp_path):
    code, lines = start(tmp_path, "cuda:1", "--seeds", "2")
    assert code == 0
    (speed,) = [line for line in lines if line.startswith("benchmarks/")]
    assert (ROOT / speed.split()[0]).exists()
    assert "--device cuda:1" in speed
    commands = [line for line in lines if line.startswith("-m benchmarks.tables ")]
    options = [parse(line.split()[2:]) for line in commands]
    assert [table for each in options for table in each.tables] == list(TABLES)
    assert all((each.device, each.seeds) == ("cuda:1", 2) for each in options)
    assert [each.preset for each in options if each.preset] == ["full"] * 2
    assert (tmp_path / "benchmarks" / "results" / "precision-cuda-1.jsonl").exists()


def test_the_tests_that_it_starts_are_there(tmp_path):
    _, lines = start(tmp_path)
    (tests,) = [line for line in lines if line.startswith("-m pytest")]
    files = [part for part in tests.split() if part.startswith("tests/")]
    assert len(files) == 2
    assert all((ROOT / file).exists() for file in files)


def test_a_quick_look_writes_elsewhere(tmp_path):
    _, lines = start(tmp_path, "cpu", "--quick")
    options = [parse(line.split()[2:]) for line in lines if "benchmarks.tables" in line]
    assert [each.preset for each in options if each.preset] == ["cpu"] * 2
    assert all(each.quick for each in options)
    assert (tmp_path / "benchmarks" / "results" / "quick" / "precision-cpu.jsonl").exists()


def test_what_fails_does_not_stop_the_rest(tmp_path):
    code, lines = start(tmp_path, broken="tables 1")
    assert code == 1
    assert "tables 8" in lines[-1]


def test_a_device_that_is_not_there_stops_it(tmp_path):
    code, lines = start(tmp_path, "cuda", broken="torch.empty")
    assert code == 2
    assert len(lines) == 1
