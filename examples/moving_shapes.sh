#!/usr/bin/env bash
# Text to video from nothing, as the bundled weights `moving-shapes` were made: codec, clips, both stages, the
# full-sequence diffusion to compare with, a film and the tables. A call that was stopped goes on where it was. On two
# CPU cores about four hours, and seven more for the full sequence, which FULL_SEQUENCE=0 leaves out.
#
#   pip install "anchordiff[video]"
#   examples/moving_shapes.sh
#   FULL_SEQUENCE=0 STEPS=8000 examples/moving_shapes.sh   # sooner, and worse
set -euo pipefail
configs=$(cd "$(dirname "$0")/.." && pwd)/configs/moving-shapes
out=${OUT:-runs/moving-shapes}
steps=${STEPS:-24000}
threads=${THREADS:-2}

run=(--run.save-every 200 --run.evaluate-every 1000 --run.no-tensorboard --threads "$threads" --resume)
anchordiff train codec --config "$configs/codec.toml" --out "$out/codec" --train.steps "$((steps / 4))" "${run[@]}"
anchordiff data shapes --out "$out/cache" --codec "$out/codec" --clips "${CLIPS:-12000}" --threads "$threads"

run+=(--data.cache "$out/cache")
stage_1=(train keypoints --config "$configs/keypoints.toml" --train.steps "$steps" "${run[@]}")
anchordiff "${stage_1[@]}" --out "$out/keypoints"
anchordiff train denoiser --config "$configs/denoiser.toml" --out "$out/denoiser" --encoder "$out/keypoints" \
  --train.steps "$((steps / 4))" "${run[@]}"

parts=(--keypoints "$out/keypoints" --denoiser "$out/denoiser" --codec "$out/codec")
if [ "${FULL_SEQUENCE:-1}" = 1 ]; then
  anchordiff "${stage_1[@]}" --out "$out/full-sequence" --model.num-keypoints 16 --objective.repeats 1
  parts+=(--full-sequence "$out/full-sequence")
fi
anchordiff bundle "${parts[@]}" --out "$out/pipeline" --half --steps 12 --spacing sqrt

anchordiff generate --pipeline "$out/pipeline" --text "a big red circle moves left" --num-samples 4 --out "$out/clip"
for suite in shapes-seen shapes-unseen; do
  anchordiff evaluate --pipeline "$out/pipeline" --suite "$suite" --size "${SIZE:-480}" --threads "$threads" \
    --out "$out/results/$suite"
done
