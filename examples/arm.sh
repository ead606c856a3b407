#!/usr/bin/env bash
# A 7-joint arm among spheres from nothing: paths by OMPL, both stages, the full-sequence diffusion to compare with, and
# the table. A call that was stopped goes on where it was. On one CPU core about two hours, half of it the paths.
#
#   pip install anchordiff ompl==2.0.1 pybullet==3.2.7
#   examples/arm.sh                           # about what docs/results/arm was made with
#   TASKS=20000 STEPS=20000 examples/arm.sh   # longer, and better
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)/arm
out=${OUT:-runs/arm}
python=${PYTHON:-python}

mkdir -p "$out/data"
[ -f "$out/data/heldout.npz" ] || "$python" "$here/make_data.py" heldout --out "$out/data/heldout.npz" --count "${WORLDS:-512}"
if [ ! -f "$out/data/train.npz" ]; then
  "$python" "$here/make_data.py" train --out "$out/data" --count "${TASKS:-5500}"
  "$python" "$here/make_data.py" join --folder "$out/data" --out "$out/data/train.npz"
fi

training=("$here/train.py" --data "$out/data/train.npz" --threads "${THREADS:-1}")
steps=${STEPS:-4000}
"$python" "${training[@]}" --stage keypoints --out "$out/keypoints" --steps "$steps" --hinge 0.15
# Stage 2 learns from true keypoints first, and then from those of stage 1 too.
denoiser=(--stage denoiser --batch-size 24 --depth 3)
"$python" "${training[@]}" "${denoiser[@]}" --out "$out/denoiser-true" --steps "$((steps / 3))" --hinge 0.3
"$python" "${training[@]}" "${denoiser[@]}" --out "$out/denoiser" --steps "$((steps / 2))" --hinge 2 --margin 0.015 \
  --learning-rate 8e-4 --init "$out/denoiser-true" --keypoints "$out/keypoints"
"$python" "${training[@]}" --stage full-sequence --out "$out/full-sequence" --steps "$steps" --batch-size 16 --repeats 1

"$python" "$here/evaluate.py" --runs "$out" --heldout "$out/data/heldout.npz" --out "$out/results" --cache "$out/cache" \
  --size "${WORLDS:-512}" --threads "${THREADS:-1}"
"$python" "$here/picture.py" --runs "$out" --heldout "$out/data/heldout.npz" --out "$out/results/plan.png"
