#!/bin/sh
# Trains the shipped model in stages and goes on where it stopped:
#   tools/train/run.sh            all stages, then the decoder again and again in the time that is left
#   tools/train/run.sh dit        one stage: vae, dit, decoder or export
# Time budgets in minutes: VAE_MINUTES, DIT_MINUTES, DECODER_MINUTES. Checkpoints and logs: CONCH_TRAIN_DIR (.train).
set -eu
here=$(cd "$(dirname "$0")" && pwd)
work=${CONCH_TRAIN_DIR:-$here/../../.train}
python=${PYTHON:-/usr/bin/python3}
mkdir -p "$work"

# glibc gives large blocks back to the system at every free; keeping them saves a tenth of the time on a CPU.
export MALLOC_MMAP_MAX_=0 MALLOC_TRIM_THRESHOLD_=20000000000 MALLOC_TOP_PAD_=67108864
export PYTHONUNBUFFERED=1 CONCH_TRAIN_DIR="$work"

stage() {
    echo "$(date '+%H:%M:%S') stage $1"
    case $1 in
    tokenizer)
        [ -f "$work/tokenizer.json" ] || "$python" "$here/captions.py" "$work/tokenizer.json" ;;
    vae)
        nice -n 19 "$python" "$here/train_vae.py" --out "$work/vae.pt" --minutes "${VAE_MINUTES:-180}" ${VAE_OPTIONS:-} \
            >>"$work/vae.log" 2>&1 ;;
    dit)
        nice -n 19 "$python" "$here/train_dit.py" --vae "$work/vae.pt" --tokenizer "$work/tokenizer.json" \
            --out "$work/dit.pt" --minutes "${DIT_MINUTES:-600}" ${DIT_OPTIONS:-} >>"$work/dit.log" 2>&1 ;;
    decoder)
        [ -f "$work/decoder.pt" ] || init="--init $work/vae.pt"
        nice -n 19 "$python" "$here/train_vae.py" --decoder-only ${init:-} --out "$work/decoder.pt" \
            --minutes "${DECODER_MINUTES:-120}" ${DECODER_OPTIONS:-} >>"$work/decoder.log" 2>&1 ;;
    export)
        decoder=$work/decoder.pt
        [ -f "$decoder" ] || decoder=$work/vae.pt
        "$python" "$here/export.py" --vae "$decoder" --dit "$work/dit.pt" --tokenizer "$work/tokenizer.json" \
            --to "${MODEL_DIR:-$here/../../models/tiny}" ;;
    *)
        echo "unknown stage $1" >&2
        exit 2 ;;
    esac
}

[ $# -gt 0 ] || set -- tokenizer vae dit decoder
for name; do
    stage "$name"
done
