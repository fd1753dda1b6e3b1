#!/bin/sh
# Measures the model that ships, through the built program, against the simulator it learned from.
#   tools/eval_model.sh BUILD [EVERY]     EVERY: only every n-th of the 100 held-out prompts (default 1: all)
# What is seen and how it moves in clips made from the prompts; the same judge on simulator clips; first and last frames
# that were given; reconstruction by the autoencoder.
set -eu
build=${1:?usage: tools/eval_model.sh BUILD [EVERY]}
every=${2:-1}
python="/usr/bin/python3 -W ignore"
judge="$python tools/train/evaluate.py --detector tools/train/detector.safetensors --every $every"
frames=$(mktemp -d)
trap 'rm -rf "$frames"' EXIT
$python - "$every" <<'P' >"$frames/prompts.txt"
import json, sys
prompts = json.load(open("tools/train/prompts.json"))
for entry in prompts[::int(sys.argv[1])]:
    print(entry["text"])
P
number=0
while IFS= read -r prompt; do
    folder=$(printf '%s/%03d' "$frames" "$number")
    "$build/conch" generate "$prompt" --model models/tiny --seed $((1000 + number)) --frames-dir "$folder" --quiet </dev/null
    number=$((number + 1))
    printf '\r%d clips' "$number" >&2
done <"$frames/prompts.txt"
echo >&2
$judge --frames "$frames"
$judge --simulator --length "$(ls "$frames/000" | wc -l)"
$python tools/train/evaluate_pictures.py "$build" $((10 / every > 1 ? 10 / every : 2))
echo "autoencoder: $($python tools/train/check_vae.py models/tiny/vae.safetensors 12)"
