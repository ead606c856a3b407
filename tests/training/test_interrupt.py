"""Ctrl-C waits for the caller once, and only where that is wanted."""

import signal
import threading

import pytest

from anchordiff.training.interrupt import deferred_interrupt


def test_the_first_press_is_told_and_the_second_interrupts(ctrl_c):
    with deferred_interrupt(wanted=True) as pressed:
        assert not pressed()
        ctrl_c()
        assert pressed()
        with pytest.raises(KeyboardInterrupt):
            ctrl_c()
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_where_it_is_not_wanted_nothing_changes(ctrl_c):
    with deferred_interrupt(wanted=False) as pressed:
        with pytest.raises(KeyboardInterrupt):
            ctrl_c()
        assert not pressed()


def test_a_handler_of_the_callers_own_stays(ctrl_c):
    seen: list[int] = []
    before = signal.signal(signal.SIGINT, lambda number, frame: seen.append(number))
    try:
        with deferred_interrupt(wanted=True) as pressed:
            ctrl_c()
            assert not pressed()
    finally:
        signal.signal(signal.SIGINT, before)
    assert seen == [signal.SIGINT]


def test_other_threads_are_left_alone(ctrl_c):
    said: list[bool] = []

    def work() -> None:
        with deferred_interrupt(wanted=True) as pressed:
            said.append(pressed())

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert said == [False]
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
