"""Breadth-first search on 32 words of 32 cells, in vector registers from the first round to the last.

Written for the compiler's own language: between two rounds of a loop over arrays the words would go through memory,
which takes longer than the round.
"""

from collections.abc import Callable
from typing import Any

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

SIDE = 32
# Where `flood` finds its words. Between fronts is one more, always 0: the row below the one and above the other.
UNSEEN, TARGET, FRONTS = 0, SIDE, 2 * SIDE
STRIDE = SIDE + 1

_WORD = ir.IntType(32)
_INDEX = ir.IntType(64)
_GRID = ir.VectorType(_WORD, SIDE)
_NOTHING = ir.Constant(_GRID, None)


def _is_any(builder: Any, grid: Any) -> Any:
    """Whether a bit is set."""
    rows = builder.bitcast(builder.icmp_unsigned("!=", grid, _NOTHING), _WORD)
    return builder.icmp_unsigned("!=", rows, ir.Constant(_WORD, 0))


def _neighbours(builder: Any, grid: Any) -> Any:
    """All cells beside, above and below those that are set."""
    one = ir.Constant(_GRID, [ir.Constant(_WORD, 1)] * SIDE)

    def moved(first: int) -> Any:
        places = [ir.Constant(_WORD, (first + row) % (2 * SIDE)) for row in range(SIDE)]
        return builder.shuffle_vector(grid, _NOTHING, ir.Constant(ir.VectorType(_WORD, SIDE), places))

    beside = builder.or_(builder.shl(grid, one), builder.lshr(grid, one))
    return builder.or_(beside, builder.or_(moved(1), moved(-1)))


@intrinsic
def flood(typing_context: Any, words: Any) -> tuple[Any, Callable[..., Any]]:
    """Spread the first front over the unseen cells until it meets the target; nothing is checked.

    The array `words` of uint32 holds the free cells but for those of the first front, from `UNSEEN` on; the cells to
    reach, from `TARGET` on; and the fronts: row r of that of round n lies in place FRONTS + n STRIDE + r + 1. The first
    one is given. Returns the round whose front meets the target, or -1.
    """

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        data = context.make_array(signature.args[0])(context, builder, arguments[0]).data

        def place(index: Any) -> Any:
            return builder.bitcast(builder.gep(data, [index]), _GRID.as_pointer())

        def number(value: int) -> Any:
            return ir.Constant(_INDEX, value)

        before = builder.block
        turn, spread, done = (builder.append_basic_block(name) for name in ("turn", "spread", "done"))
        target = builder.load(place(number(TARGET)), align=4)
        incoming = (
            number(0),
            number(FRONTS),
            builder.load(place(number(FRONTS + 1)), align=4),
            builder.load(place(number(UNSEEN)), align=4),
        )
        builder.branch(turn)

        builder.position_at_end(turn)
        round_number, at, front, unseen = (builder.phi(value.type) for value in incoming)
        builder.store(ir.Constant(_WORD, 0), builder.gep(data, [at]))
        builder.store(front, place(builder.add(at, number(1))), align=4)
        builder.cbranch(_is_any(builder, builder.and_(front, target)), done, spread)

        builder.position_at_end(spread)
        reached = builder.and_(_neighbours(builder, front), unseen)
        following = (
            builder.add(round_number, number(1)),
            builder.add(at, number(STRIDE)),
            reached,
            builder.xor(unseen, reached),
        )
        for phi, first, later in zip((round_number, at, front, unseen), incoming, following, strict=True):
            phi.add_incoming(first, before)
            phi.add_incoming(later, spread)
        builder.cbranch(_is_any(builder, reached), turn, done)

        builder.position_at_end(done)
        found = builder.phi(_INDEX)
        found.add_incoming(round_number, turn)
        found.add_incoming(number(-1), spread)
        return found

    return types.int64(words), generate
