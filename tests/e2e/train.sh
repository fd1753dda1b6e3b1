#!/bin/sh
# The tests of the training programs that need no torch: physics, pictures, captions.
cd "${CONCH_TEST_ROOT:-.}" || exit 1
python=/usr/bin/python3 # Debian's, which has Debian's numpy
[ -x $python ] || python=python3
$python -c 'import numpy' 2>/dev/null || { echo "ok 1 - training programs # SKIP no numpy"; exit 0; }
log=$(mktemp)
trap 'rm -f "$log"' EXIT
$python -W ignore -m unittest discover -v tools/train/tests >"$log" 2>&1
code=$?
sed -n 's/^\(test_[a-z0-9_]*\) .*/\1/p' "$log" | tr _ ' ' | sed 's/^test //' | awk -v code=$code '
    code == 0 { print "ok " NR " - train: " $0 }
    END { if (NR == 0 || code != 0) print "not ok " NR + 1 " - training programs" }'
[ $code -eq 0 ] || cat "$log"
exit $code
