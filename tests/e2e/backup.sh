#!/bin/sh
# conch backup beside a server under load: what the copy serves is what was there.
. "$(dirname "$0")/common"
has_servers
trap 'touch calm; stop_servers' EXIT
live=$work/live

serve() { # DATA ARGUMENTS: sets server and CONCH_SERVER
    : >serve.txt
    "$conch" serve --listen 127.0.0.1:0 --data "$@" >serve.txt 2>>serve.log &
    server=$!
    pids="$pids $server"
    listens
}
unserve() {
    kill "$server" && wait "$server"
    return 0
}
begin() {
    serve "$live" && CONCH_KEY=$(cat "$live/admin.key") && export CONCH_KEY && gives 0 credits grant 500 &&
        gives 0 submit "a red ball" --steps 1 -o before.mp4 -q && gives 0 jobs --json && id=$(python3 -c '
import json
print(json.loads(open("out.txt").readline())["id"])')
}
load() { # writes without pause until there is a file "calm"
    while [ ! -e calm ]; do
        "$conch" submit "a ball" --steps 1 -o load.mp4 -q >>load.txt 2>&1
        for i in 1 2 3; do "$conch" credits grant 0.01 >>load.txt 2>&1; done
    done
}
begins_load() {
    : >load.txt
    load &
    loader=$!
    pids="$pids $loader"
    for i in $(seq 100); do
        [ "$(wc -l <load.txt)" -ge 6 ] && return 0
        sleep 0.1
    done
    return 1
}
backup() { # NAME ARGUMENTS: made whole, with nothing beside it, readable by its user alone
    gives 0 backup "$1" --data "$live" ${2:-} && [ ! -e "$1.partial" ] && [ "$(stat -c %a "$1" "$1/conch.db" | tr '\n' ' ')" = "700 600 " ] &&
        grep -q "conch serve --data $1" out.txt
}
under_load() { begins_load && backup one && sleep 1 && backup two && [ ! -e one/admin.key ]; }
adds_up() { gives 0 doctor --ledger --data one && gives 0 doctor --ledger --data two && grep -q '^1 account, .* postings: the books add up$' out.txt; }
facts() { # of each job what does not depend on where it is asked for
    gives 0 jobs --all --json && python3 -c '
import json
for line in open("out.txt"):
    job = json.loads(line)
    print(job["id"], job["state"], job["seed"], job["created_at"], job["finished_at"], job["video"] and job["video"]["sha256"])' >facts.txt
}
calms() {
    touch calm
    wait $loader
    backup three --with-key && cmp three/admin.key "$live/admin.key" && gives 0 credits statement --all --json && mv out.txt live.txt &&
        facts && mv facts.txt live-facts.txt && unserve
}
statement_of() { # COPY LINES-OF-LIVE: its statement is the live one, or all but the newest lines of it
    serve "$1" --set engine.enabled=false && gives 0 credits statement --all --json &&
        python3 - "$2" <<'P'
import json, sys
def lines(path):
    return sorted((json.loads(line) for line in open(path)), key=lambda line: int(line["id"]))
live, copy = lines("live.txt"), lines("out.txt")
assert len(copy) >= 2, copy
assert copy == live[:len(copy)], "not the beginning of the statement"
assert sys.argv[1] == "some" or len(copy) == len(live), (len(copy), len(live))
P
}
same_statement() { statement_of three all && facts && cmp facts.txt live-facts.txt; }
same_clip() { gives 0 fetch "$id" -o after.mp4 -q && cmp before.mp4 after.mp4 && unserve; }
earlier_copy() { statement_of one some && gives 0 fetch "$id" -o earlier.mp4 -q && cmp before.mp4 earlier.mp4 && unserve; }
goes_on() { # a restored folder is a server's like any other
    serve three && gives 0 submit "a blue ball" --steps 1 -o new.mp4 -q && unserve && gives 0 doctor --ledger --data three
}
refusals() {
    mkdir -p full && touch full/x file && refuses 2 'full is not empty' backup full --data "$live" && refuses 2 'no folder' backup file --data "$live" &&
        refuses 3 'conch.db' backup clean/x --data "$work/nothing" && refuses 3 'clean/none/x.partial' backup clean/none/x --data "$live" &&
        refuses 2 'needs the folder' backup --data "$live" && mkdir left.partial && refuses 2 'left.partial is there' backup left --data "$live"
}
other_disk() { # no hard links: /dev/shm is a file system of its own
    shm=$(mktemp -d /dev/shm/conch-backup-XXXXXX) && gives 0 backup "$shm/copy" --data "$live" && diff -r "$live/blobs" "$shm/copy/blobs" && rm -rf "$shm"
}
lost() { # a clip that the folder itself has lost is told, and the rest is copied
    rm "$(find "$live/blobs" -name '*.mp4' | head -n 1)" && gives 0 backup four --data "$live" && grep -q '1 file is missing' err.txt
}
cut() { # a clip of another length than its row says
    clip=$(find "$live/blobs" -name '*.mp4' | head -n 1) && cp "$clip" whole && head -c 100 whole >cut.mp4 && rm "$clip" && cp cut.mp4 "$clip" &&
        refuses 4 'is damaged' backup clean/five --data "$live"
}

say "a server with a clip and money" begin
say "backups while jobs and grants come in" under_load
say "the books of both copies add up" adds_up
say "a backup with the key, after the load" calms
say "the copy serves the same statement and jobs" same_statement
say "and the same bytes of the clip" same_clip
say "the copy made under load: the statement as it was then" earlier_copy
say "a copy goes on as a server" goes_on
say "refusals leave nothing" refusals
say "a copy onto another disk" other_disk
say "a damaged clip ends the backup, and nothing is left" cut
say "a lost clip is told" lost
end
