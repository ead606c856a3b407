"""A plan of the arm among spheres, as a strip of pictures by PyBullet's own renderer.

python examples/arm/picture.py --runs runs/arm --heldout data/heldout.npz --out docs/results/arm/plan.png --world 7
"""

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import pybullet
import torch
import tyro
from evaluate import load_pipeline, read_worlds
from judge import ArmJudge
from numpy.typing import NDArray
from PIL import Image
from world import ArmWorld

from anchordiff.files import replacing

_SIZE: Final = 320
_EYE: Final = {
    "cameraTargetPosition": [0.0, 0.0, 0.4],
    "distance": 2.1,
    "pitch": -20,
    "roll": 0,
    "upAxisIndex": 2,
}
_COLOURS: Final = ((0.80, 0.36, 0.27, 1), (0.85, 0.60, 0.25, 1), (0.36, 0.55, 0.70, 1), (0.45, 0.62, 0.42, 1))


@dataclass(frozen=True, kw_only=True)
class Picture:
    """Draw one plan.

    Attributes:
        runs: folder with `keypoints` and `denoiser`.
        heldout: worlds that `make_data.py heldout` wrote.
        out: the picture, .png.
        world: which of the worlds.
        candidates: of the plan.
        frames: pictures of the strip.
        yaw: where the camera stands; degrees.
        sampler_steps: of stage 1.
        seed: of the noise.
    """

    runs: Path
    heldout: Path
    out: Path
    world: int = 0
    candidates: int = 16
    frames: int = 6
    yaw: float = 45.0
    sampler_steps: int = 4
    seed: int = 0

    def execute(self) -> None:
        """Plan, draw and write."""
        worlds = dict(np.load(self.heldout))
        condition = read_worlds(worlds, range(self.world, self.world + 1)).condition
        pipeline, judge = load_pipeline(self.runs, steps=self.sampler_steps), ArmJudge()
        plan = pipeline.plan(
            condition,
            candidates=self.candidates,
            judge=judge,
            generator=torch.Generator().manual_seed(self.seed),
        )
        path = plan.trajectory[0].numpy()
        steps = np.linspace(0, len(path) - 1, self.frames).round().astype(int)
        world = judge.place(condition)
        world.is_free(path[0].tolist())
        self._paint(world)
        strip = np.concatenate([self._frame(world, path[step].tolist()) for step in steps], axis=1)
        self.out.parent.mkdir(parents=True, exist_ok=True)
        with replacing(self.out) as file:
            Image.fromarray(strip).save(file, format="PNG", optimize=True)
        free = "free all along" if bool(plan.valid[0]) else "not free"
        sys.stdout.write(f"{self.out}: world {self.world}, a path of {float(plan.cost[0]):.2f} rad, {free}\n")

    @staticmethod
    def _paint(world: ArmWorld) -> None:
        spheres = [body for body in range(world.client.getNumBodies()) if body != world.robot]
        for number, body in enumerate(spheres):
            world.client.changeVisualShape(body, -1, rgbaColor=_COLOURS[number % len(_COLOURS)])

    def _frame(self, world: ArmWorld, q: list[float]) -> NDArray[np.uint8]:
        world.link_frames(q)
        client: Any = world.client
        _, _, pixels, _, _ = client.getCameraImage(
            _SIZE,
            _SIZE,
            viewMatrix=pybullet.computeViewMatrixFromYawPitchRoll(yaw=self.yaw, **_EYE),
            projectionMatrix=pybullet.computeProjectionMatrixFOV(fov=45, aspect=1.0, nearVal=0.1, farVal=6.0),
            lightDirection=[1.0, 0.5, 2.0],
            renderer=pybullet.ER_TINY_RENDERER,
        )
        return np.asarray(pixels, dtype=np.uint8).reshape(_SIZE, _SIZE, 4)[..., :3]


if __name__ == "__main__":
    tyro.cli(Picture, description=__doc__).execute()
