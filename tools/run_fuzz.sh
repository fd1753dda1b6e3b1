#!/bin/sh
# Builds the fuzz targets with clang and runs each of them for SECONDS.
#   tools/run_fuzz.sh SECONDS
# New inputs are kept in build-fuzz/corpus/NAME; what crashes is written to build-fuzz/ and ends the run.
set -eu
seconds=${1:?usage: tools/run_fuzz.sh SECONDS}
[ -f build-fuzz/build.ninja ] || CC=clang meson setup build-fuzz -Dfuzz=true -Db_sanitize=address,undefined \
    -Db_lundef=false -Dc_args=-fsanitize=fuzzer-no-link >/dev/null
ninja -C build-fuzz --quiet
count=0
for program in build-fuzz/fuzz/fuzz_*; do
    [ -f "$program" ] && [ -x "$program" ] || continue
    name=${program##*/fuzz_}
    mkdir -p "build-fuzz/corpus/$name"
    echo "== $name"
    "$program" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 -print_final_stats=0 \
        -artifact_prefix="build-fuzz/crash-$name-" "build-fuzz/corpus/$name" "fuzz/corpus/$name" 2>&1 | tail -n 3
    count=$((count + 1))
done
ls build-fuzz/crash-* 2>/dev/null && exit 1
echo "$count targets, nothing found"
[ "$count" -gt 0 ]
