#!/usr/bin/env bash
# Maze2D from nothing: data for its three mazes, both stages, the pipeline and its six scores. A call that was stopped
# goes on where it was. On one CPU core about ten minutes of simulation, an hour of training and ten minutes of scores.
#
#   examples/maze2d.sh                 # as the bundled weights `pointmaze` were made
#   FLAVOUR=dfs examples/maze2d.sh     # from the data that depth-first search makes
set -euo pipefail
flavour=${FLAVOUR:-qiter}
out=${OUT:-runs/maze2d-$flavour}
export MINARI_DATASETS_PATH=${MINARI_DATASETS_PATH:-runs/minari}

datasets=()
for maze in umaze medium large; do
  anchordiff data pointmaze --maze "$maze" --flavour "$flavour" --steps "${DATA_STEPS:-1000000}"
  datasets+=("anchordiff/pointmaze/$maze-$flavour-v0")
done

training=(--domain pointmaze --data.datasets "${datasets[@]}" --model.horizon 384 --threads 1 --resume
  --train.steps "${TRAIN_STEPS:-4000}" --train.learning-rate 1e-3 --run.save-every 250 --run.evaluate-every 500
  --run.no-tensorboard)
anchordiff train keypoints --out "$out/keypoints" "${training[@]}" --train.warmup-steps 300 --model.num-keypoints 12 \
  --model.encoder.no-value-iteration
anchordiff train denoiser --out "$out/denoiser" "${training[@]}" --train.warmup-steps 200 --train.batch-size 32 \
  --encoder "$out/keypoints" --bootstrap.keypoints "$out/keypoints" --bootstrap.sampler-steps 2 \
  --bootstrap.sampler-spacing quadratic --bootstrap.warmup-steps 1000 --model.num-keypoints 12 \
  --model.transformer.depth 3 --objective.horizons 96 128 192 256 384 --objective.step-weight 0.05 --objective.terms.hinge.margin 0.25
anchordiff bundle --keypoints "$out/keypoints" --denoiser "$out/denoiser" --out "$out/pipeline" --steps 2 --spacing quadratic

for maze in umaze medium large; do
  for task in single multi; do
    anchordiff evaluate --pipeline "$out/pipeline" --suite maze2d --maze "$maze" --task "$task" --threads 1 \
      --size "${EPISODES:-100}" --out "$out/scores/$maze-$task"
  done
done
