#!/usr/bin/env bash
# A Minari data set that is no maze, from nothing: MuJoCo's swimmer in random gaits, both stages on its observations
# alone, a full-sequence diffusion on as many samples, and the comparison. A call that was stopped goes on where it was.
# On one free CPU core a minute of simulation, about half an hour of training (all three networks) and three of evaluation.
#
#   examples/minari.sh
#   EPISODES=40 TRAIN_STEPS=200 SIZE=64 OUT=runs/try MINARI_DATASETS_PATH=runs/try/minari examples/minari.sh   # a try
set -euo pipefail
out=${OUT:-runs/minari-swimmer}
results=${RESULTS:-$out/results}
here=$(dirname "$0")/minari
export MINARI_DATASETS_PATH=${MINARI_DATASETS_PATH:-runs/minari}
id=anchordiff/swimmer/gaits-v0

"${PYTHON:-python}" "$here/make_data.py" --id "$id" --episodes "${EPISODES:-400}" --seed "${SEED:-0}"

# The same windows for all: 64 steps, 2.56 seconds; a tenth of the episodes is held out.
data=(--domain vector --data.minari "$id" --data.windows.stride 4 --data.windows.held-out-share 0.1)
training=("${data[@]}" --data.windows.horizon 64 --data.windows.drop-ends 0.25 --threads 1 --resume
  --train.steps "${TRAIN_STEPS:-3000}" --train.seed "${SEED:-0}" --train.learning-rate 1e-3 --train.warmup-steps 300
  --run.save-every 250 --run.evaluate-every 500 --run.no-tensorboard)
anchordiff train keypoints --out "$out/keypoints" "${training[@]}" --model.transformer.width 96
anchordiff train denoiser --out "$out/denoiser" "${training[@]}" --objective.keypoint-noise 0.1
anchordiff train keypoints --out "$out/full" "${training[@]}" --model.transformer.width 96 \
  --model.num-keypoints 64 --objective.repeats 1
anchordiff bundle --keypoints "$out/keypoints" --denoiser "$out/denoiser" --out "$out/pipeline"

evaluate() {
  anchordiff evaluate "${data[@]}" --pipeline "$out/pipeline" --full-sequence "$out/full" --threads 1 \
    --size "${SIZE:-512}" "$@"
}
evaluate --out "$results"
evaluate --out "$results/start-alone" --data.windows.no-end
