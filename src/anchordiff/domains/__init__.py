"""Worlds that the method plans in: each brings its states, conditions, networks' view, data and measures.

`maze` (particles among walls), `pointmaze` (the same in MuJoCo), `vector` (trajectories of any numbers), `video` (clips
from sentences). They do not know each other, but `pointmaze` the maze; nothing outside this package and the command
line knows any of them. Other packages add theirs (`anchordiff.domains.domain.Domain`).
"""
