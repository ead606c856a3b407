"""Ctrl-C, and the signal by which clusters end jobs, at a moment when nothing is lost."""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType


@contextmanager
def deferred_interrupt(*, wanted: bool) -> Iterator[Callable[[], bool]]:
    """Give a function that says whether SIGINT (Ctrl-C) or SIGTERM came; the second one acts at once, as ever.

    Nothing changes where it is not wanted, outside the main thread, and for a signal that the caller has a handler for.
    """
    in_main = threading.current_thread() is threading.main_thread()
    handlers = {signal.SIGINT: signal.default_int_handler, signal.SIGTERM: signal.SIG_DFL}
    taken = {number: usual for number, usual in handlers.items() if signal.getsignal(number) is usual}
    if not (wanted and in_main and taken):
        yield lambda: False
        return
    asked = False

    def give_back() -> None:
        for number, handler in taken.items():
            signal.signal(number, handler)

    def remember(_number: int, _frame: FrameType | None) -> None:
        nonlocal asked
        asked = True
        give_back()

    for number in taken:
        signal.signal(number, remember)
    try:
        yield lambda: asked
    finally:
        give_back()
