"""What the fuzz targets share: a seed corpus, the number of runs, and where crashes are kept."""

import argparse
import sys
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path

import atheris

HERE = Path(__file__).parent
MEMORY_LIMIT = 4096  # MB; more is a crash
TIMEOUT = 60  # seconds per input; more is a crash


def fuzz(
    name: str,
    target: Callable[[bytes], None],
    seeds: Iterable[bytes],
    mutator: Callable[[bytes, int, int], bytes] | None = None,
    words: Iterable[bytes] = (),
) -> None:
    """Run a target on mutations of seeds until it crashes or the runs are done; never returns.

    Inputs that reach new code are kept in ``fuzz/corpus/<name>``, where the next run begins, and
    those that crash in ``fuzz/crashes``.

    Parameters
    ----------
    name : str
        Of the corpus.
    target : callable
        Takes an input; an exception from it is a crash.
    seeds : iterable of bytes
        Good inputs.
    mutator : callable, default=None
        Takes an input, the largest size and a seed; returns another input. None means bytes at
        random.
    words : iterable of bytes
        Tokens of the format, for libFuzzer's dictionary.
    """
    parser = argparse.ArgumentParser()
    parser.add_argument("--runs", type=int, default=100_000, help="inputs to try")
    parser.add_argument("--seconds", type=int, default=0, help="stop after that time; 0 is never")
    options = parser.parse_args()
    corpus, crashes = HERE / "corpus" / name, HERE / "crashes"
    for folder in (corpus, crashes):
        folder.mkdir(parents=True, exist_ok=True)
    for number, seed in enumerate(seeds):
        (corpus / f"seed{number}").write_bytes(seed)
    words_file = HERE / "corpus" / f"{name}.dict"
    words_file.write_text("".join(f'"{_escaped(word)}"\n' for word in words))
    arguments = [
        sys.argv[0],
        f"-runs={options.runs}",
        f"-max_total_time={options.seconds}",
        f"-dict={words_file}",
        f"-artifact_prefix={crashes}/{name}-",
        f"-rss_limit_mb={MEMORY_LIMIT}",
        f"-timeout={TIMEOUT}",
        "-max_len=65536",
        "-print_final_stats=1",
        str(corpus),
    ]
    atheris.Setup(arguments, target, custom_mutator=mutator)
    atheris.Fuzz()


def scratch(name: str) -> Path:
    """Return a path for the file of one input, in memory where the machine has such a folder."""
    memory = Path("/dev/shm")
    folder = tempfile.mkdtemp(dir=memory if memory.is_dir() else None)
    return Path(folder, name)


def _escaped(word: bytes) -> str:
    return "".join(f"\\x{byte:02x}" for byte in word)
