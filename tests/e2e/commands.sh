#!/bin/sh
# The smaller commands.
. "$(dirname "$0")/common"
all='generate models doctor submit status wait fetch cancel jobs keys credits'

version() { gives 0 version && grep -qE '^conch [0-9]+\.[0-9]+\.[0-9]+$' out.txt && gives 0 --version; }
overview() { gives 0 help && for c in $all version help; do grep -qE "^  $c " out.txt || return 1; done; }
each_help() {
    for c in $all version help; do
        gives 0 help $c && grep -q "^usage: conch $c" out.txt && gives 0 $c --help || return 1
    done
}
codes() { gives 0 help && grep -qE '^ +130  ' out.txt && grep -qE '^ +7  the disk is full' out.txt; }
documented() { # every option and every exit code of the help is in docs/cli.md
    for c in $all; do
        "$conch" help $c | sed -n 's/^  \(-., \)\{0,1\}--\([a-z-]*\).*/--\2/p' | while read -r option; do
            grep -q -- "\`$option[ \`]" "$root/docs/cli.md" || { echo "# $option is not in docs/cli.md"; exit 1; }
        done || return 1
    done
    "$conch" help | sed -n 's/^ *\([0-9][0-9]*\)  .*/\1/p' | while read -r number; do
        grep -q "^| $number " "$root/docs/cli.md" || { echo "# code $number is not in docs/cli.md"; exit 1; }
    done
}
no_command() { run; [ "$code" -eq 2 ] && grep -q generate err.txt; }
models() { gives 0 models && grep -q '^conch/tiny' out.txt && grep -q Apache-2.0 out.txt && grep -Eq 'sizes +[0-9]+x[0-9]+' out.txt; }
models_json() {
    gives 0 models --json && python3 -c '
import json
m = [m for m in json.load(open("out.txt"))["models"] if m["name"] == "conch/tiny"][0]
assert m["complete"] and len(m["sizes"]) >= 1 and "text" in m["modes"] and m["peak_bytes"] > 1e6, m'
}
models_missing() {
    mkdir -p some && cp -r "$model" some/broken && rm some/broken/vae.safetensors
    gives 0 models --models some && grep -q 'incomplete.*vae.safetensors' out.txt
}
models_none() { mkdir -p empty && gives 0 models --models empty && grep -q 'No model found' out.txt; }
doctor() { gives 0 doctor && grep -q kernels out.txt && grep -q conch-media out.txt && grep -q conch/tiny out.txt; }
doctor_json() {
    gives 0 doctor --json && python3 -c '
import json
d = json.load(open("out.txt"))
assert d["ok"] and {"processor", "threads", "memory", "conch-media", "sandbox", "model", "state"} <= {f["what"] for f in d["findings"]}, d'
}
doctor_no_helper() {
    CONCH_MEDIA=/nonexistent "$conch" doctor >out.txt 2>err.txt
    code=$?
    [ "$code" -eq 9 ] && grep -q -- '-> ' out.txt
}
doctor_weights() { gives 0 doctor --weights tiny && [ "$(grep -c 'all finite' out.txt)" -eq 3 ]; }
elsewhere() { # from another folder, without CONCH_MODELS: found beside the program
    (unset CONCH_MODELS && cd / && "$conch" models) >out.txt 2>err.txt && grep -q conch/tiny out.txt
}

say "version" version
say "help lists the commands" overview
say "every command has its help" each_help
say "help lists the exit codes" codes
say "docs/cli.md has every option and exit code" documented
say "no command at all shows what there is" no_command
say "models: what each can do" models
say "models --json" models_json
say "models names the file that is missing" models_missing
say "models without a model says where it looked" models_none
say "doctor" doctor
say "doctor --json" doctor_json
say "doctor gives advice for what is missing" doctor_no_helper
say "doctor --weights reads every tensor" doctor_weights
say "models are found beside the program" elsewhere
end
