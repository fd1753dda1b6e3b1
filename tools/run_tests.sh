#!/bin/sh
# Runs every test program of a build folder and adds up what they report.
#   tools/run_tests.sh BUILD
# Each program prints TAP (cmocka does with CMOCKA_MESSAGE_OUTPUT=TAP): "ok"/"not ok" lines are counted; a program that
# ends badly without a failed line (crash, timeout) counts as one failure. The last line is "N passed, N failed".
# CONCH_TEST_ONLY (a regular expression) keeps the programs whose name matches; CONCH_TEST_SHELL=0 leaves out tests/e2e,
# tests/chaos (tests/chaos/harness.py says how these are made shorter or longer) and tests/browser; CONCH_TEST_BROWSER=0
# the last alone.
set -u
build=${1:?usage: tools/run_tests.sh BUILD}
export CMOCKA_MESSAGE_OUTPUT=TAP
export CONCH_TEST_ROOT=${CONCH_TEST_ROOT:-$(pwd)} CONCH_BUILD=$build
limit=${CONCH_TEST_SECONDS:-900}
only=${CONCH_TEST_ONLY:-.}
scripts='tests/e2e/*.sh tests/chaos/chaos_*.py tests/browser/*.sh'
[ "${CONCH_TEST_BROWSER:-1}" = 0 ] && scripts=${scripts% *}
[ "${CONCH_TEST_SHELL:-1}" = 0 ] && scripts=
passed=0 failed=0 bad=
log=$(mktemp)
trap 'rm -f "$log"' EXIT
for program in $(find "$build/tests" "$build/fuzz" -type f -perm -u+x \( -name 'test_*' -o -name 'replay_*' \) 2>/dev/null | sort) $scripts; do
    [ -x "$program" ] || continue
    name=$(basename "$program")
    echo "$name" | grep -qE "$only" || continue
    timeout -k 10 "$limit" "$program" >"$log" 2>&1
    code=$?
    ok=$(grep -c '^ok ' "$log")
    not_ok=$(grep -c '^not ok ' "$log")
    [ $code -ne 0 ] && [ "$not_ok" -eq 0 ] && not_ok=1
    [ "$ok" -eq 0 ] && [ "$not_ok" -eq 0 ] && not_ok=1 # a program that tested nothing is a failure
    passed=$((passed + ok))
    failed=$((failed + not_ok))
    if [ "$not_ok" -gt 0 ]; then
        bad="$bad $name"
        echo "FAIL $name (exit code $code)"
        cat "$log"
    else
        echo "ok   $name: $ok"
    fi
done
[ -n "$bad" ] && echo "failed:$bad"
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
