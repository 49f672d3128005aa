"""How the scripts of this folder take time and memory, and keep their rows and tables."""

import json
import statistics
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from benchmarks.tables.rows import change_json, metadata

MEGABYTE = 2**20


def seconds(function: Callable[[], Any]) -> float:
    """Processor seconds, so that other work on the machine does not count."""
    start = time.process_time()
    function()
    return time.process_time() - start


def interleave(sides: Mapping[str, Callable[[], Any]], rounds: int) -> dict[str, list[float]]:
    """Seconds of each side, all of them in every round; one round before them to warm up."""
    times: dict[str, list[float]] = {name: [] for name in sides}
    for number in range(rounds + 1):
        for name, function in sides.items():
            spent = seconds(function)
            if number:
                times[name].append(spent)
    return times


def quartiles(times: list[float]) -> list[float]:
    """First quartile, median and third quartile."""
    if len(times) < 2:
        return times * 3
    return statistics.quantiles(times, n=4, method="inclusive")


def own_memory() -> int:
    """Bytes that belong to the process itself: no files, no shared pages (Linux)."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("RssAnon"):
            return 1024 * int(line.split()[1])
    raise OSError("/proc/self/status has no RssAnon; the measurement needs Linux 4.5 or later.")


def watch(function: Callable[[], Any]) -> tuple[float, float]:
    """Highest growth of the process's memory while a function runs, in MB, and its seconds."""
    before = peak = own_memory()
    done = threading.Event()

    def look() -> None:
        nonlocal peak
        while not done.wait(0.005):
            peak = max(peak, own_memory())

    watcher = threading.Thread(target=look)
    watcher.start()
    start = time.process_time()
    try:
        function()
    finally:
        done.set()
        watcher.join()
    return (peak - before) / MEGABYTE, time.process_time() - start


def marks(script: str) -> tuple[str, str]:
    """What stands before and after the tables of a script in a page.

    Examples
    --------
    >>> marks("speed.py")
    ('<!-- tables by benchmarks/speed.py -->', '<!-- end of tables by benchmarks/speed.py -->')
    """
    return (
        f"<!-- tables by benchmarks/{script} -->",
        f"<!-- end of tables by benchmarks/{script} -->",
    )


def shown_tables(page: Path, script: str) -> str:
    """Tables of a script that a page shows."""
    start, end = marks(script)
    return page.read_text().split(start)[1].split(end)[0].strip()


def write_tables(page: Path, script: str, text: str) -> None:
    """Replace the tables of a script in a page."""
    start, end = marks(script)
    before, rest = page.read_text().split(start)
    _, after = rest.split(end)
    page.write_text(f"{before}{start}\n\n{text}\n\n{end}{after}")


# -- results that grow row by row ---------------------------------------------------------------


def read_rows(path: Path) -> list[dict[str, Any]]:
    """Rows that were measured."""
    return json.loads(path.read_text())["rows"] if path.exists() else []


def add_row(path: Path, row: dict[str, Any]) -> None:
    """Write a row after the others; two scripts may do so at a time."""
    change_json(path, lambda old: {"meta": metadata(), "rows": [*old.get("rows", []), row]})
