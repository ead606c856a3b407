"""Pictures of rollouts: each agent's ways over the walls, told apart by whether they reached the goal."""

import numpy as np
import pytest

from anchordiff.domains.pointmaze.plots import draw_rollouts


@pytest.mark.usefixtures("unchecked")
def test_rollouts_tell_those_that_reached_the_goal_from_the_others():
    boxes = np.array([[[0.0, 0.0], [4.0, 1.0]], [[0.0, 2.0], [4.0, 3.0]]])
    ways = [np.array([[0.5, 1.5], [3.5, 1.5]]), np.array([[0.5, 1.2], [1.0, 1.2]])]
    figure = draw_rollouts(
        boxes, [("there", ways, np.array([True, False]))], target=np.array([3.5, 1.5]), title="t"
    )
    axis = figure.axes[0]
    assert axis.get_title(loc="left") == "there: 1 of 2 reached"
    assert len(axis.patches) == 2
    reached, lost = (collection.get_segments() for collection in axis.collections)
    assert np.array_equal(reached[0], ways[0])
    assert np.array_equal(lost[0], ways[1])
    with pytest.raises(ValueError, match="agents must hold at least one, found none"):
        draw_rollouts(boxes, [])
    with pytest.raises(ValueError, match=r"agents must have rollouts, .* found 2 and 1 of 'there'"):
        draw_rollouts(boxes, [("there", ways, np.array([True]))])
    with pytest.raises(ValueError, match="rollouts of 'there' must be finite numbers"):
        draw_rollouts(boxes, [("there", [ways[0] * np.nan], np.array([True]))])
    with pytest.raises(ValueError, match="boxes must hold at least one wall, found none"):
        draw_rollouts(boxes[:0], [("there", ways, np.array([True, False]))])
