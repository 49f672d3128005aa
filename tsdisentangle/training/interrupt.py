"""Tell Ctrl-C from a callback that ends training: both are a ``KeyboardInterrupt``."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def noticed_ctrl_c() -> Iterator[list[int]]:
    """Note each Ctrl-C inside the block that the handler which was there raises something for.

    Yields
    ------
    list of int
        The signals so far. Stays empty where that handler keeps the signal to itself, in other
        threads than the main one, where Python delivers no signal, and where the process has no
        handler of Python's.
    """
    noted: list[int] = []
    before = signal.getsignal(signal.SIGINT)
    if threading.current_thread() is not threading.main_thread() or not callable(before):
        yield noted
        return

    def handle(number: int, frame: Any) -> None:
        try:
            before(number, frame)
        except BaseException:
            noted.append(number)
            raise

    signal.signal(signal.SIGINT, handle)
    try:
        yield noted
    finally:
        signal.signal(signal.SIGINT, before)
