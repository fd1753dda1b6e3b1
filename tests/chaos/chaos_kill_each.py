#!/usr/bin/env python3
"""kill -9 at every durable write, one after the other: of a first start, of the API process while it takes jobs, money
and files, and of the engine worker while it makes a clip. Whatever was acknowledged is there afterwards, once."""
import http.server
import itertools

from harness import *

LANES = 3



def crash_at(number):
    return {"CONCH_CRASH_AT": str(number)}


# ---- a first start ----

def first_start_dies(number):
    """True: it did not get as far as this write."""
    with Folder() as folder:
        settings = ["engine.enabled=false"]
        more = dict(crash_at(number), CONCH_ADMIN_KEY=None)
        server = Server(folder.data, settings, more, wait=False)
        listened = server.wait_port()
        if listened and server.stop() == 0:
            return True
        server.close()
        again = Server(folder.data, settings, {"CONCH_ADMIN_KEY": None})
        try:
            with open(os.path.join(folder.data, "admin.key")) as file:
                key = file.read().strip()
            answer = ask(again.port, "GET", "/conch/v1/account", headers={"Authorization": "Bearer " + key})
            check(answer.status == 200, "the key of the file is not taken after write %d: %r" % (number, answer))
            check(len(rows(folder.data, "SELECT id FROM account")) == 1, "two accounts after write %d" % number)
        finally:
            check(again.stop() == 0, "the second start does not stop cleanly")
        books(folder.data)
    return False


def first_start():
    for number in itertools.count(1, STRIDE):
        if first_start_dies(number):
            return "%d writes" % (number - 1)


# ---- callbacks ----

class Receiver(http.server.ThreadingHTTPServer):
    """Remembers which jobs it was told of, and how."""
    daemon_threads = True

    def __init__(self):
        self.told = {}
        super().__init__(("127.0.0.1", 0), ReceiverHandler)
        threading.Thread(target=self.serve_forever, daemon=True).start()
        self.url = "http://127.0.0.1:%d/hook" % self.server_port


class ReceiverHandler(http.server.BaseHTTPRequestHandler):
    def do_HEAD(self):
        self.send_response(200)
        self.end_headers()

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        for job_id in re.findall(rb'"id":"(\d+)"', body):
            for state in re.findall(rb'"state":"(\w+)"', body):
                self.server.told.setdefault(job_id.decode(), set()).add(state.decode())
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


# ---- the API ----

class Driver:
    """A client that asks again with the same Idempotency-Key until there is an answer, and starts the server when it is
    dead."""

    def __init__(self, data, settings):
        self.data, self.settings, self.crashes, self.keys = data, settings, 0, itertools.count()
        self.server = Server(data, settings)
        self.port = self.server.port
        self.granted = self.paid = 0
        self.jobs = []

    def restart(self, more=None):
        self.server = Server(self.data, self.settings, more, self.port, wait=False)
        if not self.server.wait_port():
            check(more, "the server does not start\n" + self.server.log_text())
            self.crashes += 1
            self.restart()

    def revive(self):
        for _ in range(100):
            if not self.server.alive():
                self.server.close()
                self.crashes += 1
                self.restart()
                return
            time.sleep(0.01)

    def sure(self, method, path, body=None, headers=None):
        end = time.monotonic() + GIVE_UP_S
        while True:
            try:
                answer = ask(self.port, method, path, body, headers)
                if answer.status not in (500, 503):
                    return answer
            except Gone:
                self.revive()
            check(time.monotonic() < end, "%s %s is never answered" % (method, path))

    def once(self, path, body, headers=None):
        """A POST that must be done exactly once, whatever happens."""
        key = {"Idempotency-Key": "chaos-%d" % next(self.keys)}
        key.update(headers or {})
        answer = self.sure("POST", path, body, key)
        check(answer.status in (200, 201), "%s: %r" % (path, answer))
        again = self.sure("POST", path, body, key)
        check(again.body == answer.body, "another answer the second time:\n%r\n%r" % (answer, again))
        return answer.json()

    def job_wait(self, job_id):
        def ended():
            job = self.sure("GET", "/conch/v1/jobs/" + job_id).json()
            return job if job["state"] in TERMINAL else None
        return until("an end of job " + job_id, ended)


def upload(driver):
    edge = "chaosedge"
    body = (b"--%s\r\nContent-Disposition: form-data; name=\"purpose\"\r\n\r\nvideo_generation_input\r\n--%s\r\nContent-"
            b"Disposition: form-data; name=\"file\"; filename=\"a.png\"\r\nContent-Type: image/png\r\n\r\n%s\r\n--%s--\r\n"
            % (edge.encode(), edge.encode(), PICTURE, edge.encode()))
    kept = driver.once("/conch/v1/files", body, {"Content-Type": "multipart/form-data; boundary=" + edge})
    content = driver.sure("GET", "/conch/v1/files/%s/content" % kept["id"])
    check(content.body == PICTURE, "the file that was acknowledged is not what was sent")
    gone = driver.sure("DELETE", "/conch/v1/files/" + kept["id"])
    check(gone.status in (200, 404), repr(gone))


def scenario(driver, receiver):
    account = driver.sure("GET", "/conch/v1/account").json()["id"]
    driver.once("/conch/v1/accounts/%s/grants" % account, {"amount": PRICE + 7})
    driver.granted += PRICE + 7
    paid = driver.once("/conch/v1/jobs", dict(CLIP, callback_url=receiver.url))["id"]
    other = driver.once("/conch/v1/jobs", CLIP)["id"]
    cancelled = driver.sure("POST", "/conch/v1/jobs/%s/cancel" % other)
    check(cancelled.status in (200, 409), repr(cancelled))
    upload(driver)
    driver.jobs += [paid, other]
    check(driver.job_wait(paid)["state"] == "succeeded", "the job that was paid for has not succeeded")
    driver.paid += PRICE
    state = driver.job_wait(other)["state"]
    check(state in ("cancelled", "succeeded"), "a cancelled job is %s" % state)
    driver.paid += PRICE * (state == "succeeded")


def money_adds_up(driver, start):
    free, held = balance(driver.port)
    check(held == 0, "%d are still held" % held)
    check(free == start + driver.granted - driver.paid, "%d micro-USD, expected %d + %d - %d" %
          (free, start, driver.granted, driver.paid))


def events_are_whole(port, job_id):
    answer = ask(port, "GET", "/conch/v1/jobs/%s/events?format=json" % job_id)
    check(answer.status == 200, repr(answer))
    ends = [event for event in answer.json()["data"] if event.get("state") in TERMINAL]
    check(len(ends) == 1, "%d ends of job %s: %s" % (len(ends), job_id, answer.body))


def api_dies():
    receiver = Receiver()
    with Folder() as folder:
        driver = Driver(folder.data, ["engine.enabled=false"])
        worker = Worker(folder.data, "engine")
        until("the model", lambda: ask(driver.port, "POST", "/conch/v1/estimate", {"model": "conch/tiny", "prompt": "a"})
              .status == 200)
        start = balance(driver.port)[0]
        for number in itertools.count(1, STRIDE):
            check(driver.server.stop() is not None, "the server does not stop")
            before = driver.crashes
            driver.restart(crash_at(number))
            scenario(driver, receiver)
            unscathed = driver.crashes == before
            if unscathed:
                unscathed = driver.server.stop() == 0
                driver.restart()
            money_adds_up(driver, start)
            books(folder.data)
            if unscathed:
                break
        for job_id in driver.jobs:
            events_are_whole(driver.port, job_id)
        until("callbacks of all", lambda: all("succeeded" in receiver.told.get(job_id, ()) for job_id in
                                              driver.jobs[::2]))
        worker.stop()
        check(driver.server.stop() == 0, "the server does not stop cleanly")
        books(folder.data)
        return "%d kills, %d jobs" % (driver.crashes, len(driver.jobs))


# ---- the engine worker ----

def submit_when_there(port):
    """A job's id, once there is a worker that makes the model known; None before."""
    answer = ask(port, "POST", "/conch/v1/jobs", CLIP)
    check(answer.status in (201, 501), repr(answer))
    return answer.json()["id"] if answer.status == 201 else None


def one_worker_dies(server, number):
    """The job's id, and whether the worker died at this write."""
    job_id = None
    worker = Worker(server.data, "engine", crash_at(number))
    while worker.alive() and not job_id:
        job_id = submit_when_there(server.port)
    until("an end of job or worker", lambda: not worker.alive() or job_get(server.port, job_id)["state"] in TERMINAL)
    if worker.alive() and worker.stop() == 0:
        return job_id, False
    worker = Worker(server.data, "engine")
    job_id = job_id or until("the model", lambda: submit_when_there(server.port))
    state = job_wait(server.port, job_id)["state"]
    check(state == "succeeded", "job %s has %s after a death at write %d" % (job_id, state, number))
    # the first one may have died while it stopped, its job done: the second is then told to end as it begins
    check(worker.stop() in (0, -signal.SIGTERM), "the worker does not stop cleanly")
    return job_id, True


class WorkerLane(threading.Thread):
    """Every LANES-th write, on a folder of its own: most of the time is waiting for a lease to run out."""

    def __init__(self, lane):
        super().__init__()
        self.lane, self.jobs, self.problem = lane, [], None

    def run(self):
        try:
            with Folder() as folder:
                self.work(folder.data)
        except Exception as problem:
            self.problem = problem

    def work(self, data):
        server = Server(data, ["engine.enabled=false", "credits.starting_microusd=1000000000"])
        start = balance(server.port)[0]
        for number in itertools.count(1 + self.lane * STRIDE, LANES * STRIDE):
            job_id, died = one_worker_dies(server, number)
            self.jobs.append(job_id)
            books(data)
            if not died:
                break
        for job_id in self.jobs:
            events_are_whole(server.port, job_id)
        paid = PRICE * len(self.jobs)
        check(balance(server.port) == (start - paid, 0), "%r, but %d - %d" % (balance(server.port), start, paid))
        check(server.stop() == 0, "the server does not stop cleanly")


def worker_dies():
    lanes = [WorkerLane(lane) for lane in range(LANES)]
    for lane in lanes:
        lane.start()
    for lane in lanes:
        lane.join()
    for lane in lanes:
        if lane.problem:
            raise lane.problem
    return "%d kills" % sum(len(lane.jobs) - 1 for lane in lanes)


if __name__ == "__main__":
    with open(os.path.join(ROOT, "tests/media/data/rgb48.png"), "rb") as picture:
        PICTURE = picture.read()
    tap = Tap()
    tap.run("a first start that is killed at each durable write leaves a folder that starts, and one key", first_start)
    tap.run("an API process killed at each durable write loses and repeats nothing", api_dies)
    tap.run("a worker killed at each durable write: its job is made and paid for once", worker_dies)
    tap.end()
