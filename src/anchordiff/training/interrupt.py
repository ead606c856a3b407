"""Ctrl-C at a moment when nothing is lost."""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType


@contextmanager
def deferred_interrupt(*, wanted: bool) -> Iterator[Callable[[], bool]]:
    """Give a function that says whether Ctrl-C was pressed; the second time it interrupts at once, as ever.

    Nothing changes where it is not wanted, outside the main thread, and where the caller has a handler of its own.
    """
    usual = threading.current_thread() is threading.main_thread()
    if not (wanted and usual and signal.getsignal(signal.SIGINT) is signal.default_int_handler):
        yield lambda: False
        return
    pressed = False

    def remember(_number: int, _frame: FrameType | None) -> None:
        nonlocal pressed
        pressed = True
        signal.signal(signal.SIGINT, signal.default_int_handler)

    signal.signal(signal.SIGINT, remember)
    try:
        yield lambda: pressed
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)
