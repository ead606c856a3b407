"""Write the stored starts of `anchordiff.domains.pointmaze.benchmark` again: python benchmarks/maze2d_starts.py."""

import json
from importlib.resources import files
from pathlib import Path

from anchordiff.domains.pointmaze.benchmark.starts import draw_starts, starts_to_json
from anchordiff.domains.pointmaze.world import POINT_MAZES


def main() -> None:
    """Draw all mazes' starts and write them, a row a line."""
    stored = starts_to_json({name: draw_starts(maze) for name, maze in POINT_MAZES.items()})
    text = json.dumps(stored).replace("], [", "],\n[").replace('": [[', '": [\n[')
    path = Path(str(files("anchordiff.domains.pointmaze.benchmark"))) / "starts.json"
    path.write_text(text + "\n", "utf-8")
    print(f"wrote {path}")


if __name__ == "__main__":
    main()
