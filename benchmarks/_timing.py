"""Timing that survives a busy machine: interleaved runs, medians, ratios."""

import gc
import json
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

Work = Callable[[], object]
Clock = Callable[[], float]


@dataclass(frozen=True, kw_only=True)
class Row:
    """One line of a table of ratios.

    Attributes:
        work: what is done once.
        seconds: median time of doing it with anchordiff.
        peers: the same for each peer.
        targets: how many times as long as anchordiff a peer should take at least.
        note: what a reader must know to compare.
    """

    work: str
    seconds: float
    peers: Mapping[str, float]
    targets: Mapping[str, float] = field(default_factory=dict)
    note: str = ""

    def ratio(self, peer: str) -> float:
        """How many times as long a peer takes."""
        return self.peers[peer] / self.seconds


def interleaved_medians(
    works: Mapping[str, Work],
    *,
    per_run: int = 1,
    rounds: int = 60,
    seconds: float = 0.004,
    limit: float = 20.0,
    clock: Clock = time.perf_counter,
) -> dict[str, float]:
    """Median time of each work, all of them measured in turn, round by round.

    Args:
        works: what to time, by name; each is run once before to warm up.
        per_run: how many items one run handles; times are given per item.
        rounds: number of rounds at most (at least 3 are made).
        seconds: how long one measurement lasts at least; short works are repeated within it.
        limit: after this many seconds no further round is begun.
        clock: `time.perf_counter`; or `time.thread_time`, the processor time of the calling thread, where all works
            run on one thread, so that other programs on the machine count less.
    """
    loops = {}
    for name, work in works.items():
        work()
        begin = time.perf_counter()
        work()
        loops[name] = max(1, round(seconds / max(time.perf_counter() - begin, 1e-9)))
    times: dict[str, list[float]] = {name: [] for name in works}
    first = time.perf_counter()
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        for number in range(rounds):
            if number >= 3 and time.perf_counter() - first > limit:
                break
            for name, work in works.items():
                count = loops[name]
                begin = clock()
                for _ in range(count):
                    work()
                times[name].append((clock() - begin) / (count * per_run))
    finally:
        if was_enabled:
            gc.enable()
    return {name: statistics.median(values) for name, values in times.items()}


def compare(
    work: str,
    ours: Work,
    peers: Mapping[str, Work],
    *,
    targets: Mapping[str, float] | None = None,
    note: str = "",
    per_run: int = 1,
    rounds: int = 60,
    seconds: float = 0.004,
    limit: float = 20.0,
    clock: Clock = time.perf_counter,
) -> Row:
    """Time our work and the peers' in one interleaved run; the options are those of `interleaved_medians`."""
    works = {"anchordiff": ours, **peers}
    medians = interleaved_medians(
        works, per_run=per_run, rounds=rounds, seconds=seconds, limit=limit, clock=clock
    )
    own = medians.pop("anchordiff")
    return Row(work=work, seconds=own, peers=medians, targets=dict(targets or {}), note=note)


def format_seconds(seconds: float) -> str:
    """A time with three digits and the unit that suits it."""
    for unit, scale in (("s", 1.0), ("ms", 1e-3), ("µs", 1e-6)):
        if seconds >= scale:
            return f"{seconds / scale:.3g} {unit}"
    return f"{seconds / 1e-9:.3g} ns"


def format_table(rows: Sequence[Row]) -> str:
    """The rows as a Markdown table: a peer's time over ours, and the ratio that was asked for."""
    lines = ["| work | anchordiff | peers, times as long | asked |", "|---|---|---|---|"]
    for row in rows:
        ratios = ", ".join(f"{peer} {row.ratio(peer):.3g}" for peer in sorted(row.peers, key=row.ratio))
        asked = ", ".join(
            f"{peer} ≥ {least:g} {'reached' if row.ratio(peer) >= least else 'MISSED'}"
            for peer, least in row.targets.items()
        )
        name = f"{row.work} ({row.note})" if row.note else row.work
        lines.append(f"| {name} | {format_seconds(row.seconds)} | {ratios} | {asked} |")
    return "\n".join(lines)


def write_json(rows: Sequence[Row], path: Path, *, machine: Mapping[str, str] | None = None) -> None:
    """Write times and ratios to a file."""
    content = {
        "machine": dict(machine or {}),
        "rows": [asdict(row) | {"ratios": {peer: row.ratio(peer) for peer in row.peers}} for row in rows],
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content, indent=2) + "\n")
