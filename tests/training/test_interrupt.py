"""Ctrl-C waits for the caller once, and only where that is wanted."""

import signal
import threading

import pytest

from anchordiff.training.interrupt import deferred_interrupt


def press() -> None:
    signal.raise_signal(signal.SIGINT)


def test_the_first_press_is_told_and_the_second_interrupts():
    with deferred_interrupt(wanted=True) as pressed:
        assert not pressed()
        press()
        assert pressed()
        with pytest.raises(KeyboardInterrupt):
            press()
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_where_it_is_not_wanted_nothing_changes():
    with deferred_interrupt(wanted=False) as pressed:
        with pytest.raises(KeyboardInterrupt):
            press()
        assert not pressed()


def test_a_handler_of_the_callers_own_stays():
    seen: list[int] = []
    before = signal.signal(signal.SIGINT, lambda number, frame: seen.append(number))
    try:
        with deferred_interrupt(wanted=True) as pressed:
            press()
            assert not pressed()
    finally:
        signal.signal(signal.SIGINT, before)
    assert seen == [signal.SIGINT]


def test_other_threads_are_left_alone():
    said: list[bool] = []

    def work() -> None:
        with deferred_interrupt(wanted=True) as pressed:
            said.append(pressed())

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert said == [False]
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
