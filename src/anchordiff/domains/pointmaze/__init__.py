"""PointMaze: a world in MuJoCo, recorded data and D4RL's Maze2D benchmark, on the states and scenes of mazes."""
