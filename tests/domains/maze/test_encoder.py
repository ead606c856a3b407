"""The maze encoder: any size, one element at a time, local, and blind to where the grid begins."""

import math
from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from anchordiff.domains.maze.condition import MazeCondition
from anchordiff.domains.maze.config import MazeEncoderConfig
from anchordiff.domains.maze.encoder import MazeEncoder, MazeScene
from anchordiff.domains.maze.judge import MazeJudge
from anchordiff.nn.frame import Frame
from anchordiff.states import StateSpace

CONFIG = MazeEncoderConfig(map_channels=6, convolution_blocks=1, cell_channels=8, attention_channels=8)
PLAIN = replace(CONFIG, value_iteration=False)
FAR_SIGHTED = replace(CONFIG, farthest=900.0, log_distances=True, plan_blocks=2)
REACH = 3  # cells that one block after the first convolution looks in each direction


@pytest.fixture(scope="module", params=[CONFIG, FAR_SIGHTED], ids=["near", "far"])
def encoder(roughen, request):
    torch.manual_seed(0)
    return roughen(MazeEncoder(request.param, StateSpace())).requires_grad_(requires_grad=False)


@pytest.fixture(scope="module")
def local_encoder(roughen):
    torch.manual_seed(0)
    return roughen(MazeEncoder(PLAIN, StateSpace())).requires_grad_(requires_grad=False)


def assert_same(a: MazeScene, b: MazeScene) -> None:
    for name in ("cells", "keys", "values", "distances", "scalars"):
        torch.testing.assert_close(getattr(a, name), getattr(b, name), atol=1e-4, rtol=1e-4)


@settings(max_examples=15)
@given(rows=st.integers(3, 14), cols=st.integers(3, 14), batch=st.integers(1, 3))
def test_mazes_of_any_size_are_encoded_cell_by_cell(encoder, mazes, rows, cols, batch):
    scene = encoder(mazes(batch, rows, cols))
    assert scene.cells.shape == (batch, rows * cols, 8)
    assert scene.keys.shape == scene.values.shape == (batch, 4, rows * cols, 2)
    assert scene.distances.shape == (batch, 2, rows, cols)
    assert scene.scalars.shape == (batch, encoder.sizes.scalar_size)
    assert (scene.rows, scene.cols, len(scene)) == (rows, cols, batch)
    assert bool(torch.isfinite(scene.cells).all())


def test_elements_do_not_see_each_other_or_their_order(encoder, mazes):
    condition = mazes(4, 7, 9)
    whole = encoder(condition)
    order = torch.tensor([2, 0, 3, 1])
    assert_same(encoder(condition[order]), whole[order])
    for element in range(4):
        assert_same(encoder(condition[[element]]), whole[[element]])


def test_start_and_goal_matter_to_all_cells_and_swap_their_distances(encoder, mazes):
    condition = mazes(1, 7, 9)
    swapped = replace(condition, start=condition.goal, goal=condition.start)
    there, back = encoder(condition), encoder(swapped)
    torch.testing.assert_close(there.distances.flip(1), back.distances)
    assert float((there.cells - back.cells).abs().amax(dim=-1).min()) > 1e-3


def test_distances_are_zero_at_the_ends_and_count_steps_at_first(mazes):
    condition = mazes(2, 7, 9)
    distances = MazeEncoder(CONFIG, StateSpace())(condition).distances
    rows, cols = torch.arange(7)[:, None], torch.arange(9)
    for element, (start, goal) in enumerate(zip(condition.start.long(), condition.goal.long(), strict=True)):
        for channel, (x, y) in enumerate((start, goal)):
            steps = torch.maximum((rows - y).abs(), (cols - x).abs()).float()
            torch.testing.assert_close(distances[element, channel], steps)


def test_without_planning_a_wall_is_seen_only_around_it(local_encoder, mazes):
    condition = mazes(1, 15, 17)
    walls = condition.walls.clone()
    walls[0, 7, 8] = ~walls[0, 7, 8]
    before, after = local_encoder(condition).cells, local_encoder(replace(condition, walls=walls)).cells
    changed = (before - after).abs().amax(dim=-1).view(15, 17) > 1e-7
    rows, cols = torch.arange(15)[:, None], torch.arange(17)
    near = torch.maximum((rows - 7).abs(), (cols - 8).abs()) <= REACH
    assert bool(changed[7, 8])
    assert not bool((changed & ~near).any())


def test_planning_sees_a_wall_from_far_away(encoder, mazes):
    condition = mazes(1, 15, 17)
    walls = condition.walls.clone()
    walls[0, 7] = ~walls[0, 7]
    before, after = encoder(condition).cells, encoder(replace(condition, walls=walls)).cells
    changed = (before - after).abs().amax(dim=-1).view(15, 17) > 1e-6
    assert bool(changed[-1].any())


@pytest.mark.parametrize(("down", "right"), [(1, 0), (0, 2), (2, 1)])
def test_moving_everything_moves_the_features(local_encoder, generator, down, right):
    rows = cols = 18
    walls = torch.rand(1, rows, cols, generator=generator) < 0.3
    sdf = torch.randn(1, rows, cols, generator=generator)
    start, goal = torch.tensor([[6.3, 7.6]]), torch.tensor([[11.7, 9.2]])
    moved = MazeCondition(
        walls=walls.roll((down, right), (1, 2)),
        sdf=sdf.roll((down, right), (1, 2)),
        start=start + torch.tensor([right, down]),
        goal=goal + torch.tensor([right, down]),
    )
    before = local_encoder(MazeCondition(walls=walls, sdf=sdf, start=start, goal=goal)).cells
    after = local_encoder(moved).cells.view(1, rows, cols, -1)
    back = after.roll((-down, -right), (1, 2))
    inner = slice(REACH + 2, -REACH - 2)  # farther than the border can be seen
    expected = before.view(1, rows, cols, -1)[:, inner, inner]
    torch.testing.assert_close(back[:, inner, inner], expected, atol=1e-4, rtol=1e-4)


def scene_of(random: torch.Generator, rows: int, cols: int, *, velocities: bool = False) -> MazeScene:
    """Two mazes with random features of cells."""
    none = torch.zeros(2, 0, rows * cols, 0)
    ends = torch.zeros(2, 2)
    return MazeScene(
        cells=torch.randn(2, rows * cols, 3, generator=random), keys=none, values=none, start=ends, goal=ends,
        distances=torch.zeros(2, 0, rows, cols), scalars=torch.zeros(2, 3), rows=rows, cols=cols,
        states=StateSpace(velocities=velocities),
    )  # fmt: skip


@given(seed=st.integers(0, 2**31), copies=st.integers(1, 3), rows=st.integers(1, 5), cols=st.integers(1, 5))
def test_looking_is_direct_indexing(seed, copies, rows, cols):
    random = torch.Generator().manual_seed(seed)
    scene = scene_of(random, rows, cols)
    cells = scene.cells
    points = 8 * torch.rand(2 * copies, 4, 2, generator=random) - 2
    found = scene.look(points)
    assert torch.equal(scene.look(torch.cat([points, points], dim=2)), found)  # velocities are not read
    for sample in range(2 * copies):
        for point in range(4):
            x, y = points[sample, point].tolist()
            row, col = min(max(int(y // 1), 0), rows - 1), min(max(int(x // 1), 0), cols - 1)
            here = found[sample, point]
            assert torch.equal(here[:3], cells[sample // copies, row * cols + col])
            offset = 2 * torch.tensor([x % 1, y % 1]) - 1
            torch.testing.assert_close(here[3:5], offset, atol=1e-5, rtol=1e-5)
            torch.testing.assert_close(here[5], (torch.pi * offset[0]).sin(), atol=1e-4, rtol=1e-4)


def test_what_is_left_out_has_no_channels(mazes):
    config = replace(PLAIN, attention_channels=0)
    encoder = config.build(StateSpace())
    scene = encoder(mazes(2, 5, 6))
    assert scene.keys.numel() == scene.values.numel() == scene.distances.numel() == 0
    found = scene.look(torch.ones(4, 3, 2))
    assert found.shape == (4, 3, config.look_size)
    assert config.attention[0] == 0
    assert not [name for name, _ in encoder.named_parameters() if "value_iteration" in name]


@given(seed=st.integers(0, 2**31), copies=st.integers(1, 3), framed=st.booleans(), velocities=st.booleans())
def test_the_compiled_look_sees_what_the_other_sees(seed, copies, framed, velocities):
    random = torch.Generator().manual_seed(seed)
    scene = scene_of(random, 4, 5, velocities=velocities)
    times = torch.rand(2 * copies, 6, generator=random)
    ends = 5 * torch.rand(2, 2 * copies, 2, generator=random)
    frame = Frame.bridge(*ends, times, states=scene.states, horizon=20) if framed else None
    estimate = 2 * torch.randn(2 * copies, 6, scene.states.dim, generator=random)
    states = estimate if frame is None else frame.denormalise(estimate)
    found = scene.compiled_look(frame, tuple(estimate.shape))(estimate.numpy())
    # Where a position lies on the edge of a cell by rounding, either cell is right.
    inside = (states[..., :2] - states[..., :2].round()).abs().amin(dim=-1) > 1e-4
    torch.testing.assert_close(
        torch.from_numpy(found)[inside], scene.look(states)[inside], atol=1e-4, rtol=1e-4
    )


def test_scalars_are_the_way_over_the_reach_and_its_length(mazes):
    condition = mazes(3, 7, 9)
    scalars = MazeEncoder(PLAIN, StateSpace(reach=10.0))(condition).scalars
    torch.testing.assert_close(scalars[:, :2], (condition.goal - condition.start) / 10)
    torch.testing.assert_close(scalars[:, 2], (condition.goal - condition.start).norm(dim=1) / 10)


def corridor(length):
    """One straight way, from one end to the other."""
    walls = torch.ones(1, 3, length + 2, dtype=torch.bool)
    walls[0, 1, 1:-1] = False
    return MazeCondition(
        walls=walls, sdf=torch.zeros_like(walls, dtype=torch.float32),
        start=torch.tensor([[1.5, 1.5]]), goal=torch.tensor([[length + 0.5, 1.5]]),
    )  # fmt: skip


@torch.no_grad()
def test_far_sighted_the_whole_trajectory_is_told_how_long_the_plan_is():
    torch.manual_seed(0)
    encoder = MazeEncoder(FAR_SIGHTED, StateSpace())
    scene = encoder(corridor(500))
    assert float(scene.scalars[0, 3]) == pytest.approx(math.log(500) / math.log(901), abs=1e-5)
    assert float(scene.length()) == pytest.approx(499)
    assert MazeEncoder(PLAIN, StateSpace())(corridor(5)).length() is None
    # And two cells far from both ends are told apart.
    apart = []
    for config in (FAR_SIGHTED, CONFIG):
        torch.manual_seed(0)
        encoder = MazeEncoder(replace(config, farthest=900.0, plan_blocks=0), StateSpace(reach=1e6))
        cells = encoder(corridor(500)).cells[0].view(3, 502, -1)
        apart.append(float((cells[1, 180] - cells[1, 183]).abs().max()))
    assert apart[0] > 4 * apart[1]


@torch.no_grad()
def test_convolutions_over_the_plan_begin_as_nothing_and_then_see_the_cells_around(mazes):
    condition = mazes(1, 9, 11)
    plain = replace(FAR_SIGHTED, plan_blocks=0)
    encoder, without = MazeEncoder(FAR_SIGHTED, StateSpace()), MazeEncoder(plain, StateSpace())
    without.load_state_dict(encoder.state_dict(), strict=False)
    for block in encoder.plan_blocks:
        torch.nn.init.zeros_(block.second.bias)
    torch.testing.assert_close(encoder(condition).cells, without(condition).cells)
    torch.nn.init.normal_(encoder.plan_blocks[0].second.weight)
    assert float((encoder(condition).cells - without(condition).cells).abs().min()) > 0


@pytest.mark.parametrize("velocities", [False, True])
def test_the_frame_of_a_scene_knows_both_ends(mazes, velocities):
    condition = mazes(2, 7, 9)
    scene = MazeEncoder(PLAIN, StateSpace(velocities=velocities, scale=3.0))(condition)
    frame = scene.frame(torch.linspace(0, 1, 5).expand(4, -1), horizon=5)
    pinned = frame.pin(torch.zeros(4, 5, scene.states.dim))
    assert torch.equal(pinned[:, 0, :2], condition.start.repeat_interleave(2, dim=0))
    assert torch.equal(pinned[:, -1, :2], condition.goal.repeat_interleave(2, dim=0))
    assert int(frame.is_known.sum()) == 4 * 2 * 2
    assert frame.scale[:2].tolist() == [3.0, 3.0]
    with pytest.raises(ValueError, match="times must have a multiple of the 2 conditions"):
        scene.frame(torch.zeros(3, 5), horizon=5)


def test_a_maze_is_planned_in_by_its_judge_and_needs_two_positions():
    assert MazeEncoder(PLAIN, StateSpace()).judge() == MazeJudge()
    for states in (StateSpace(positions=3), StateSpace(angles=(0,))):
        with pytest.raises(ValueError, match=r"states must have the positions \(x, y\), found StateSpace"):
            PLAIN.build(states)
