#!/bin/sh
# Every header compiles on its own, the public ones also as C++.
set -u
cd "$(dirname "$0")/.." || exit 1
flags="-std=gnu11 -D_GNU_SOURCE -DCONCH_VERSION=\"0\" -Iinclude -Isrc -fsyntax-only -Wall -Wno-unused-function -x c"
bad=0
for header in $(git ls-files 'include/*.h' 'src/*.h'); do
    # A header made for one translation unit says so in its first lines.
    head -n 12 "$header" | grep -q 'included by' && continue
    extra=
    case $header in src/engine/kernels/simd*) continue ;; esac # templates: each table's file sets their macros first
    # shellcheck disable=SC2086
    ${CC:-gcc} $flags $extra "$header" || bad=1
done
for header in include/conch/*.h; do
    ${CC:-gcc} -Iinclude -fsyntax-only -Wall -x c++ "$header" 2>/dev/null ||
        ! command -v g++ >/dev/null || { echo "$header is not C++"; bad=1; }
done
[ $bad -eq 0 ] && echo "ok   headers"
exit $bad
