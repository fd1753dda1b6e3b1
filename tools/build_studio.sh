#!/bin/sh
# Bundles the studio and turns it into C: called by meson, for every build folder.
#   tools/build_studio.sh OUT.c DEPFILE WORK-FOLDER
# What it needs from the npm registry is fetched once into studio/node_modules. Where that cannot be done the build goes
# on with a plain page that says so, warns in one line, and tries again the next time.
set -u
out=$1 depfile=$2 work=$3
tools=$(cd "$(dirname "$0")" && pwd)
studio=$tools/../studio
site=$work/site
mkdir -p "$work"
log=$work/npm.log

# One at a time: several build folders share node_modules.
exec 9<"$studio/package-lock.json"
flock 9

install() {
    stamp=$studio/node_modules/.conch-installed
    wanted=$(cksum <"$studio/package-lock.json")
    [ "$(cat "$stamp" 2>/dev/null)" = "$wanted" ] && return 0
    (cd "$studio" && npm ci --omit=dev --ignore-scripts --no-audit --no-fund --loglevel=error --fetch-retries=1 \
        --fetch-retry-mintimeout=500 --fetch-retry-maxtimeout=2000 --fetch-timeout=60000) >"$log" 2>&1 9<&- || return 1
    echo "$wanted" >"$stamp"
}

why=
if ! command -v node >/dev/null; then
    why="node is not installed"
elif ! command -v npm >/dev/null; then
    why="npm is not installed"
elif ! install; then
    why="npm could not fetch its packages: $(grep -v '^npm warn' "$log" | sed 's/^npm error //; s/^npm ERR! //' | grep -m 1 . || echo unknown)"
elif ! node "$studio/build.mjs" "$site" "$depfile" "$out" 9<&-; then
    exit 1 # a fault in the sources
fi
if [ -n "$why" ]; then
    echo "warning: the studio is not bundled, the server will show a plain page instead ($why); the next build tries again" >&2
    rm -rf "$site"
    mkdir -p "$site"
    shown=$(printf %s "$why" | sed 's/&/\&amp;/g; s/</\&lt;/g')
    cat >"$site/index.html" <<P
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Conch</title>
</head>
<body>
<main>
<h1>Conch</h1>
<p>This server is up, but it was built without its studio: $shown.</p>
<p>With node and npm installed and the npm registry within reach, <code>make build</code> bundles it.</p>
<p>The interface is there all the same: <a href="/conch/v1/openapi.json">/conch/v1/openapi.json</a>. So is the command line: <code>conch help</code>.</p>
</main>
</body>
</html>
P
    # a file that is never there: what depends on it is made anew each time
    echo "$out: $work/not-bundled" >"$depfile"
fi
exec python3 "$tools/embed.py" site "$out" static_site "$site"
