#!/bin/sh
# No path of somebody's machine, and no mark of a conflict, in what is kept.
set -u
cd "$(dirname "$0")/.." || exit 1
found=$(git ls-files | grep -v '^tools/check_paths.sh$' |
    xargs grep -nIE '(^|[^a-zA-Z0-9_.$}/-])/(home|Users|work|root|mnt)/[a-zA-Z0-9_.]|^(<<<<<<<|>>>>>>>) ' || true)
[ -z "$found" ] && { echo "ok   paths"; exit 0; }
echo "$found"
exit 1
