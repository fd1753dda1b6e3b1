#!/usr/bin/env python3
"""kill -9 at random, under load: 16 clients submit, poll, cancel and grant while the API process and its workers are
killed again and again. Afterwards every acknowledged job is there and has ended once, and the money adds up.
CONCH_CHAOS_SECONDS says how long (20)."""
from harness import *

CLIENTS = 16
SEED = int(os.environ.get("CONCH_CHAOS_SEED", random.randrange(1 << 30)))


class Storm:
    def __init__(self, data):
        self.settings = ["credits.starting_microusd=1000000000"]
        self.data = data
        self.server = Server(data, self.settings)
        self.port = self.server.port
        self.stopping = threading.Event()
        self.lock = threading.Lock()
        self.acknowledged = {}   # job id: what was answered
        self.granted = 0
        self.counts = {}
        self.wrong = []
        self.kills = {"api": 0, "engine": 0, "relay": 0}

    def count(self, what):
        with self.lock:
            self.counts[what] = self.counts.get(what, 0) + 1

    def trouble(self, text):
        with self.lock:
            self.wrong.append(text)

    # ---- clients ----

    def ask(self, method, path, body=None, headers=None):
        return ask(self.port, method, path, body, headers, 60)

    def sure(self, method, path, body, headers=None):
        """Until there is an answer that is not "later"; None when the storm is over before."""
        end = time.monotonic() + GIVE_UP_S
        while time.monotonic() < end:
            try:
                answer = self.ask(method, path, body, headers)
                if answer.status not in (500, 503):
                    return answer
                self.count("later %d" % answer.status)
            except Gone:
                self.count("gone")
                time.sleep(0.05)
        self.trouble("%s %s is never answered" % (method, path))
        return None

    def take(self, answer, job_id):
        with self.lock:
            self.acknowledged[job_id] = answer.body

    def submit(self, rng):
        body = dict(CLIP, prompt="a red ball drops, take %d" % rng.randrange(1000))
        if rng.random() < 0.2:
            return self.submit_minimax(rng)
        headers = {"Idempotency-Key": "storm-%d" % rng.randrange(1 << 60)}
        answer = self.sure("POST", "/conch/v1/jobs", body, headers)
        if not answer:
            return
        if answer.status == 501:    # no worker was there yet
            return self.count("no worker")
        if answer.status != 201:
            return self.trouble("submit: %r" % answer)
        self.count("submitted")
        self.take(answer, answer.json()["id"])
        if rng.random() < 0.5:
            again = self.sure("POST", "/conch/v1/jobs", body, headers)
            if again and again.body != answer.body:
                self.trouble("another answer the second time:\n%r\n%r" % (answer, again))

    def submit_minimax(self, rng):
        """As a client without Idempotency-Key: no answer, no knowing; an answer is a promise all the same."""
        words = rng.choice(["", "", " [sandbox:timeout]", " [sandbox:content_policy]", " [sandbox:rate_limit]"])
        model = {"model": "MiniMax-Hailuo-2.3"} if words else {}
        answer = self.ask("POST", "/v1/video_generation", dict(MINIMAX, prompt="a ball" + words, **model))
        if answer.status != 200:
            return self.count("later %d" % answer.status)
        body = answer.json()
        if "task_id" in body:
            self.count("submitted")
            self.take(answer, body["task_id"])
        else:
            self.count("refused %d" % body["base_resp"]["status_code"])

    def some_job(self, rng):
        with self.lock:
            return rng.choice(list(self.acknowledged)) if self.acknowledged else None

    def poll(self, rng):
        job_id = self.some_job(rng)
        if not job_id:
            return
        answer = self.ask("GET", "/conch/v1/jobs/" + job_id)
        self.count("polled")
        if answer.status not in (200, 503):
            self.trouble("an acknowledged job: %r" % answer)

    def cancel(self, rng):
        job_id = self.some_job(rng)
        if job_id:
            answer = self.ask("POST", "/conch/v1/jobs/%s/cancel" % job_id)
            self.count("cancelled" if answer.status == 200 else "cancel %d" % answer.status)
            if answer.status not in (200, 409, 503):
                self.trouble("cancel: %r" % answer)

    def grant(self, rng):
        amount = rng.randrange(1, 1000)
        answer = self.sure("POST", "/conch/v1/accounts/%s/grants" % self.account, {"amount": amount},
                           {"Idempotency-Key": "grant-%d" % rng.randrange(1 << 60)})
        if answer and answer.status == 201:
            with self.lock:
                self.granted += amount
        elif answer and answer.status == 409 and b"open lots" in answer.body:
            self.count("grant above the limit of lots")
        elif answer:
            self.trouble("grant: %r" % answer)

    def client(self, number):
        rng = random.Random(SEED * 1000 + number)
        acts = [self.submit] * 2 + [self.poll] * 40 + [self.cancel] + [self.grant]
        while not self.stopping.is_set():
            try:
                rng.choice(acts)(rng)
            except Gone:
                self.count("gone")
                time.sleep(0.02)
            except Exception as problem:
                self.trouble("".join(traceback.format_exception(type(problem), problem, problem.__traceback__)))

    # ---- the killer ----

    def restart(self):
        self.server.wait()
        self.server.close()
        self.server = Server(self.data, self.settings, port=self.port)

    def kill_one(self, rng):
        target = rng.choice(["api", "engine", "relay"])
        if target == "api":
            self.server.kill()
            self.restart()
        else:
            pid = self.server.children().get(target)
            if not pid:
                return
            os.kill(pid, signal.SIGKILL)
        self.kills[target] += 1

    def blow(self, seconds):
        rng = random.Random(SEED)
        self.account = account_id(self.port)
        clients = [threading.Thread(target=self.client, args=(number,)) for number in range(CLIENTS)]
        for client in clients:
            client.start()
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            time.sleep(rng.choice([0.05, 0.3, 1, 2.5]) * rng.random())
            self.kill_one(rng)
        self.stopping.set()
        for client in clients:
            client.join()

    # ---- afterwards ----

    def calm(self):
        """Waits for some clips, cancels what still waits then, and sees all to their end."""
        def left():
            return rows(self.data, "SELECT id FROM job WHERE state NOT IN (4, 5, 6, 7)")
        until("three clips", lambda: len(left()) == 0 or self.clips() >= 3, pause=0.3)
        for row in left():
            check(self.sure("POST", "/conch/v1/jobs/%d/cancel" % row[0], None).status in (200, 409), "no cancelling")
        until("an end of all jobs", lambda: not left(), pause=0.3)

    def clips(self):
        return rows(self.data, "SELECT count(*) FROM job WHERE state = 4")[0][0]

    def judge(self, start):
        known = {str(row[0]) for row in rows(self.data, "SELECT id FROM job")}
        lost = set(self.acknowledged) - known
        check(not lost, "%d acknowledged jobs are lost: %s" % (len(lost), sorted(lost)[:5]))
        twice = rows(self.data, "SELECT job_id, count(*) FROM event WHERE to_state IN (4, 5, 6, 7) GROUP BY job_id"
                                " HAVING count(*) <> 1")
        check(not twice, "jobs that did not end once: %r" % twice[:5])
        held = rows(self.data, "SELECT count(*) FROM hold WHERE state = 0")[0][0]
        check(held == 0, "%d holds are open" % held)
        charged = rows(self.data, "SELECT coalesce(sum(charged), 0) FROM job")[0][0]
        check(balance(self.port) == (start + self.granted - charged, 0), "%r, but %d + %d - %d" %
              (balance(self.port), start, self.granted, charged))
        wrong = rows(self.data, "SELECT id, charged, state FROM job WHERE charged <> 0 AND state <> 4")
        check(not wrong, "charged without a clip: %r" % wrong[:5])


def storm():
    with Folder() as folder:
        storm = Storm(folder.data)
        until("an engine", lambda: ask(storm.port, "GET", "/readyz").status == 200)
        start = balance(storm.port)[0]
        storm.blow(STORM_SECONDS)
        check(not storm.wrong, "%d wrong answers, first:\n%s" % (len(storm.wrong), "\n".join(storm.wrong[:3])))
        storm.calm()
        storm.judge(start)
        books(folder.data)
        check(storm.server.stop() == 0, "the server does not stop cleanly")
        books(folder.data)
        print("# " + ", ".join("%s %d" % item for item in sorted(storm.counts.items())))
        return "kills: %d of the API, %d of the engine, %d of the relay; %d jobs acknowledged, %d clips" % (
            storm.kills["api"], storm.kills["engine"], storm.kills["relay"], len(storm.acknowledged), storm.clips())


if __name__ == "__main__":
    tap = Tap()
    print("# CONCH_CHAOS_SEED=%d CONCH_CHAOS_SECONDS=%g" % (SEED, STORM_SECONDS))
    tap.run("killed at random under load: nothing acknowledged is lost, nothing ends or is paid twice", storm)
    tap.end()
