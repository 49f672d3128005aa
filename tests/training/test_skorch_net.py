import signal
import threading

import pytest

from tsdisentangle.training.skorch_net import record_sigint


def test_ctrl_c_is_noted_and_raised():
    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt), record_sigint() as noted:
        signal.raise_signal(signal.SIGINT)
    assert noted == [signal.SIGINT]
    assert signal.getsignal(signal.SIGINT) is before


def test_a_raised_one_is_not_noted():
    with pytest.raises(KeyboardInterrupt), record_sigint() as noted:
        raise KeyboardInterrupt
    assert noted == []


def test_the_users_own_handler_is_asked(monkeypatch):
    asked = []
    before = signal.signal(signal.SIGINT, lambda number, frame: asked.append(number))
    try:
        with record_sigint() as noted:
            signal.raise_signal(signal.SIGINT)
        assert (asked, noted) == ([signal.SIGINT], [])  # it did not raise
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        with record_sigint() as noted:
            assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, before)


def test_other_threads_leave_the_handler_alone():
    seen = []

    def look():
        with record_sigint():
            seen.append(signal.getsignal(signal.SIGINT))

    before = signal.getsignal(signal.SIGINT)
    thread = threading.Thread(target=look)
    thread.start()
    thread.join()
    assert seen == [before]
