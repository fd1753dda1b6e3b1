#!/bin/sh
# Makes a clip for prompts of tools/train/prompts.json with the built program and measures them against the simulator.
#   tools/eval_model.sh BUILD [EVERY]     EVERY: only every n-th prompt (default 8)
set -eu
build=${1:?usage: tools/eval_model.sh BUILD [EVERY]}
every=${2:-8}
frames=$(mktemp -d)
trap 'rm -rf "$frames"' EXIT
/usr/bin/python3 - "$every" <<'P' >"$frames/prompts.txt"
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
/usr/bin/python3 tools/train/evaluate.py --detector tools/train/detector.safetensors --frames "$frames" --every "$every"
