"""Write the clips that later versions are held to; run once, when the weights were made.

python tests/golden/make_golden_shapes.py
"""

import golden_numbers
import numpy as np
import torch

from anchordiff import TwoStagePipeline
from anchordiff.domains.video import TextCondition, text_of
from anchordiff.stages.guidance import ClassifierFreeGuidance

SENTENCES = (
    "a big red circle moves left",
    "a small cyan triangle moves up",
    "a big yellow square moves down",
)
CALLS = {
    "default": {},
    "guided": {"guidance": [ClassifierFreeGuidance(2.5)]},
    "more": {"anchors": 6, "level": 3, "steps": 3, "clamp": "all_anchors"},
}


def clips(pipeline: TwoStagePipeline, name: str) -> dict[str, np.ndarray]:
    """Key frames and clips, as latents."""
    condition = TextCondition.from_text(SENTENCES, text_of(pipeline))
    out = pipeline.generate(condition, generator=torch.Generator().manual_seed(5), **CALLS[name])
    return {"keypoints": out.keypoints.numpy(), "trajectory": out.trajectory.numpy()}


if __name__ == "__main__":
    pipeline = TwoStagePipeline.from_pretrained("moving-shapes")
    golden_numbers.save("moving-shapes", {name: clips(pipeline, name) for name in CALLS})
