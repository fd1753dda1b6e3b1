#!/bin/sh
# The installed program, run from another folder: it finds its model, catalog, helper and studio beside itself.
. "$(dirname "$0")/common"
unset CONCH_MODELS CONCH_MEDIA CONCH_CATALOG CONCH_KEY CONCH_SERVER CONCH_ADMIN_KEY
export XDG_DATA_HOME="$work/xdg" XDG_CONFIG_HOME="$work/config" XDG_DATA_DIRS="$work/none" XDG_CONFIG_DIRS="$work/none"
server=
stop_all() {
    [ -n "$server" ] && kill "$server" 2>/dev/null && wait "$server" 2>/dev/null
    finish
}
trap stop_all EXIT

installs() { DESTDIR="$work/root" meson install -C "$CONCH_BUILD" --no-rebuild >out.txt 2>err.txt; }
unit() {
    file=$(find root -name conch.service) && [ -n "$file" ] && start=$(sed -n 's/^ExecStart=\([^ ]*\) serve .*/\1/p' "$file") &&
        [ -x "root$start" ] && ! grep -q '@' "$file" && conch=$work/root$start
}
found() {
    gives 0 doctor && grep -q "conch-media .*$work/root/.*libexec/conch/conch-media" out.txt &&
        grep -q "conch/tiny in $work/root/.*share/conch/models/tiny" out.txt && [ "$(grep -c '^ok  *model ' out.txt)" -eq 1 ]
}
serves() {
    "$conch" serve --listen 127.0.0.1:0 >serve.txt 2>serve.log &
    server=$!
    for i in $(seq 150); do
        grep -q 'at http' serve.txt && break
        sleep 0.1
    done
    CONCH_SERVER=$(sed -n 's/.*at \(http:[^ ]*\).*/\1/p' serve.txt)
    export CONCH_SERVER
    [ -n "$CONCH_SERVER" ] && [ -s "$XDG_DATA_HOME/conch/admin.key" ]
}
clip() { gives 0 submit "a red ball bounces on grass" --steps 1 -o clip.mp4 -q && [ "$(head -c 8 clip.mp4 | tail -c 4)" = ftyp ]; }
studio_and_catalog() {
    python3 - "$CONCH_SERVER" "$XDG_DATA_HOME/conch/admin.key" <<'P'
import json, re, sys, urllib.request
server, key = sys.argv[1], open(sys.argv[2]).read().strip()
page = urllib.request.urlopen(server + "/").read().decode()
assert "<html" in page
for path in re.findall(r'(?:src|href)="(/?[^":#]+\.(?:js|css))"', page):
    assert urllib.request.urlopen(server + "/" + path.lstrip("/")).read(), path
asked = urllib.request.Request(server + "/conch/v1/models", headers={"Authorization": "Bearer " + key})
names = {model["id"] for model in json.load(urllib.request.urlopen(asked))["data"]}
assert {"conch/tiny", "minimax/hailuo-02"} <= names, names
P
}

if command -v meson >/dev/null; then
    say "meson installs below DESTDIR" installs
    say "the unit of systemd starts the installed program" unit
    mkdir elsewhere && cd elsewhere || exit 1
    say "doctor finds helper and model where they were installed" found
    say "conch serve runs from another folder" serves
    say "it makes a clip" clip
    say "the studio and the catalog are there" studio_and_catalog
else
    skip "the installed program" "meson is not here"
fi
end
