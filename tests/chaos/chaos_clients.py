#!/usr/bin/env python3
"""Clients that are slow, silent, or send too much: the server's memory stays bounded, each gets a clear answer, and a
client that behaves is served all the while."""
import resource
import select

from harness import *

MEMORY_MB_MAX = 96       # of the API process, with all of this going on: the bodies below are 1 MB each
ANSWER_S_MAX = 3.0       # a poll beside them, on a busy machine
SETTINGS_HERE = ["server.idle_timeout=4s", "server.header_timeout=4s", "server.body_timeout=4s", "server.body_bytes_max=1M",
                 "server.upload_bytes_max=2M", "server.inflight_bytes_max=16M", "server.spool_bytes_max=16M",
                 "server.connections_max=2048", "engine.enabled=false"]
AUTHORIZED = b"Host: chaos\r\nAuthorization: Bearer " + KEY.encode() + b"\r\n"


class Crowd:
    """Sockets to a server."""

    def __init__(self, port, count):
        self.sockets = []
        for _ in range(count):
            self.sockets.append(socket.create_connection(("127.0.0.1", port), timeout=GIVE_UP_S))

    def send(self, data):
        """How many took it; those that the server has closed are left out."""
        sent = 0
        for one in self.sockets:
            try:
                one.sendall(data)
                sent += 1
            except OSError:
                pass
        return sent

    def statuses(self, seconds):
        """What each was answered, as numbers; 0: closed without an answer, None: neither."""
        answers = {one: b"" for one in self.sockets}
        done = {}
        end = time.monotonic() + seconds
        while len(done) < len(answers) and time.monotonic() < end:
            waiting = select.poll()
            numbers = {}
            for one in answers:
                if one not in done:
                    waiting.register(one, select.POLLIN)
                    numbers[one.fileno()] = one
            for number, _ in waiting.poll(200):
                one = numbers[number]
                try:
                    data = one.recv(65536)
                except OSError:
                    data = b""
                answers[one] += data
                if b"\r\n\r\n" in answers[one] or not data:
                    done[one] = int(answers[one].split()[1]) if answers[one] else 0
        return [done.get(one) for one in self.sockets]

    def close(self):
        for one in self.sockets:
            one.close()


class Watch(threading.Thread):
    """A client that behaves: polls, and remembers the longest wait."""

    def __init__(self, port):
        super().__init__(daemon=True)
        self.port, self.longest, self.polls, self.problem = port, 0, 0, None
        self.stopping = threading.Event()
        self.start()

    def run(self):
        while not self.stopping.wait(0.02):
            began = time.monotonic()
            try:
                answer = ask(self.port, "GET", "/conch/v1/account", timeout=30)
                if answer.status != 200:
                    self.problem = repr(answer)
            except Gone as problem:
                self.problem = "gone: %s" % problem
            self.longest = max(self.longest, time.monotonic() - began)
            self.polls += 1

    def judge(self):
        self.stopping.set()
        self.join()
        check(not self.problem, "a client that behaves: %s" % self.problem)
        check(self.polls > 0, "no poll was answered")
        check(SANITIZED or self.longest < ANSWER_S_MAX, "a poll took %.1f s" % self.longest)


def served(server, act, *arguments):
    """While act goes on, others are served, and the memory stays bounded."""
    watch = Watch(server.port)
    try:
        note = act(server, *arguments)
    finally:
        watch.stopping.set()
    watch.judge()
    memory = server.memory_mb("VmHWM")
    check(SANITIZED or memory < MEMORY_MB_MAX, "%d MB, at most %d" % (memory, MEMORY_MB_MAX))
    check(server.alive(), "the server died\n" + server.log_text())
    return "%s%.1f MB at most, longest poll %.0f ms" % (note + "; " if note else "", memory, watch.longest * 1000)


def idle(server):
    crowd = Crowd(server.port, 1024)
    time.sleep(2)
    memory = server.memory_mb()
    check(SANITIZED or memory < 64, "%d MB with 1,024 idle connections" % memory)
    closed = crowd.statuses(30)
    crowd.close()
    check(all(status in (0, 408) for status in closed), "idle connections stay open: %r" % set(closed))
    return "%.1f MB while 1,024 are idle" % memory


def slow_heads(server):
    """A byte now and then: the time to be idle does not begin anew for each."""
    crowd = Crowd(server.port, 200)
    end = time.monotonic() + 30
    crowd.send(b"GET /healthz HTTP/1.1\r\nX-Slow: ")
    while crowd.send(b"a") and time.monotonic() < end:
        time.sleep(1)
    crowd.close()
    check(time.monotonic() < end, "slow heads are never ended")


def slow_bodies(server):
    crowd = Crowd(server.port, 200)
    crowd.send(b"POST /conch/v1/jobs HTTP/1.1\r\n" + AUTHORIZED + b"Content-Length: 1000\r\n\r\n{")
    statuses = crowd.statuses(30)
    crowd.close()
    check(all(status in (0, 408) for status in statuses), "%r" % set(statuses))


def never_reads(server):
    """Asks for much and takes nothing."""
    crowd = Crowd(server.port, 64)
    request = b"GET /conch/v1/openapi.json HTTP/1.1\r\n" + AUTHORIZED + b"\r\n"
    for one in crowd.sockets:
        one.setblocking(False)
        try:
            for _ in range(2000):
                one.send(request)
        except OSError:
            pass
    time.sleep(6)
    crowd.close()


def header_flood(server):
    long = Crowd(server.port, 50)
    long.send(b"GET /healthz HTTP/1.1\r\nHost: chaos\r\nX-Long: " + b"a" * 200000 + b"\r\n\r\n")
    many = Crowd(server.port, 50)
    many.send(b"GET /healthz HTTP/1.1\r\nHost: chaos\r\n" + b"".join(b"X-%d: b\r\n" % i for i in range(20000)) + b"\r\n")
    path = Crowd(server.port, 50)
    path.send(b"GET /" + b"a" * 200000 + b" HTTP/1.1\r\nHost: chaos\r\n\r\n")
    for crowd, allowed in ((long, (0, 431)), (many, (0, 431)), (path, (0, 414, 431))):
        statuses = crowd.statuses(30)
        check(all(status in allowed for status in statuses), "%r, allowed %r" % (set(statuses), allowed))
        crowd.close()
    one = ask_raw(server.port, b"GET /healthz HTTP/1.1\r\nHost: chaos\r\nX-Long: " + b"a" * 34000 + b"\r\n\r\n")
    check(one.startswith(b"HTTP/1.1 431"), "one header of 34,000 bytes: %r" % one[:200])


def ask_raw(port, request):
    one = socket.create_connection(("127.0.0.1", port), timeout=30)
    answer = b""
    try:
        one.sendall(request)
        while b"\r\n\r\n" not in answer:
            data = one.recv(65536)
            if not data:
                break
            answer += data
    except OSError:
        pass
    one.close()
    return answer


def body_flood(server):
    """Announced bodies above the limit are refused unread; unannounced ones as soon as they are above it; and many that
    are allowed one by one do not all come in together."""
    head = b"POST /conch/v1/jobs HTTP/1.1\r\n" + AUTHORIZED + b"Content-Type: application/json\r\n"
    announced = Crowd(server.port, 100)
    announced.send(head + b"Content-Length: 100000000000\r\n\r\n")
    statuses = announced.statuses(30)
    check(set(statuses) == {413}, "announced: %r" % set(statuses))
    announced.close()
    endless = Crowd(server.port, 10)  # together below inflight_bytes_max
    endless.send(head + b"Transfer-Encoding: chunked\r\n\r\n")
    piece = b"10000\r\n" + b" " * 65536 + b"\r\n"
    for _ in range(40):
        endless.send(piece)
    endless.send(b"0\r\n\r\n")
    statuses = endless.statuses(30)
    check(set(statuses) == {413}, "unannounced: %r" % set(statuses))
    endless.close()
    many = Crowd(server.port, 100)
    many.send(head + b"Content-Length: 1000000\r\n\r\n")
    for _ in range(10):  # all of them are on their way before the first one is whole
        many.send(b" " * 100000)
    statuses = many.statuses(30)
    check(set(statuses) <= {0, 400, 408, 503} and 503 in statuses, "many: %r" % set(statuses))
    many.close()


def wrong_key_flood(server):
    """Without a key a body is read and dropped, and told so; one that does not come is not waited for long."""
    crowd = Crowd(server.port, 100)
    crowd.send(b"POST /conch/v1/files HTTP/1.1\r\nHost: chaos\r\nAuthorization: Bearer wrong\r\nContent-Type: multipart/"
               b"form-data; boundary=x\r\nContent-Length: 2000000\r\n\r\n")
    for one in crowd.sockets[:50]:
        one.sendall(b"a" * 2000000)
    statuses = crowd.statuses(30)
    crowd.close()
    check(set(statuses[:50]) == {401} and set(statuses[50:]) <= {0, 401, 408}, "%r" % statuses)


def nonsense(server):
    """Bytes that are no HTTP, and JSON that is deep, long or doubled."""
    rng = random.Random(1)
    crowd = Crowd(server.port, 200)
    for one in crowd.sockets:
        try:
            one.sendall(bytes(rng.randrange(256) for _ in range(rng.randrange(2000))) + b"\r\n\r\n")
        except OSError:
            pass
    statuses = crowd.statuses(30)
    crowd.close()
    check(all(status is None or status == 0 or 400 <= status < 600 for status in statuses), "%r" % set(statuses))
    for body in (b"[" * 500000, b'{"a":' * 100000, b'{"prompt":"a","prompt":"b"}', b'"' + b"a" * 900000, b"\0" * 1000,
                 b'{"prompt":"\\ud800"}', b'{"seed":1e999}', b'{"seed":123456789012345678901234567890}'):
        answer = ask(server.port, "POST", "/conch/v1/jobs", body, {"Content-Type": "application/json"})
        check(answer.status == 400 and answer.json()["error"]["message"], repr(answer))


def reset_storm(server):
    """Connections that are broken off in the middle of everything."""
    head = b"POST /conch/v1/estimate HTTP/1.1\r\n" + AUTHORIZED + b"Content-Type: application/json\r\n"
    body = json.dumps(CLIP).encode()
    whole = head + b"Content-Length: %d\r\n\r\n" % len(body) + body
    end = time.monotonic() + 3
    count = 0
    while time.monotonic() < end:
        one = socket.create_connection(("127.0.0.1", server.port), timeout=30)
        one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        one.sendall(whole[:random.randrange(1, len(whole) + 1)])
        one.close()
        count += 1
    return "%d" % count


def main():
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 8192), hard))
    tap = Tap()
    with Folder() as folder:
        server = Server(folder.data, SETTINGS_HERE)
        for what, act in (("1,024 idle connections", idle), ("heads that come byte by byte", slow_heads),
                          ("bodies that never end", slow_bodies), ("clients that never read", never_reads),
                          ("headers without end", header_flood), ("bodies above every limit", body_flood),
                          ("uploads without a key", wrong_key_flood), ("bytes that mean nothing", nonsense),
                          ("connections broken off", reset_storm)):
            tap.run(what, served, server, act)
        tap.run("after all that, little memory is held", lambda: check(
            SANITIZED or server.memory_mb() < MEMORY_MB_MAX, "%d MB" % server.memory_mb()))
        tap.say("and the server stops cleanly", server.stop() == 0)
        tap.run("with its books in order", books, folder.data)
    tap.end()


if __name__ == "__main__":
    main()
