#!/bin/sh
# What needs a server that makes clips: streams of statuses, tools that wait, callbacks with their signatures.
. "$(dirname "$0")/common"
has_servers
: >serve.txt
"$conch" serve --listen 127.0.0.1:0 --set fetch.allow=127.0.0.0/8 --set fetch.allow_http=true >serve.txt 2>serve.log &
server=$!
pids=$server
listens
CONCH_KEY=$(cat "$XDG_DATA_HOME/conch/admin.key")
export CONCH_KEY
python3 - >hook.port 2>hook.log <<'P' &
import http.server, json
class Hook(http.server.BaseHTTPRequestHandler):
    def do_HEAD(self):
        self.send_response(200)
        self.end_headers()
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        with open("hook.txt", "a") as file:
            file.write(json.dumps({"path": self.path, "headers": {k.lower(): v for k, v in self.headers.items()}, "body": body}) + "\n")
        self.do_HEAD()
    def log_message(self, *words):
        pass
server = http.server.HTTPServer(("127.0.0.1", 0), Hook)
print(server.server_port, flush=True)
server.serve_forever()
P
pids="$pids $!"
for _ in $(seq 50); do
    [ -s hook.port ] && break
    sleep 0.1
done
hook=http://127.0.0.1:$(cat hook.port)

post() { # PATH BODY [CURL ARGUMENTS]: sets out.txt
    path=$1 body=$2
    shift 2
    curl -sS --max-time 60 -H "Authorization: Bearer $CONCH_KEY" -d "$body" "$@" "$CONCH_SERVER$path" >out.txt 2>err.txt
}
get() { curl -sSN --max-time 60 -H "Authorization: Key $CONCH_KEY" "$CONCH_SERVER$1" >out.txt 2>err.txt; }
member() { python3 -c 'import json,sys; print(json.load(open("out.txt"))[sys.argv[1]])' "$1"; }
holds() { python3 -c "$1"; } # a Python program that fails, or not

picture=$data/exact.png

# ---- fal ----
fal_submit() {
    post /fal/conch/tiny '{"prompt":"a red ball","duration":1}' && id=$(member request_id)
}
fal_stream() {
    get "/fal/conch/tiny/requests/$id/status/stream?logs=$1"
}
fal_streams() { # each status once, the last one is the end, and the stream closes then
    fal_submit && fal_stream 0 && holds '
import json
told = [json.loads(line[6:]) for line in open("out.txt") if line.startswith("data: ")]
words = [one["status"] for one in told]
assert words == ["IN_QUEUE", "IN_PROGRESS", "COMPLETED"], words
assert all(one["status_url"].endswith("/status") for one in told)
assert not any(line.startswith("event:") for line in open("out.txt"))'
}
fal_streams_logs() {
    fal_submit && fal_stream 1 && holds '
import json
told = [json.loads(line[6:]) for line in open("out.txt") if line.startswith("data: ")]
lines = [log["message"] for one in told for log in one.get("logs", [])]
assert "started" in lines and lines[-1] == "done", lines
assert told[-1]["status"] == "COMPLETED"'
}
fal_streams_afterwards() { fal_stream 0 && grep -q COMPLETED out.txt; }
fal_run() {
    post /fal/run/conch/tiny '{"prompt":"a red ball","duration":1}' &&
        holds 'import json; assert json.load(open("out.txt"))["video"]["content_type"] == "video/mp4"'
}
fal_upload() { # asked for, put once, read by anybody who has the address, used by the account
    post /fal/storage/upload/initiate '{"content_type":"image/png","file_name":"a b.png"}' && put=$(member upload_url) &&
        file=$(member file_url) && [ "$(upload "$put")" = 200 ] && [ "$(upload "$put")" = 400 ] &&
        curl -sS "$file" | cmp -s - "$picture" && [ "$(upload "${file%/*}x/a.png")" = 405 ] &&
        post /fal/conch/tiny/image-to-video '{"prompt":"x","duration":1,"image_url":"'"$file"'"}' && [ -n "$(member request_id)" ]
}
upload() { curl -sS -o put.txt -w '%{http_code}' -X PUT -H 'Content-Type: image/png' --data-binary "@$picture" "$1"; }
told() { # PATH: waits until the hook was told
    for _ in $(seq 200); do
        grep -q "\"path\": \"$1\"" hook.txt 2>/dev/null && return 0
        sleep 0.1
    done
    return 1
}
fal_webhook() { # once, at the end; signed over the lines that fal documents
    post "/fal/conch/tiny?fal_webhook=$hook/fal" '{"prompt":"a red ball","duration":1}' && told /fal &&
        curl -sS "$CONCH_SERVER/.well-known/jwks.json" >jwks.json && holds '
import base64, hashlib, json, subprocess
message = [json.loads(line) for line in open("hook.txt") if "\"/fal\"" in line]
assert len(message) == 1
message = message[0]
body, headers = json.loads(message["body"]), message["headers"]
assert body["status"] == "OK" and body["payload"]["video"]["url"].startswith("http")
text = "\n".join([headers["x-fal-webhook-request-id"], headers["x-fal-webhook-user-id"], headers["x-fal-webhook-timestamp"],
                  hashlib.sha256(message["body"].encode()).hexdigest()])
open("text", "w").write(text)
open("signature", "wb").write(bytes.fromhex(headers["x-fal-webhook-signature"]))
key = base64.urlsafe_b64decode(json.load(open("jwks.json"))["keys"][0]["x"] + "==")
der = bytes.fromhex("302a300506032b6570032100") + key
open("key.pem", "w").write("-----BEGIN PUBLIC KEY-----\n" + base64.b64encode(der).decode() + "\n-----END PUBLIC KEY-----\n")
if subprocess.run(["which", "openssl"], capture_output=True).returncode == 0:
    subprocess.run(["openssl", "pkeyutl", "-verify", "-pubin", "-inkey", "key.pem", "-rawin", "-in", "text", "-sigfile",
                    "signature"], check=True, capture_output=True)'
}

# ---- Replicate ----
replicate_wait() {
    post /v1/models/conch/tiny/predictions '{"input":{"prompt":"a red ball","duration":1}}' -H 'Prefer: wait' &&
        [ "$(member status)" = succeeded ] && member output | grep -q '^http'
}
replicate_waits_in_vain() { # an answer that came too early says "starting", although it runs
    post /v1/models/minimax/hailuo-02/predictions '{"input":{"prompt":"a red ball [sandbox:slow=60]"}}' -H 'Prefer: wait=1' &&
        [ "$(member status)" = starting ] && id=$(member id) || return 1
    for _ in $(seq 100); do
        get "/v1/predictions/$id" && [ "$(member status)" = processing ] && break
        sleep 0.1
    done
    [ "$(member status)" = processing ] &&
        post "/v1/predictions/$id/cancel" '' && sleep 2 && get "/v1/predictions/$id" && [ "$(member status)" = canceled ]
}
replicate_starts_anew() { # a wait that ends while it runs
    post /v1/models/minimax/hailuo-02/predictions '{"input":{"prompt":"a red ball [sandbox:slow=60]"}}' -H 'Prefer: wait=4' &&
        [ "$(member status)" = starting ] && post "/v1/predictions/$(member id)/cancel" ''
}
replicate_webhook() { # start and end, each signed
    post /v1/models/conch/tiny/predictions \
        '{"input":{"prompt":"a red ball","duration":1},"webhook":"'"$hook"'/rep","webhook_events_filter":["completed"]}' &&
        told /rep && get /v1/webhooks/default/secret && holds '
import base64, hashlib, hmac, json
message = [json.loads(line) for line in open("hook.txt") if "\"/rep\"" in line]
assert len(message) == 1
headers, body = message[0]["headers"], message[0]["body"]
assert json.loads(body)["status"] == "succeeded"
key = base64.b64decode(json.load(open("out.txt"))["key"].split("_")[1])
text = ".".join([headers["webhook-id"], headers["webhook-timestamp"], body])
wanted = "v1," + base64.b64encode(hmac.new(key, text.encode(), hashlib.sha256).digest()).decode()
assert headers["webhook-signature"] == wanted'
}

# ---- MCP ----
mcp_streams() { # progress rises, then comes the answer
    post /mcp '{"jsonrpc":"2.0","id":"x","method":"tools/call","params":{"name":"generate_video","arguments":{"prompt":"a red ball","duration":1},"_meta":{"progressToken":7}}}' \
        -H 'Accept: application/json, text/event-stream' && holds '
import json
told = [json.loads(line[6:]) for line in open("out.txt") if line.startswith("data: ")]
answer, progress = told[-1], [one["params"]["progress"] for one in told[:-1]]
assert answer["id"] == "x" and "Video URL: http" in answer["result"]["content"][0]["text"], answer
assert progress and all(a < b for a, b in zip(progress, progress[1:])), progress
assert all(one["params"]["progressToken"] == 7 for one in told[:-1])'
}
mcp_waits() { # one answer for a client that takes no stream
    post /mcp '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"generate_video","arguments":{"prompt":"a red ball","duration":1}}}' &&
        holds 'import json; assert json.load(open("out.txt"))["result"]["structuredContent"]["status"] == "success"'
}

# ---- conch mcp ----
speak() { # LINES: one message each
    printf '%s\n' "$@" | "$conch" mcp >out.txt 2>err.txt
    code=$?
    [ $code -eq 0 ]
}
hello='{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2025-06-18","capabilities":{},"clientInfo":{"name":"t","version":"1"}}}'
bridge() {
    speak "$hello" '{"jsonrpc":"2.0","method":"notifications/initialized"}' '' '{"jsonrpc":"2.0","id":1,"method":"ping"}' '{"id"' &&
        holds '
import json
told = {str(one.get("id")): one for one in map(json.loads, open("out.txt"))}
assert told["0"]["result"]["serverInfo"]["name"] == "conch"
assert told["1"]["result"] == {}
assert told["None"]["error"]["code"] == -32700'
}
bridge_saves() { # a local picture in, a local clip out; a clip that is there is left alone
    mkdir -p clips && echo mine >clips/ball.mp4 &&
        speak "$hello" '{"jsonrpc":"2.0","id":2,"method":"tools/call","params":{"name":"image_to_video","arguments":{"prompt":"a ball","duration":1,"first_frame_image":"'"$picture"'","output_directory":"clips","outputFile":"ball.mp4"}}}' &&
        holds '
import json
answer = [one for one in map(json.loads, open("out.txt")) if one.get("id") == 2][0]["result"]
assert answer["isError"] is False, answer
assert answer["content"][-1]["text"] == "Saved as: clips/ball-1.mp4", answer' &&
        [ "$(cat clips/ball.mp4)" = mine ] && [ "$(head -c 8 clips/ball-1.mp4 | tail -c 4)" = ftyp ]
}
bridge_reads_pictures_alone() {
    speak "$hello" '{"jsonrpc":"2.0","id":3,"method":"tools/call","params":{"name":"image_to_video","arguments":{"prompt":"x","first_frame_image":"/etc/passwd"}}}' &&
        grep -q 'wanted is a picture' out.txt && ! grep -q root: out.txt
}
bridge_without_server() {
    CONCH_SERVER=http://127.0.0.1:1 speak "$hello" && grep -q '"id":0,"error"' out.txt && grep -q 'no server answers at http://127.0.0.1:1' out.txt
}
bridge_wrong_key() {
    CONCH_KEY=ck_wrong speak "$hello" && grep -q '"id":0' out.txt && grep -q '"error"' out.txt && grep -q key out.txt
}
say "fal's stream tells each status once and ends" fal_streams
say "with logs it tells what happens" fal_streams_logs
say "a stream that is opened afterwards tells the end" fal_streams_afterwards
say "the synchronous call answers with the clip" fal_run
say "a file is put at the address that was asked for, once" fal_upload
say "a fal_webhook is told once, signed with the published key" fal_webhook
say "Prefer: wait answers with the clip" replicate_wait
say "an answer that came too early says that it is starting" replicate_starts_anew
say "a prediction goes from starting to processing, and is canceled" replicate_waits_in_vain
say "a webhook of Replicate's is told at the moments that were asked for, and signed" replicate_webhook
say "a tool that waits streams its progress and its answer" mcp_streams
say "without a stream it answers once" mcp_waits
say "conch mcp passes messages on" bridge
say "conch mcp reads a picture and saves the clip here" bridge_saves
say "conch mcp reads nothing but pictures" bridge_reads_pictures_alone
say "conch mcp says that no server answers" bridge_without_server
say "conch mcp says that the key is wrong" bridge_wrong_key
end
