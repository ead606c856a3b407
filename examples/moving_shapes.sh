#!/usr/bin/env bash
# Text to video from nothing, as the bundled weights `moving-shapes` were made: codec, clips, both stages, the
# full-sequence diffusion to compare with, a film and the tables. A call that was stopped goes on where it was. On two
# CPU cores about four hours, and seven more for the full sequence, which FULL_SEQUENCE=0 leaves out.
#
#   pip install "anchordiff[video]"
#   examples/moving_shapes.sh
#   FULL_SEQUENCE=0 STEPS=8000 examples/moving_shapes.sh   # sooner, and worse
set -euo pipefail
out=${OUT:-runs/moving-shapes}
steps=${STEPS:-24000}

run=(--run.save-every 200 --run.evaluate-every 1000 --run.no-tensorboard --threads "${THREADS:-2}" --resume)
anchordiff train codec --out "$out/codec" --train.steps "$((steps / 4))" --train.batch-size 32 --train.learning-rate 1e-3 \
  --validate 64 "${run[@]}"
anchordiff data shapes --out "$out/cache" --codec "$out/codec" --clips "${CLIPS:-12000}"

training=(--domain video --data.cache "$out/cache" --train.batch-size 32 --train.learning-rate 8e-4 --even-share 0.9
  --validate 128 "${run[@]}")
stage_1=(--train.steps "$steps" --model.transformer.width 128 --model.transformer.depth 4)
anchordiff train keypoints --out "$out/keypoints" "${training[@]}" "${stage_1[@]}" --objective.repeats 2
anchordiff train denoiser --out "$out/denoiser" "${training[@]}" --train.steps "$((steps / 4))" --encoder "$out/keypoints" \
  --objective.sparsest-share 0.8 --model.transformer.width 96 --model.transformer.depth 3

parts=(--keypoints "$out/keypoints" --denoiser "$out/denoiser" --codec "$out/codec")
if [ "${FULL_SEQUENCE:-1}" = 1 ]; then
  anchordiff train keypoints --out "$out/full-sequence" "${training[@]}" "${stage_1[@]}" --model.num-keypoints 16 \
    --objective.repeats 1
  parts+=(--full-sequence "$out/full-sequence")
fi
anchordiff bundle "${parts[@]}" --out "$out/pipeline" --half --steps 12 --spacing sqrt

anchordiff generate --pipeline "$out/pipeline" --text "a big red circle moves left" --num-samples 4 --out "$out/clip"
for suite in shapes-seen shapes-unseen; do
  anchordiff evaluate --pipeline "$out/pipeline" --suite "$suite" --size "${SIZE:-480}" --threads "${THREADS:-2}" \
    --out "$out/results/$suite"
done
