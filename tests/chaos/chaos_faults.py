#!/usr/bin/env python3
"""A server whose surroundings fail: a full disk, a database that somebody else locks, a clock that is set back and
forward. Answers stay clear, what was acknowledged stays, and it goes on when the trouble is over."""
import ctypes
import mmap
import struct

from harness import *

HOUR_MS = 3600 * 1000
MESSAGE_MAX = 600  # characters of an error that a person is to read


def refusal_is_clear(answer, word):
    """Later, and why, in words that name it."""
    check(answer.status == 503 and answer.headers["Retry-After"], "%r, %s" % (answer, answer.headers))
    error = answer.json()["error"]
    check(error["code"] == "busy" and word in error["message"], repr(answer))
    check(len(error["message"]) < MESSAGE_MAX, repr(answer))
    return error


# ---- a full disk ----

class SmallDisk:
    """16 MB of memory as a file system at folder/data; mounting takes root."""

    def __init__(self, folder):
        self.path = folder.data
        os.mkdir(self.path)
        libc = ctypes.CDLL(None, use_errno=True)
        self.mounted = libc.mount(b"tmpfs", self.path.encode(), b"tmpfs", 0, b"size=16m") == 0
        self.libc = libc

    def fill(self):
        """Leaves some 100 kB: little enough that jobs stop fitting."""
        with open(os.path.join(self.path, "filler"), "wb", buffering=0) as file:
            try:
                while True:
                    file.write(b"\1" * 4096)
            except OSError:
                file.truncate(max(0, file.tell() - 100 * 1024))

    def empty(self):
        os.unlink(os.path.join(self.path, "filler"))

    def close(self):
        if self.mounted:
            self.libc.umount2(self.path.encode(), 2)


def fill_with_jobs(server, acknowledged):
    """Submits until one is refused for want of room."""
    for _ in range(20000):
        answer = ask(server.port, "POST", "/conch/v1/jobs", CLIP)
        if answer.status != 201:
            return answer
        acknowledged.append(answer.json()["id"])
    raise AssertionError("20,000 jobs fit into 100 kB")


def disk_full():
    with Folder() as folder:
        disk = SmallDisk(folder)
        if not disk.mounted:
            return "SKIPPED: a file system cannot be mounted here"
        server = None
        try:
            server = Server(folder.data, ["server.upload_bytes_max=64M"])
            until("an engine", lambda: ask(server.port, "GET", "/readyz").status == 200)
            os.kill(server.children()["engine"], signal.SIGSTOP)  # so that jobs wait
            acknowledged = [ask(server.port, "POST", "/conch/v1/jobs", CLIP).json()["id"]]
            disk.fill()
            refused = fill_with_jobs(server, acknowledged)
            error = refusal_is_clear(refused, "disk is full")
            for job_id in acknowledged:
                check(job_get(server.port, job_id)["state"] == "queued", "job %s is not there" % job_id)
            check(ask(server.port, "GET", "/healthz").status == 200, "the server is not alive")
            ready = ask(server.port, "GET", "/readyz")
            check(ready.status == 503 and "bytes left" in ready.json()["message"], "a full disk is called ready: %r" % ready)
            disk.empty()
            answer = until("room again", lambda: ask(server.port, "POST", "/conch/v1/jobs", CLIP).status == 201)
            os.kill(server.children()["engine"], signal.SIGCONT)
            check(job_wait(server.port, acknowledged[0])["state"] == "succeeded", "no clip after the disk was full")
            books(folder.data)
            check(server.stop() == 0, "the server does not stop cleanly")
            books(folder.data)
            return "%d jobs, then: %s" % (len(acknowledged), error["message"])
        finally:
            if server:
                server.kill()
            disk.close()


# ---- a locked database ----

def locked():
    with Folder() as folder:
        server = Server(folder.data)
        until("an engine", lambda: ask(server.port, "GET", "/readyz").status == 200)
        first = ask(server.port, "POST", "/conch/v1/jobs", CLIP).json()["id"]
        database = sqlite3.connect(os.path.join(folder.data, "conch.db"), timeout=GIVE_UP_S, isolation_level=None)
        database.execute("BEGIN IMMEDIATE")
        answers = []
        clients = [threading.Thread(target=lambda: answers.append(ask(server.port, "POST", "/conch/v1/jobs", CLIP)))
                   for _ in range(8)]
        for client in clients:
            client.start()
        time.sleep(2)
        began = time.monotonic()
        job_get(server.port, first)
        check(time.monotonic() - began < 2, "a poll waits for the lock")
        for client in clients:  # longer than the server waits for it
            client.join()
        for answer in answers:
            error = refusal_is_clear(answer, "too much to do")
        database.execute("COMMIT")
        database.execute("BEGIN IMMEDIATE")
        late = []
        client = threading.Thread(target=lambda: late.append(ask(server.port, "POST", "/conch/v1/jobs", CLIP)))
        client.start()
        time.sleep(1)
        database.execute("COMMIT")
        client.join()
        database.close()
        check(late[0].status == 201, "a short lock is not waited for: %r" % late[0])
        check(job_wait(server.port, late[0].json()["id"])["state"] == "succeeded", "no clip after the lock")
        check(job_wait(server.port, first)["state"] == "succeeded", "no clip after the lock")
        check(server.stop() == 0, "the server does not stop cleanly")
        books(folder.data)
        return error["message"]


# ---- the clock ----

class Clock:
    def __init__(self, folder):
        path = os.path.join(folder.path, "clock")
        with open(path, "wb") as file:
            file.write(struct.pack("q", 0))
        self.file = open(path, "r+b")
        self.map = mmap.mmap(self.file.fileno(), 8)
        self.more = {"LD_PRELOAD": os.path.join(BUILD, "tests/chaos/libclock_shim.so"), "CONCH_TEST_CLOCK": path,
                     "ASAN_OPTIONS": os.environ.get("ASAN_OPTIONS", "") + ":verify_asan_link_order=0"}

    def move(self, ms):
        self.map[:] = struct.pack("q", ms)


def created(job):
    return job["created_at"]


def clock_moves():
    """While a server runs: jobs go on and end, and no time of a job lies before the one before it."""
    with Folder() as folder:
        clock = Clock(folder)
        server = Server(folder.data, more=clock.more)
        until("an engine", lambda: ask(server.port, "GET", "/readyz").status == 200)
        last = ""
        for moved in (0, HOUR_MS, 0, -24 * HOUR_MS, 48 * HOUR_MS, -HOUR_MS):
            clock.move(moved)
            answer = ask(server.port, "POST", "/conch/v1/jobs", CLIP)
            check(answer.status == 201, "%d ms: %r" % (moved, answer))
            job = job_wait(server.port, answer.json()["id"])
            check(job["state"] == "succeeded", "%d ms: %r" % (moved, job["error"]))
            check(job["created_at"] <= job["started_at"] <= job["finished_at"], "%d ms: %r" % (moved, job))
            check(created(job) >= last, "made at %s, after one made at %s" % (created(job), last))
            last = created(job)
        check(server.stop() == 0, "the server does not stop cleanly")
        books(folder.data)


def clock_back_and_killed():
    """The worst case: everything is killed while a job runs, and the clock is an hour earlier at the next start."""
    with Folder() as folder:
        clock = Clock(folder)
        clock.move(HOUR_MS)
        server = Server(folder.data, more=clock.more)
        until("an engine", lambda: ask(server.port, "GET", "/readyz").status == 200)
        job_id = ask(server.port, "POST", "/conch/v1/jobs", dict(CLIP, steps=20)).json()["id"]
        waiting = ask(server.port, "POST", "/conch/v1/jobs", CLIP).json()["id"]
        job_wait(server.port, job_id, ("running",))
        for pid in list(server.children().values()) + [server.process.pid]:
            os.kill(pid, signal.SIGKILL)
        server.wait()
        server.close()
        clock.move(0)
        server = Server(folder.data, more=clock.more, port=server.port)
        new = ask(server.port, "POST", "/conch/v1/jobs", CLIP).json()["id"]
        for other in (job_id, waiting, new):
            job = job_wait(server.port, other)
            check(job["state"] == "succeeded", "job %s: %s, %r" % (other, job["state"], job["error"]))
        check(server.stop() == 0, "the server does not stop cleanly")
        books(folder.data)


if __name__ == "__main__":
    tap = Tap()
    tap.run("a full disk: refused with a clear text, nothing lost, and on it goes when there is room", disk_full)
    tap.run("a locked database: polls go on, a short lock is waited for, a long one is 503", locked)
    tap.run("a clock that is set back and forward", clock_moves)
    tap.run("a clock that is set back while everything is killed", clock_back_and_killed)
    tap.end()
