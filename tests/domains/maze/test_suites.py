import pytest
import torch

from anchordiff.domains.maze import SUITES, ParticleMazeConfig, Suite, find_suite, is_success

NAMES = ["particle-21", "perfect-21", "rooms-21", "particle-31", "perfect-31", "particle-61", "symmetric-21"]


@pytest.mark.parametrize("name", NAMES)
def test_experts_solve_every_suite(name):
    suite = find_suite(name)
    batch = suite.load(range(50))
    side = int(name[-2:])
    assert suite.size == 1000
    assert batch.condition.walls.shape == (50, side, side)
    assert is_success(batch.condition, batch.trajectory).all()


@pytest.mark.parametrize("name", ["particle-21", "symmetric-21"])
def test_mazes_depend_on_the_index_alone(name):
    suite = SUITES[name]
    whole, part = suite.load(range(20)), suite.load(range(5, 9), horizon=17, dim=4)
    assert part.trajectory.shape == (4, 17, 4)
    for name in ("walls", "start", "goal"):
        assert torch.equal(getattr(part.condition, name), getattr(whole.condition, name)[5:9])


def test_suites_share_no_stream_with_each_other_or_with_training():
    keys = [suite.data.key for suite in SUITES.values() if isinstance(suite.data, ParticleMazeConfig)]
    assert len(set(keys)) == len(keys)
    assert all(key % 2 == 1 for key in keys)
    assert ParticleMazeConfig(seed=21).key % 2 == 0


def test_bad_suites_are_refused():
    with pytest.raises(ValueError, match="suite must be one of particle-21"):
        find_suite("particle-22")
    with pytest.raises(ValueError, match='split must be "held_out"'):
        Suite(name="mine", data=ParticleMazeConfig())
    with pytest.raises(ValueError, match="size"):
        Suite(name="mine", data=ParticleMazeConfig(split="held_out"), size=0)
    with pytest.raises(IndexError):
        SUITES["particle-21"].load(range(999, 1001))
