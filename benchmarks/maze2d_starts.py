"""Write the stored starts of `anchordiff.evaluation.maze2d` again: python benchmarks/maze2d_starts.py."""

import json
from importlib.resources import files
from pathlib import Path

from anchordiff.evaluation.maze2d.starts import draw_starts, starts_to_json
from anchordiff.pointmaze import POINT_MAZES


def main() -> None:
    """Draw all mazes' starts and write them, a row a line."""
    stored = starts_to_json({name: draw_starts(maze) for name, maze in POINT_MAZES.items()})
    text = json.dumps(stored).replace("], [", "],\n[").replace('": [[', '": [\n[')
    path = Path(str(files("anchordiff.evaluation.maze2d"))) / "starts.json"
    path.write_text(text + "\n", "utf-8")
    print(f"wrote {path}")


if __name__ == "__main__":
    main()
