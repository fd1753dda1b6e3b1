"""A server that behaves badly, for tests/e2e/client.sh: prints its port, then serves until it is killed.

Jobs, by id: 1 a clip whose transfer breaks once in the middle; 2 a clip whose bytes are not those that are stated;
3 no event stream, done at the fourth look; 4 as 1, but parts are never given; 5 a clip of another length. A POST is
answered 503 and 429 before it works. Below /strange everything is answered by a page for people. requests.log has a line
for each request.
"""
import hashlib
import json
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

CLIP = bytes(range(256)) * 1000
looks, broken, posts = {"3": 0}, set(), []


def job(number, state="succeeded", **more):
    done = state == "succeeded"
    sha = hashlib.sha256(CLIP).hexdigest() if number != "2" else "0" * 64
    size = len(CLIP) + (1 if number == "5" else 0)
    return {"id": number, "object": "job", "state": state, "status": {"succeeded": "success", "queued": "pending"}.get(state, "processing"),
            "model": "conch/tiny", "served_by": "conch/tiny", "prompt": "a \x1b[31mred\x1b[0m ball\n\u009b2J", "seed": 7, "progress": 1 if done else 0.5,
            "phase": None if done or state == "queued" else "denoise", "step": 1, "steps": 2, "queue_place": 2 if state == "queued" else None,
            "created_at": "2026-01-01T00:00:00.000Z", "error": None,
            "video": {"bytes": size, "sha256": sha, "duration_seconds": 2.0} if done else None, **more}


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *arguments):
        with open("requests.log", "a") as log:
            log.write(f"{self.command} {self.path} range={self.headers.get('Range')}\n")

    def answer(self, status, body, kind="application/json"):
        body = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def error(self, status, **fields):
        self.answer(status, {"error": {"code": "x", "field": None, "value": None, "allowed": None, "retry_after": None, **fields}})

    def content(self, number):
        part = self.headers.get("Range")
        if part and number != "4":
            begin = int(part[6:-1])
            self.send_response(206)
            self.send_header("Content-Length", str(len(CLIP) - begin))
            self.end_headers()
            self.wfile.write(CLIP[begin:])
            return
        self.send_response(200)
        self.send_header("Content-Length", str(len(CLIP)))
        self.end_headers()
        if number in ("1", "4") and number not in broken:
            broken.add(number)
            self.wfile.write(CLIP[:100000])
            self.close_connection = True
            return
        self.wfile.write(CLIP)

    def do_GET(self):
        parts = self.path.split("?")[0].split("/")
        if parts[1] == "strange":
            self.answer(502, b"<html>\x1b[2Jbad gateway</html>", "text/html")
        elif parts[-1] == "jobs":
            self.answer(200, {"object": "list", "data": [job("1")], "has_more": False, "next": None})
        elif parts[-1] == "content":
            self.content(parts[-2])
        elif parts[-1] == "events":
            self.error(404, message="no events here")
        elif parts[-1] == "3":
            looks["3"] += 1
            self.answer(200, job("3", ["queued", "queued", "running", "succeeded"][min(looks["3"], 4) - 1]))
        else:
            self.answer(200, job(parts[-1]))

    def do_POST(self):
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        posts.append(self.headers.get("Idempotency-Key"))
        if len(posts) == 1:
            self.error(503, message="too much at once", retry_after=1)
        elif len(posts) == 2:
            self.error(429, message="the queue is full", retry_after=1)
        elif len(set(posts)) > 1:
            self.error(400, message="another Idempotency-Key than before", field="Idempotency-Key")
        else:
            self.answer(201, job("1"))


server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
print(server.server_address[1], flush=True)
sys.stdout.close()
server.serve_forever()
