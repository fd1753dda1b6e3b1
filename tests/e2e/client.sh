#!/bin/sh
# The commands that speak to a server, against a real one.
. "$(dirname "$0")/common"
has_servers

serve() { # ARGUMENTS: sets server and address; keeps its port
    : >serve.txt
    "$conch" serve --listen "${address:-127.0.0.1:0}" "$@" >serve.txt 2>>serve.log &
    server=$!
    pids="$pids $server"
    listens || return 1
    address=${CONCH_SERVER#http://}
}
unserve() {
    kill -"${1:-TERM}" "$server" && wait "$server"
    return 0
}
submit() { # ARGUMENTS: sets id
    run submit "$@"
    id=$(cat out.txt)
    [ "$code" -eq 0 ] && echo "$id" | grep -qE '^[0-9]{6,16}$'
}
state() { "$conch" status "$1" --json | python3 -c 'import json,sys; print(json.load(sys.stdin)["state"])'; }
becomes() { # ID STATE
    for i in $(seq 150); do
        [ "$(state "$1")" = "$2" ] && return 0
        sleep 0.1
    done
    return 1
}
video() { ffprobe -v error "$1" </dev/null && [ "$(head -c 8 "$1" | tail -c 4)" = ftyp ]; }
slow='a red ball [sandbox:slow=60]'
hosted=MiniMax-Hailuo-02

# ---- without a server ----
no_server() {
    gives 11 jobs --server http://127.0.0.1:1 && grep -qF 'no server answers at http://127.0.0.1:1; start one with: conch serve' err.txt
}
no_server_submit() { # at once, although it was to wait
    began=$(date +%s)
    refuses 11 'conch serve' submit ball -o clean/x.mp4 --server http://127.0.0.1:1 && [ $(($(date +%s) - began)) -lt 5 ]
}
bad_address() { refuses 2 'http://' jobs --server 127.0.0.1:8787 && refuses 2 query jobs --server 'http://a/?key=secret' && ! grep -q secret err.txt; }
bad_words() {
    refuses 2 'one word too many' submit red ball && refuses 2 'needs a prompt' submit &&
        refuses 2 'exclude each other' submit ball --estimate --wait && refuses 2 'exclude each other' submit ball --size 8x8 --resolution 768P &&
        refuses 2 "'abc' is not an id" status abc && refuses 2 'needs the id' wait && refuses 2 "also given '2'" fetch 1 2 &&
        refuses 2 'list, create, revoke' keys && refuses 2 "'lost' is not allowed" keys lost &&
        refuses 2 'balance, grant, statement, accounts, open' credits spend && refuses 2 'needs a name' credits open && refuses 2 'needs an amount' credits grant &&
        refuses 2 NAME=VALUE submit ball --metadata x && refuses 3 nowhere submit ball -o nowhere/x.mp4 &&
        refuses 3 '--first-frame: cannot open nix.png' submit ball --first-frame nix.png
}
bad_amounts() {
    for amount in 0 0.00 1e3 1,000 12. .5 0.0000001 9223372036854.775808 99999999999999 ' 1' 1x NaN ''; do
        refuses 2 'US dollars' credits grant "$amount" || return 1
    done
    refuses 2 'at most 3 decimals' credits grant 0.0001 --kind bonus && refuses 2 --budget keys create x --budget=-1
}
bad_key_file() {
    : >empty
    printf 'two words\n' >two
    refuses 2 'does not hold a key' jobs --key-file empty && refuses 2 'does not hold a key' jobs --key-file two &&
        refuses 3 '--key-file: cannot open nix' jobs --key-file nix
}

say "no server: how to start one, and its own exit code" no_server
say "no server: a submit that waits ends at once" no_server_submit
say "an address that is none is refused, and not repeated" bad_address
say "words and options that do not go together" bad_words
say "amounts are exact decimals or nothing" bad_amounts
say "files that hold no key" bad_key_file

# ---- a server of this user ----
own_key() { serve && gives 0 jobs && grep -q 'No jobs' out.txt && [ ! -s err.txt ]; }
whole_job() {
    gives 0 submit 'a red ball bounces on sand' --seed 5 -o whole.mp4 && video whole.mp4 && grep -q '^whole.mp4  ' out.txt &&
        grep -q 'seed 5' out.txt && grep -q denoising err.txt && [ -z "$(ls ./*.partial 2>/dev/null)" ]
}
by_hand() { # the parts, one by one
    submit 'a red ball bounces on sand' --seed 5 && gives 0 wait "$id" && gives 0 fetch "$id" -o fetched.mp4 && video fetched.mp4 &&
        gives 0 wait "$id" -q -o again.mp4 && [ ! -s out.txt ] && [ ! -s err.txt ] && cmp again.mp4 fetched.mp4
}
own_name() { (mkdir -p named && cd named && "$conch" submit 'Green? square' --seed 3 --wait -q && video green-square-3.mp4); }
fetch_name() { (cd named && "$conch" fetch "$id" >/dev/null && cmp a-red-ball-bounces-on-sand-5.mp4 ../fetched.mp4); }
picture() {
    gives 0 submit 'it rolls to the left' --first-frame "$data/rgb.jpg" --metadata shot=4 --metadata 'who=a "b"' -w --json -o p.mp4 && video p.mp4 &&
        python3 - <<'P'
import json
events = [json.loads(line) for line in open("out.txt")]
names = [e["event"] for e in events]
assert names[0] == "submitted" and names[-1] == "done" and set(names) == {"submitted", "progress", "done"}, names
job = events[-1]["job"]
assert job["mode"] == "first_frame" and job["metadata"] == {"shot": "4", "who": 'a "b"'}, job
assert events[-1]["path"] == "p.mp4" and events[-1]["bytes"] == job["video"]["bytes"], events[-1]
steps = [e["fraction"] for e in events if e["event"] == "progress"]
assert steps == sorted(steps) and len(steps) > 3, steps
assert any(e.get("phase") == "denoise" and e["steps"] > 1 for e in events), events
P
}
picture_by_id() { # the file that was uploaded with the job before
    "$conch" jobs --limit 1 --json >out.txt && file=$(python3 -c 'import json; print(json.load(open("out.txt"))["inputs"][0]["file_id"])') &&
        gives 0 submit 'it falls' --first-frame "$file" --estimate --json && grep -q '"first_frame"' out.txt
}
shows() {
    gives 0 status "$id" && grep -q "^$id  succeeded" out.txt && grep -q 'seed      5' out.txt && grep -q "conch fetch $id" out.txt &&
        gives 0 status "$id" --json && python3 -c 'import json; assert json.load(open("out.txt"))["seed"] == 5'
}
estimate() {
    gives 0 submit ball --estimate && grep -qE '^price +free' out.txt && grep -q 256x160 out.txt && jobs=$("$conch" jobs --json --all | wc -l) &&
        gives 0 submit ball --model $hosted --estimate && grep -q 'minimax/hailuo-02, served by conch/tiny' out.txt &&
        [ "$("$conch" jobs --json --all | wc -l)" -eq "$jobs" ]
}
table() {
    gives 0 jobs --state succeeded --q SAND && [ "$(grep -c ' succeeded ' out.txt)" -eq 2 ] && gives 0 jobs --limit 1 && grep -q 'There are more' out.txt &&
        gives 0 jobs --state failed && grep -q 'No jobs like this' out.txt && gives 0 jobs --model conch/tiny --all --json &&
        python3 -c 'import json; ids = [json.loads(l)["id"] for l in open("out.txt")]; assert len(ids) == len(set(ids)) == 4 and ids == sorted(ids, reverse=True), ids'
}
once() {
    submit ball --idempotency-key mine && first=$id && submit ball --idempotency-key mine && [ "$id" = "$first" ] &&
        refuses 13 Idempotency-Key submit 'another ball' --idempotency-key mine
}
reader_gone() { "$conch" jobs --all --json 2>err.txt | head -n 1 >out.txt && [ -s out.txt ]; }

say "conch serve leaves the key where the commands find it" own_key
say "a whole job: submit, wait, fetch" whole_job
say "the same in parts" by_hand
say "a clip without a name gets one" own_name
say "fetch names the clip the same way" fetch_name
say "a picture goes along; events as JSON" picture
say "a picture by the id of its file" picture_by_id
say "status shows a job" shows
say "estimate: price and time, and no job" estimate
say "jobs: filters, limits, pages" table
say "the same idempotency key makes one job" once
say "jobs into a reader that goes away" reader_gone

# ---- refusals ----
refusals() {
    refuses 2 '1080P with 6 s' submit ball --model $hosted --resolution 1080P --seconds 10 -o clean/x.mp4 && refuses 2 'conch/tiny' submit ball --model nope &&
        refuses 3 'no job 12345' status 12345 && refuses 3 'no job 12345' wait 12345 -o clean/x.mp4 && refuses 3 'no job 12345' fetch 12345 -o clean/x.mp4 &&
        refuses 2 'first_frame' submit ball --first-frame "$root/README.md" && refuses 2 'no state' jobs --state lost &&
        refuses 13 '' submit 'a ball [sandbox:content_policy]' --model $hosted && refuses 13 '' submit 'a ball [sandbox:balance]' --model $hosted -w
}
failed() {
    refuses 14 'made no clip, it is failed' submit 'a ball [sandbox:internal]' --model $hosted -o clean/x.mp4 --json && grep -q '(internal)' err.txt &&
        tail -n 1 out.txt | python3 -c 'import json,sys; e = json.load(sys.stdin); assert e["event"] == "error" and e["code"] == "job_failed" and e["exit"] == 14, e'
}
blocked() { refuses 14 'it is blocked' submit 'a ball [sandbox:output_policy]' --model $hosted -o clean/x.mp4; }
cancelled() {
    submit "$slow" --model $hosted && becomes "$id" running && refuses 3 'has no clip yet, it is running' fetch "$id" -o clean/x.mp4 &&
        { "$conch" wait "$id" -o cancelled.mp4 >wait.txt 2>&1 & } && waiter=$! && gives 0 cancel "$id" && becomes "$id" cancelled &&
        { wait $waiter; [ $? -eq 14 ]; } && grep -q 'it is cancelled' wait.txt && [ ! -e cancelled.mp4 ] &&
        refuses 13 'cannot be cancelled' cancel "$id" && refuses 3 'no clip: it is cancelled' fetch "$id" -o clean/x.mp4
}
cancel_many() { # the others all the same
    submit "$slow" --model $hosted && one=$id && submit "$slow" --model $hosted && run cancel 12345 "$one" "$id" && [ "$code" -eq 3 ] &&
        becomes "$one" cancelled && becomes "$id" cancelled && refuses 2 "'x' is not an id" cancel "$id" x
}
say "refusals say the field and what is allowed" refusals
say "a job that fails: its error as a line and as an event, and no file" failed
say "a job that is blocked" blocked
say "cancel ends a job and those who wait for it" cancelled
say "cancel goes on behind a job that is not there" cancel_many

# ---- keys and credits ----
wrong_key() {
    CONCH_KEY=ck_wrong gives 12 jobs && grep -q 'does not accept the key of CONCH_KEY' err.txt && ! grep -q ck_wrong err.txt &&
        XDG_DATA_HOME=$work/none gives 12 jobs && grep -q 'wants a key' err.txt && printf 'ck_other\n' >other && refuses 12 'the key of --key-file: other' jobs --key-file other
}
not_sent() { # the key of this machine's server goes to no other: 0.0.0.0 reaches this one, but is not this machine's name
    gives 12 jobs --server "http://0.0.0.0:${address#*:}" && grep -q 'wants a key' err.txt
}
keys() {
    gives 0 keys create laptop --scopes read,usage --budget 12.50 --queued 3 --expires 2040-01-01 && key=$(cat out.txt) &&
        printf '  %s\n\n' "$key" >key && gives 0 jobs --key-file key && CONCH_KEY=$key gives 12 submit ball && grep -q generate err.txt &&
        gives 0 keys list && grep -q laptop out.txt && ! grep -q "$key" out.txt && gives 0 keys list --json &&
        id=$(python3 -c '
import json
k = [k for k in map(json.loads, open("out.txt")) if k["name"] == "laptop"][0]
assert k["scopes"] == ["read", "usage"] and k["budget_microusd"] == 12500000 and k["queued_max"] == 3 and k["running_max"] is None, k
print(k["id"])') && gives 0 keys revoke "$id" && CONCH_KEY=$key gives 12 jobs && gives 0 keys list && ! grep -q laptop out.txt && gives 0 keys list --all &&
        grep -q revoked out.txt && refuses 3 'no key' keys revoke 12345 && refuses 2 'scopes' keys create x --scopes read,fly &&
        refuses 2 'not valid UTF-8' keys create "$(printf '\377')" && refuses 2 '--budget' keys create x --budget 1.0000001
}
credits() {
    gives 0 credits balance && grep -qF '$10.00 available' out.txt && gives 0 credits grant 12.505 --note 'thank, "you"' && grep -qF '$12.505 granted' out.txt &&
        gives 0 credits balance && grep -qF '$22.505 available' out.txt && gives 0 credits grant 0.000001 && gives 0 credits balance --json &&
        python3 -c 'import json; b = json.load(open("out.txt"))["balances"]; assert b[0]["available"] == 22505001, b' &&
        gives 0 credits grant 1.5 --kind bonus --expires 2040-01-01 && gives 0 credits balance && grep -qF '1.5 credits available' out.txt &&
        refuses 2 purchased credits grant 5 --kind gold && refuses 2 '--note is not' credits grant 5 --note "$(printf 'a\377')"
}
statement() {
    gives 0 credits statement && grep -qF '$12.505' out.txt && gives 0 credits statement --unit credits && grep -qF '1.5 credits' out.txt &&
        refuses 2 'usd or credits' credits statement --unit gold && gives 0 credits statement --all --csv && python3 - <<'P'
import csv
rows = list(csv.DictReader(open("out.txt", newline="")))
grants = [r for r in rows if r["kind"] == "grant"]
assert [g["available_change"] for g in grants] == ["0.000001", "12.505", "10.00"], grants
assert grants[1]["note"] == 'thank, "you"' and len(rows) > 10, rows
P
}
accounts() {
    gives 0 credits open 'a studio' && account=$(cat out.txt) && gives 0 credits grant 3 --account "$account" && gives 0 credits balance --account "$account" &&
        grep -qF "account $account" out.txt && gives 0 credits accounts && grep -q "^$account .* a studio$" out.txt &&
        gives 0 keys create --account "$account" && other=$(cat out.txt) && CONCH_KEY=$other gives 0 credits balance && grep -qF "account $account" out.txt &&
        CONCH_KEY=$other gives 12 credits accounts
}
many_pages() { # more than one page of a statement, none twice
    for i in $(seq 45); do "$conch" submit 'a ball [sandbox:slow=60]' --model $hosted -q || return 1; done >ids.txt
    # shellcheck disable=SC2046
    run cancel $(cat ids.txt)
    [ "$code" -eq 0 ] && [ "$(grep -c . out.txt)" -eq 45 ] && gives 0 credits statement --all --json &&
        python3 -c 'import json; ids = [int(json.loads(l)["id"]) for l in open("out.txt")]; assert len(ids) > 100 and ids == sorted(set(ids), reverse=True), len(ids)' &&
        gives 0 credits statement --limit 103 --json && [ "$(grep -c . out.txt)" -eq 103 ]
}
say "a wrong key, none, and where it came from" wrong_key
say "the local key is sent to this machine only" not_sent
say "keys: made once, used, listed, revoked" keys
say "credits: granted and counted exactly" credits
say "statement, for people and for spreadsheets" statement
say "accounts: opened, given to, with keys of their own" accounts
say "lists of several pages" many_pages

# ---- waiting ----
interrupted() { # SIGNAL CODE: the job goes on
    submit "$slow" --model $hosted && becomes "$id" running || return 1
    timeout --preserve-status -s "$1" 2 "$conch" wait "$id" -o int.mp4 >out.txt 2>err.txt
    code=$?
    [ "$code" -eq "$2" ] && grep -q "job $id goes on" err.txt && [ "$(state "$id")" = running ] && [ ! -e int.mp4 ] && gives 0 cancel "$id"
}
interrupted_cancels() { # with SIGTERM: a shell's background jobs ignore the other
    "$conch" submit "$slow" --model $hosted --wait --cancel-on-interrupt >out.txt 2>err.txt &
    waiter=$!
    for i in $(seq 100); do grep -q '^job ' err.txt && break; sleep 0.1; done
    kill -TERM $waiter
    wait $waiter
    code=$?
    id=$(sed -n 's/^job \([0-9]*\),.*/\1/p' err.txt)
    [ "$code" -eq 143 ] && grep -q "job $id is cancelled" err.txt && becomes "$id" cancelled
}
restarted() { # STOP: a server that comes back while somebody waits
    "$conch" submit 'a red ball [sandbox:slow=5]' --model $hosted -o restart.mp4 >out.txt 2>err.txt &
    waiter=$!
    for i in $(seq 100); do grep -q denoising err.txt && break; sleep 0.1; done
    unserve "$1"
    sleep 1.5
    kill -0 $waiter || return 1
    serve || return 1
    wait $waiter
    code=$?
    # how much of it the client sees depends on how soon the server is back
    [ "$code" -eq 0 ] && video restart.mp4 && rm restart.mp4 && grep -Eq 'no server answers|connection to .* broke' err.txt
}
patience() { # it ends, and says how to go on
    submit "$slow" --model $hosted && becomes "$id" running || return 1
    "$conch" wait "$id" --patience 2 >out.txt 2>err.txt &
    waiter=$!
    sleep 1
    unserve
    began=$(date +%s)
    wait $waiter
    code=$?
    took=$(($(date +%s) - began))
    serve && [ "$code" -eq 11 ] && [ $took -ge 1 ] && [ $took -lt 15 ] && grep -q "conch wait $id" err.txt && gives 0 cancel "$id"
}
say "Ctrl-C while waiting: the job goes on" interrupted INT 130
say "SIGTERM the same" interrupted TERM 143
say "stopped with --cancel-on-interrupt: the job is cancelled" interrupted_cancels
say "a server that is started again while waiting" restarted TERM
say "a server that is killed and started again while waiting" restarted KILL
say "patience ends" patience
unserve

# ---- a server that behaves badly ----
python3 "$root/tests/e2e/client_server.py" >port.txt 2>fake.log &
pids="$pids $!"
for i in $(seq 100); do [ -s port.txt ] && break; sleep 0.1; done
CONCH_SERVER=http://127.0.0.1:$(cat port.txt)
CONCH_KEY=key
export CONCH_SERVER CONCH_KEY

resumed() { gives 0 fetch 1 -o r.mp4 && [ "$(stat -c %s r.mp4)" -eq 256000 ] && grep -q 'range=bytes=100000-' requests.log; }
not_resumed() { gives 0 fetch 4 -o r4.mp4 && cmp r4.mp4 r.mp4; }
not_the_clip() { refuses 4 'SHA-256' fetch 2 -o clean/x.mp4 && refuses 4 '256000 bytes of a clip of 256001' fetch 5 -o clean/x.mp4; }
kept() { printf old >kept.mp4 && gives 4 fetch 2 -o kept.mp4 && [ "$(cat kept.mp4)" = old ]; }
polled() { gives 0 wait 3 -o p3.mp4 && cmp p3.mp4 r.mp4 && grep -q '2 jobs before it' err.txt && grep -q denoising err.txt; }
tried_again() { gives 0 submit ball -o s.mp4 && cmp s.mp4 r.mp4 && grep -q 'too much at once; try again in 1 s' err.txt; }
no_escapes() { gives 0 jobs && gives 0 status 1 && ! "$conch" jobs | LC_ALL=C grep -q "$(printf '\033')" && ! LC_ALL=C grep -q "$(printf '\033')\|$(printf '\302\233')" out.txt && grep -q 'red' out.txt; }
strange() { gives 13 jobs --server "$CONCH_SERVER/strange" && grep -q '502 Bad Gateway' err.txt && grep -q 'is it one' err.txt; }
disk_full() {
    gives_full() { (ulimit -f 100 && "$conch" fetch 1 -o full.mp4) >out.txt 2>err.txt; code=$?; }
    gives_full
    [ "$code" -eq 8 ] && grep -q 'cannot write full.mp4' err.txt && [ -z "$(ls full.mp4* 2>/dev/null)" ]
}
say "a transfer that breaks goes on where it was" resumed
say "or from the start, when the server gives no parts" not_resumed
say "bytes that are not the clip's are not kept" not_the_clip
say "nor do they replace a file" kept
say "a server without event streams is asked again and again" polled
say "a server that is busy is tried again, with the same idempotency key" tried_again
say "nothing of a server moves the cursor" no_escapes
say "what listens there is no Conch server" strange
say "a file that cannot be written is not left" disk_full
end
