"""What the chaos tests share: TAP, a server as processes that can be killed, a client that bears it, and the books.

Every program prints TAP. CONCH_BUILD is the build folder, CONCH_CHAOS_SECONDS how long a storm blows (20), and
CONCH_CHAOS_STRIDE how many durable writes are passed over between two kills (1: none is passed over)."""
import atexit
import http.client
import json
import os
import random
import re
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
import traceback

ROOT = os.environ.get("CONCH_TEST_ROOT", os.getcwd())
BUILD = os.path.join(ROOT, os.environ.get("CONCH_BUILD", "build"))
CONCH = os.path.join(BUILD, "conch")
KEY = "chaos-admin-key-0123456789"
STORM_SECONDS = float(os.environ.get("CONCH_CHAOS_SECONDS", "20"))
STRIDE = int(os.environ.get("CONCH_CHAOS_STRIDE", "1"))
SANITIZED = b"__asan_init" in open(CONCH, "rb").read() or b"__tsan_init" in open(CONCH, "rb").read()
TERMINAL = ("succeeded", "failed", "blocked", "cancelled")
GIVE_UP_S = 120 * (4 if SANITIZED else 1)  # a wait that ends the test: the machine may be busy

def quick_model(folder):
    """The model that ships, which makes one step and its shortest clip where a request does not say otherwise."""
    copy = os.path.join(folder, "models", "tiny")
    shutil.copytree(os.path.join(ROOT, "models/tiny"), copy)
    manifest = json.load(open(os.path.join(copy, "conch.json")))
    manifest["sampling"]["steps"] = 1
    manifest["capabilities"]["default_frames"] = min(manifest["capabilities"]["frames"])
    with open(os.path.join(copy, "conch.json"), "w") as file:
        json.dump(manifest, file)


SETTINGS = ["jobs.lease=1s", "sandbox.charge=true", "credits.charge_local=true", "limits.queued_per_key=0",
            "server.log_level=warn", "fetch.allow=*", "engine.threads=1", "server.stop_timeout=5s", "jobs.attempts=20",
            "aliases.MiniMax-Hailuo-02=conch/tiny", "credits.local_microusd_per_video=1000"]

# One step, and as short as there are: a job is a second of work even on a busy machine.
CLIP = {"model": "conch/tiny", "prompt": "a red ball drops", "seconds": 1, "steps": 1, "optimizer": False}
PRICE = 1000  # of a clip, in micro-USD
MINIMAX = {"model": "MiniMax-Hailuo-02", "prompt": "a red ball drops", "duration": 6, "resolution": "768P"}


# ---- TAP ----

class Tap:
    def __init__(self):
        self.count = self.failures = 0

    def say(self, what, good, why=""):
        self.count += 1
        self.failures += not good
        print("%sok %d - %s" % ("" if good else "not ", self.count, what))
        for line in str(why).splitlines() if not good else []:
            print("# " + line)
        sys.stdout.flush()
        return good

    def skip(self, what, why):
        self.count += 1
        print("ok %d - %s # SKIP %s" % (self.count, what, why))

    def run(self, what, function, *arguments):
        """One line for a function that raises when something is wrong; what it returns is told."""
        try:
            note = function(*arguments)
            self.say(what + (" (%s)" % note if note else ""), True)
        except Exception as problem:
            self.say(what, False, "".join(traceback.format_exception(type(problem), problem, problem.__traceback__)))

    def end(self):
        print("1..%d" % self.count)
        sys.exit(self.failures > 0)


def check(good, text):
    if not good:
        raise AssertionError(text)


# ---- processes ----

class Folder:
    """What a test needs on the disk, gone at the end: path/models, path/data, path/log."""

    def __init__(self):
        self.path = tempfile.mkdtemp(prefix="conch-chaos-")
        self.data = os.path.join(self.path, "data")
        quick_model(self.path)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        shutil.rmtree(self.path, ignore_errors=True)


def environment(data, more):
    """Variables set to None in more are left out."""
    beside = os.path.dirname(data)
    result = dict(os.environ, CONCH_ADMIN_KEY=KEY, CONCH_MODELS=os.path.join(beside, "models"),
                  XDG_CACHE_HOME=os.path.join(beside, "cache"))
    result.update(more)
    return {name: value for name, value in result.items() if value is not None}


class Process:
    every = []  # that was started, to leave none behind

    def __init__(self, data, arguments, more=None):
        self.data = data
        self.log_path = os.path.join(os.path.dirname(data), "log")
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen([CONCH] + arguments, env=environment(data, more or {}),
                                            stdout=subprocess.PIPE, stderr=log)
        Process.every.append(self)

    def alive(self):
        return self.process.poll() is None

    def kill(self, number=signal.SIGKILL):
        if self.alive():
            self.process.send_signal(number)

    def wait(self, seconds=GIVE_UP_S):
        return self.process.wait(seconds)

    def stop(self):
        """SIGTERM: the exit code, or None when it had to be killed."""
        self.kill(signal.SIGTERM)
        try:
            return self.wait()
        except subprocess.TimeoutExpired:
            self.kill()
            self.process.wait()
            return None
        finally:
            self.close()

    def close(self):
        self.process.stdout.close()

    def log_text(self):
        with open(self.log_path, "rb") as log:
            return log.read()[-4000:].decode("utf-8", "replace")

    def memory_mb(self, field="VmRSS"):
        with open("/proc/%d/status" % self.process.pid) as file:
            for line in file:
                if line.startswith(field + ":"):
                    return int(line.split()[1]) / 1024
        return 0


def kill_all():
    for process in Process.every:
        process.kill()


atexit.register(kill_all)  # workers end with the server that started them
signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))


class Server(Process):
    """conch serve. The port is free at the first start and stays what it was in later ones."""

    def __init__(self, data, settings=(), more=None, port=0, wait=True):
        words = ["serve", "--listen", "127.0.0.1:%d" % port, "--data", data]
        for setting in list(SETTINGS) + list(settings):
            words += ["--set", setting]
        super().__init__(data, words, more)
        self.port = port
        if wait:
            check(self.wait_port(), "the server ended before it listened\n" + self.log_text())

    def wait_port(self):
        """False: it ended (or was killed) before it listened."""
        for line in self.process.stdout:
            found = re.search(rb"http://127.0.0.1:(\d+)", line)
            if found:
                self.port = int(found.group(1))
                return True
        self.process.wait()
        return False

    def children(self):
        """{"engine": pid, "relay": pid} of those that run."""
        found = {}
        try:
            with open("/proc/%d/task/%d/children" % (self.process.pid, self.process.pid)) as file:
                for pid in map(int, file.read().split()):
                    with open("/proc/%d/cmdline" % pid, "rb") as line:
                        words = line.read().split(b"\0")
                    if b"--kind" in words:
                        found[words[words.index(b"--kind") + 1].decode()] = pid
        except (OSError, ValueError):
            pass
        return found


class Worker(Process):
    def __init__(self, data, kind, more=None):
        words = ["worker", "--kind", kind, "--data", data]
        for setting in SETTINGS:
            words += ["--set", setting]
        super().__init__(data, words, more)


def books(data):
    """conch doctor --ledger must find nothing."""
    done = subprocess.run([CONCH, "doctor", "--ledger", "--data", data], env=environment(data, {}), capture_output=True,
                          text=True, timeout=GIVE_UP_S)
    check(done.returncode == 0, "conch doctor --ledger: %d\n%s%s" % (done.returncode, done.stdout, done.stderr))


def rows(data, sql):
    """Straight from the database, beside all of Conch's own code."""
    database = sqlite3.connect("file:%s?mode=ro" % os.path.join(data, "conch.db"), uri=True, timeout=60)
    try:
        return database.execute(sql).fetchall()
    finally:
        database.close()


# ---- requests ----

class Gone(Exception):
    """No answer: whether it was done is not known."""


class Answer:
    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body

    def json(self):
        return json.loads(self.body)

    def __repr__(self):
        return "%d %s" % (self.status, self.body[:400])


def ask(port, method, path, body=None, headers=None, timeout=GIVE_UP_S):
    """One request on a connection of its own; Gone when there is no whole answer."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout)
    send = {"Authorization": "Bearer " + KEY}
    if isinstance(body, (dict, list)):
        body = json.dumps(body).encode()
        send["Content-Type"] = "application/json"
    send.update(headers or {})
    try:
        connection.request(method, path, body, send)
        response = connection.getresponse()
        return Answer(response.status, response.headers, response.read())
    except (OSError, http.client.HTTPException) as problem:
        raise Gone(str(problem)) from problem
    finally:
        connection.close()


def until(what, function, seconds=None, pause=0.05):
    """Waits for something true."""
    end = time.monotonic() + (seconds or GIVE_UP_S)
    while True:
        result = function()
        if result:
            return result
        check(time.monotonic() < end, "never came: " + what)
        time.sleep(pause)


def job_get(port, job_id):
    answer = ask(port, "GET", "/conch/v1/jobs/" + job_id)
    check(answer.status == 200, "job %s: %r" % (job_id, answer))
    return answer.json()


def job_wait(port, job_id, states=TERMINAL):
    def ended():
        job = job_get(port, job_id)
        return job if job["state"] in states else None
    return until("an end of job " + job_id, ended)


def balance(port):
    """(free, held) in micro-USD."""
    answer = ask(port, "GET", "/conch/v1/account")
    check(answer.status == 200, repr(answer))
    for row in answer.json()["balances"]:
        if row["unit"] == "microusd":
            return row["available"], row["held"]
    return 0, 0


def account_id(port):
    return ask(port, "GET", "/conch/v1/account").json()["id"]
