#!/bin/sh
# The studio in Debian's chromium, against a server of this build: prints TAP. Screenshots: BUILD/screenshots.
# CONCH_BROWSER_ONLY (a regular expression) keeps the tests whose sentence matches; CONCH_BROWSER_TIMES=1 tells how long.
set -u
export CONCH_TEST_ROOT="${CONCH_TEST_ROOT:-$(pwd)}"
case ${CONCH_BUILD:=build} in /*) ;; *) CONCH_BUILD=$CONCH_TEST_ROOT/$CONCH_BUILD ;; esac
export CONCH_BUILD
here=$CONCH_TEST_ROOT/tests/browser studio=$CONCH_TEST_ROOT/studio

cannot() { # WHY
    echo "1..1"
    echo "not ok 1 - the studio works in a browser"
    echo "# $1"
    exit 1
}
install() { # FOLDER: its npm packages, once
    stamp=$1/node_modules/.conch-installed-all
    wanted=$(cksum <"$1/package-lock.json")
    [ "$(cat "$stamp" 2>/dev/null)" = "$wanted" ] && return
    (cd "$1" && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error) >"$CONCH_BUILD/npm.log" 2>&1 ||
        cannot "npm could not fetch what $1 needs: $(tail -n 3 "$CONCH_BUILD/npm.log" | tr '\n' ' ')"
    echo "$wanted" >"$stamp"
    [ "$1" != "$studio" ] || echo "$wanted" >"$1/node_modules/.conch-installed"
}

for command in node npm "${CONCH_CHROMIUM:-chromium}"; do
    command -v "$command" >/dev/null || cannot "$command is not installed (tools/install_packages.sh test)"
done
[ -x "$CONCH_BUILD/conch" ] || cannot "$CONCH_BUILD/conch is not there"
install "$here"
(
    flock 9
    install "$studio"
) 9<"$studio/package-lock.json" || exit 1
exec node "$here/studio.mjs"
