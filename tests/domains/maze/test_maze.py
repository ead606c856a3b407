from fractions import Fraction

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from anchordiff.domains.maze.maze import Maze
from anchordiff.kernels.grid.distance import signed_distance

TEXT = "#####\n#...#\n###.#\n#####"


@st.composite
def mazes(draw):
    rows, cols = draw(st.integers(1, 6)), draw(st.integers(1, 6))
    walls = np.random.default_rng(draw(st.integers(0, 99))).random((rows, cols)) < 0.4
    return Maze(
        walls,
        cell_size=draw(st.sampled_from([0.5, 1.0, 3.0])),
        origin=(2.0, -1.0),
        flip_y=draw(st.booleans()),
    )


@given(mazes())
def test_text_round_trip(maze):
    np.testing.assert_array_equal(Maze.from_text(str(maze)).walls, maze.walls)


@given(mazes())
def test_world_round_trip(maze):
    points = np.random.default_rng(0).random((2, 7, 2)) * 6
    np.testing.assert_allclose(maze.from_world(maze.to_world(points)), points)
    assert maze.to_world(points.astype(np.float32)).dtype == np.float32
    np.testing.assert_allclose(maze.to_world(np.zeros(2)), maze.origin)
    step = maze.to_world(np.ones(2)) - np.array(maze.origin)
    np.testing.assert_allclose(step, [maze.cell_size, -maze.cell_size if maze.flip_y else maze.cell_size])


def test_text_is_readable():
    maze = Maze.from_text("\n  " + TEXT.replace("\n", "\n  ") + "\n")
    assert str(maze) == TEXT
    assert (maze.rows, maze.cols) == (4, 5)
    assert maze.walls[2].tolist() == [True, True, True, False, True]
    assert repr(maze) == "Maze(4 x 5, cell_size=1.0, origin=(0.0, 0.0), flip_y=False)"


def test_equality_is_by_value():
    one, two = Maze.from_text(TEXT), Maze.from_text(TEXT)
    assert one == two
    assert hash(one) == hash(two)
    assert one != Maze(one.walls, cell_size=2.0)
    assert one != TEXT


def test_walls_are_the_mazes_own():
    walls = np.zeros((3, 3), bool)
    maze = Maze(walls)
    walls[1, 1] = True
    assert not maze.walls.any()


@pytest.mark.parametrize("make", [Maze.random, Maze.perfect, Maze.rooms, Maze.caves])
def test_generated_mazes(make):
    maze = make(11, 15, seed=3)
    assert (maze.rows, maze.cols) == (11, 15)
    assert maze == make(11, 15, seed=3)
    assert maze != make(11, 15, seed=4)
    assert maze.walls[[0, -1]].all()
    np.testing.assert_array_equal(maze.sdf, signed_distance(maze.walls))
    assert maze.sdf is maze.sdf


def test_shortest_path():
    maze = Maze.from_text(TEXT)
    for clearance in (0.2, None):
        path = maze.shortest_path((1.2, 1.7), (3.4, 2.6), clearance=clearance)
        assert path[0].tolist() == [1.2, 1.7]
        assert path[-1].tolist() == [3.4, 2.6]
        assert not maze.collides(path, radius=0.19)
    assert len(maze.shortest_path((1.5, 1.5), (3.5, 2.5), clearance=None, connectivity=4)) == 4
    assert len(maze.shortest_path((1.5, 1.5), (1.6, 1.6))) == 2
    assert len(maze.shortest_path((1.5, 1.5), (1.6, 1.6), clearance=None)) == 2


def test_no_path_is_a_value():
    maze = Maze.from_text("#####\n#.#.#\n#####")
    assert maze.shortest_path((1.5, 1.5), (3.5, 1.5)) is None
    assert maze.shortest_path((1.5, 1.5), (2.5, 1.5)) is None
    with pytest.raises(ValueError, match=r"goal must lie within the 3 x 5 cells, found \(5.00, 1.50\)"):
        maze.shortest_path((1.5, 1.5), (5.0, 1.5))
    with pytest.raises(ValueError, match="start must lie within"):
        maze.shortest_path((float("nan"), 1.5), (3.5, 1.5))


def test_free_and_colliding():
    maze = Maze.from_text(TEXT)
    points = np.array([[[1.5, 1.5], [0.5, 0.5]], [[3.5, 2.5], [1.0, 1.5]]])
    assert maze.is_free(points).tolist() == [[True, False], [True, False]]
    assert maze.is_free(points[0, 0]).shape == ()
    assert maze.is_free(points, radius=0.6).tolist() == [[False, False], [False, False]]
    assert maze.is_free(np.zeros((0, 2))).shape == (0,)
    assert not maze.collides(np.array([[1.5, 1.5], [3.5, 1.5]]), radius=0.4)
    assert maze.collides(np.array([[1.5, 1.5], [3.5, 1.5]]), radius=0.5)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: Maze.from_text("#.\n#"), "rows of equal length, found 2 cells in row 0 and 1 in row 1"),
        (lambda: Maze.from_text("#x"), "text must hold # and . only, found 'x' in row 0"),
        (lambda: Maze.from_text(" \n"), "text must hold at least one row"),
        (lambda: Maze([[True]]), "walls must be a bool array .* found list"),
        (
            lambda: Maze(np.zeros((2, 2), bool), origin=(np.nan, 0)),
            r"origin\[0\] must be a finite number, found nan",
        ),
        (lambda: Maze(np.zeros((2, 2), bool), origin=3.0), r"origin must be a position \(x, y\), found 3.0"),
        (lambda: Maze(np.zeros((2, 2), bool), cell_size=np.inf), "cell_size must be a finite number"),
        (lambda: Maze(np.zeros((2, 2), bool), flip_y="no"), "flip_y must be True or False, found 'no'"),
        (lambda: Maze.random(seed=Fraction(1, 2)), "seed must be an integer"),
        (lambda: Maze.from_text(3), "text must be a string, found int"),
        (lambda: Maze.random().shortest_path((1, 1, 1), (3, 3)), "start must be"),
        (
            lambda: Maze.random().shortest_path((1.5, 1.5), (3, 3), connectivity=(4,)),
            "connectivity must be 4 or 8",
        ),
        (lambda: Maze.random().is_free(np.array([["a", "b"]])), "points must be positions"),
        (
            lambda: Maze(np.zeros((0, 3), bool)),
            r"walls must hold at least one cell, found the shape \(0, 3\)",
        ),
        (
            lambda: Maze(np.zeros((1, 3), bool), cell_size=0.0),
            "cell_size must be a finite number of more than 0, found 0.0",
        ),
    ],
)
def test_errors_name_what_was_found(call, message, unchecked):
    with pytest.raises(ValueError, match=message):
        call()


def test_a_padded_maze_keeps_positions_and_has_walls_on_the_right_and_below():
    walls = np.zeros((3, 4), bool)
    maze = Maze(walls, cell_size=0.5, origin=(1.0, 2.0), flip_y=True)
    padded = maze.padded(5, 6)
    assert padded.walls.shape == (5, 6)
    assert not padded.walls[:3, :4].any()
    assert padded.walls[3:].all()
    assert padded.walls[:, 4:].all()
    point = np.array([[0.3, 2.9], [4.0, 0.1]])
    np.testing.assert_array_equal(padded.to_world(point), maze.to_world(point))
    assert maze.padded(3, 4) == maze
    for rows, cols in ((2, 9), (9, 3)):
        with pytest.raises(ValueError, match="rows and cols must be at least the maze's"):
            maze.padded(rows, cols)


@pytest.mark.usefixtures("unchecked")
def test_positions_may_be_integers_lists_and_tensors():
    maze = Maze(np.zeros((3, 4), bool), cell_size=0.5, origin=(1.0, 2.0), flip_y=True)
    assert maze.to_world(np.array([[3, 3]])).tolist() == [[2.5, 0.5]]
    assert maze.to_world(torch.tensor([[3.0, 3.0]])).dtype == np.float32
    assert maze.from_world([[2.5, 0.5]]).tolist() == [[3.0, 3.0]]
    assert maze.is_free([[1.5, 1.5], [5.0, 1.0]]).tolist() == [True, False]
    assert not maze.collides(torch.tensor([[0.5, 0.5], [3.5, 2.5]]))
    with pytest.raises(
        ValueError, match=r"points must be positions \(x, y\) along the last axis, found the shape \(3,\)"
    ):
        maze.to_world([1.0, 2.0, 3.0])


@pytest.mark.parametrize("text", ["### ###\n#.. ..#\n### ###", "###\n\n###"])
def test_a_row_of_text_is_a_line(text):
    with pytest.raises(
        ValueError, match=r"text must hold # and \. only, found ' ' in row 0|rows of equal length"
    ):
        Maze.from_text(text)


def test_an_end_on_the_edge_of_a_wall_has_no_path():
    maze = Maze.from_text("#####\n#...#\n#.#.#\n#...#\n#####")
    assert maze.shortest_path((1.0, 1.5), (3.5, 3.5)) is None
    assert maze.shortest_path((3.5, 3.5), (1.5, 1.0)) is None
    assert not maze.collides(maze.shortest_path((1.01, 1.5), (3.5, 3.5)))


def test_dark_pixels_are_walls(tmp_path):
    maze = Maze.from_text("####\n#..#\n####")
    shades = np.where(maze.walls, 40, 230).astype(np.uint8)
    assert Maze.from_image(shades) == maze
    colours = np.repeat(np.kron(shades, np.ones((3, 3), np.uint8))[..., None], 3, axis=2)
    assert Maze.from_image(colours, pixels=3) == maze
    Image.fromarray(colours).save(tmp_path / "maze.png")
    assert Maze.from_image(tmp_path / "maze.png", pixels=3) == maze
    assert Maze.from_image(shades, threshold=0.1).walls.sum() == 0


@pytest.mark.parametrize(
    ("image", "options", "message"),
    [
        (
            np.zeros((4, 5), np.uint8),
            {"pixels": 2},
            "pixels must divide the picture's height and width, 4 x 5",
        ),
        (np.zeros((2, 2, 4), np.uint8), {}, "image must be opaque, found a pixel of opacity 0 of 255"),
        (np.zeros((2, 2, 4, 2), np.uint8), {}, r"array of uint8, found uint8 \(2, 2, 4, 2\)"),
        ("nowhere.png", {}, "image must be a picture's file or an array of uint8, found 'nowhere.png'"),
        (np.zeros((2, 2), np.uint8), {"threshold": 2}, "threshold must be a finite number"),
    ],
)
def test_pictures_that_are_no_maze_are_refused(image, options, message, unchecked):
    with pytest.raises(ValueError, match=message):
        Maze.from_image(image, **options)
