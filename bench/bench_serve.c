/* The server under load: `conch serve` on a fresh data folder on this machine. Its engine worker is halted meanwhile
 * (SIGSTOP), so that the API has the machine for itself and every job stays in the queue. */
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/base.h"
#include "base/clock.h"
#include "bench.h"
#include "load.h"

enum { CONNECTIONS = 64, IDS_MAX = 4096, READY_TRIES = 5 };

#define KEY "bench-key-of-the-server"

struct server {
    char folder[256], program[4096];
    pid_t pid, engine;
    int output;
    int port;
    double listens_ms, ready_ms; /* since the fork: the API answers; so does the engine worker */
};

struct bench_serve {
    struct server server;
    struct bench_report *report;
    double seconds;
    uint64_t ids[IDS_MAX]; /* of jobs that were submitted */
    size_t id_count, id_seen;
};

/* ---- the process ---- */

/* build/conch, beside build/bench/conch-bench. */
static int program_find(struct server *server, conch_error *err)
{
    ssize_t length = readlink("/proc/self/exe", server->program, sizeof server->program - 16);
    if (length < 0)
        return conch_error_errno(err, CONCH_ERR_IO, errno, "/proc/self/exe");
    server->program[length] = 0;
    for (int i = 0; i < 2; i++) {
        char *slash = strrchr(server->program, '/');
        if (slash)
            *slash = 0;
    }
    strcat(server->program, "/conch");
    if (access(server->program, X_OK) < 0)
        return conch_error_errno(err, CONCH_ERR_IO, errno, "%s", server->program);
    return 0;
}

static void child(const struct server *server, int output)
{
    const char *const arguments[] = {server->program,
                                     "serve",
                                     "--listen",
                                     "127.0.0.1:0",
                                     "--data",
                                     server->folder,
                                     "--set",
                                     "limits.queued_per_key=0",
                                     "--set",
                                     "server.log_level=warn",
                                     NULL};
    dup2(output, STDOUT_FILENO);
    setenv("CONCH_ADMIN_KEY", KEY, 1);
    execv(server->program, (char *const *)arguments);
    _exit(127);
}

static void server_stop(struct server *server)
{
    if (server->engine > 0)
        kill(server->engine, SIGCONT);
    if (server->pid > 0) {
        kill(server->pid, SIGTERM);
        waitpid(server->pid, NULL, 0);
        close(server->output);
    }
    server->pid = server->engine = 0;
}

/* The line that names the address is printed once it is listened on. */
static int port_read(struct server *server, conch_error *err)
{
    char text[4096];
    size_t used = 0;
    const char *found = NULL;
    while (!found && used < sizeof text - 1) {
        ssize_t n = read(server->output, text + used, sizeof text - 1 - used);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return conch_error_set(err, CONCH_ERR_IO, "conch serve ended before it listened");
        used += (size_t)n;
        text[used] = 0;
        found = strstr(text, "http://127.0.0.1:");
        found = found && strchr(found, '\n') ? found : NULL;
    }
    server->port = found ? atoi(found + 17) : 0;
    return server->port ? 0 : conch_error_set(err, CONCH_ERR_FORMAT, "conch serve did not name its port");
}

static size_t health_request(void *context, uint64_t number, char *to)
{
    const char *path = context;
    return (size_t)snprintf(to, LOAD_REQUEST_BYTES_MAX, "GET %s HTTP/1.1\r\nHost: bench\r\n\r\n", path);
}

static bool health_answer(void *context, int status, const char *body, size_t size)
{
    return status == 200;
}

/* Asks until the answer is 200. */
static int path_wait(struct server *server, char *path, int64_t since_ns, double *ret_ms, conch_error *err)
{
    struct load load = {
        .host = "127.0.0.1", .port = server->port, .request = health_request, .answer = health_answer, .context = path};
    while (!load_once(&load, err)) {
        if (clock_steady_ns() - since_ns > 20 * INT64_C(1000000000))
            return conch_error_set(err, CONCH_ERR_IO, "%s does not answer 200 for 20 s", path);
        usleep(1000);
    }
    *ret_ms = (double)(clock_steady_ns() - since_ns) * 1e-6;
    return 0;
}

static int server_start(struct server *server, conch_error *err)
{
    char health[] = "/healthz", ready[] = "/readyz";
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) < 0)
        return conch_error_errno(err, CONCH_ERR_IO, errno, "pipe");
    int64_t since_ns = clock_steady_ns();
    server->pid = fork();
    if (server->pid == 0)
        child(server, ends[1]);
    close(ends[1]);
    server->output = ends[0];
    int rc = server->pid < 0 ? conch_error_errno(err, CONCH_ERR_IO, errno, "fork") : port_read(server, err);
    if (rc == 0)
        rc = path_wait(server, health, since_ns, &server->listens_ms, err);
    if (rc == 0)
        rc = path_wait(server, ready, since_ns, &server->ready_ms, err);
    return rc;
}

/* The child whose arguments have "engine" among them; 0: none. */
static pid_t engine_find(pid_t server)
{
    char path[64], text[4096] = "";
    int found = 0;
    snprintf(path, sizeof path, "/proc/%d/task/%d/children", (int)server, (int)server);
    FILE *children = fopen(path, "r");
    for (int pid; children && !found && fscanf(children, "%d", &pid) == 1;) {
        snprintf(path, sizeof path, "/proc/%d/cmdline", pid);
        FILE *arguments = fopen(path, "r");
        size_t size = arguments ? fread(text, 1, sizeof text - 1, arguments) : 0;
        found = memmem(text, size, "--kind\0engine", 14) ? pid : 0;
        if (arguments)
            fclose(arguments);
    }
    if (children)
        fclose(children);
    return found;
}

/* A number of /proc/PID/status in kB; 0: unknown. */
static double status_kb(pid_t pid, const char *field)
{
    char path[64], line[256];
    double value = 0;
    snprintf(path, sizeof path, "/proc/%d/status", (int)pid);
    FILE *file = fopen(path, "r");
    while (file && fgets(line, sizeof line, file))
        if (strncmp(line, field, strlen(field)) == 0)
            value = atof(line + strlen(field) + 1);
    if (file)
        fclose(file);
    return value;
}

static double cpu_seconds(pid_t pid)
{
    char path[64], text[1024] = "";
    unsigned long user = 0, system = 0;
    snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    FILE *file = fopen(path, "r");
    if (file && fgets(text, sizeof text, file)) {
        const char *after = strrchr(text, ')');
        if (after)
            sscanf(after + 1, " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user, &system);
    }
    if (file)
        fclose(file);
    return (double)(user + system) / (double)sysconf(_SC_CLK_TCK);
}

/* ---- requests ---- */

static size_t submit_request(void *context, uint64_t number, char *to)
{
    char body[256];
    int size = snprintf(body, sizeof body,
                        "{\"model\":\"MiniMax-Hailuo-02\",\"prompt\":\"a red ball drops and bounces on a wooden "
                        "floor, take %llu\",\"duration\":6,\"resolution\":\"768P\"}",
                        (unsigned long long)number);
    return (size_t)snprintf(to, LOAD_REQUEST_BYTES_MAX,
                            "POST /v1/video_generation HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer " KEY
                            "\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s",
                            size, body);
}

static bool submit_answer(void *context, int status, const char *body, size_t size)
{
    struct bench_serve *bench = context;
    const char *id = strstr(body, "\"task_id\":\"");
    if (status != 200 || !id || !strstr(body, "\"status_code\":0"))
        return false;
    bench->ids[bench->id_seen++ % IDS_MAX] = strtoull(id + 11, NULL, 10);
    bench->id_count = bench->id_seen < IDS_MAX ? bench->id_seen : IDS_MAX;
    return true;
}

static uint64_t some_id(const struct bench_serve *bench, uint64_t number)
{
    return bench->ids[number * 2654435761u % bench->id_count];
}

static size_t query_request(void *context, uint64_t number, char *to)
{
    return (size_t)snprintf(to, LOAD_REQUEST_BYTES_MAX,
                            "GET /v1/query/video_generation?task_id=%llu HTTP/1.1\r\nHost: bench\r\n"
                            "Authorization: Bearer " KEY "\r\n\r\n",
                            (unsigned long long)some_id(context, number));
}

static bool query_answer(void *context, int status, const char *body, size_t size)
{
    return status == 200 && strstr(body, "\"status\":\"Queueing\"");
}

static size_t native_request(void *context, uint64_t number, char *to)
{
    return (size_t)snprintf(to, LOAD_REQUEST_BYTES_MAX,
                            "GET /conch/v1/jobs/%llu HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer " KEY "\r\n\r\n",
                            (unsigned long long)some_id(context, number));
}

static bool native_answer(void *context, int status, const char *body, size_t size)
{
    return status == 200 && strstr(body, "\"state\":\"queued\"");
}

/* ---- what is measured ---- */

/* How long this disk takes for one small durable write: what each commit waits for. Median of 51, in ms. */
static int sync_measure(struct bench_serve *bench, conch_error *err)
{
    enum { TRIES = 51 };
    double ms[TRIES];
    char path[512], block[4096] = "";
    snprintf(path, sizeof path, "%s/sync", bench->server.folder);
    int file = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
    if (file < 0)
        return conch_error_errno(err, CONCH_ERR_IO, errno, "%s", path);
    for (int i = 0; i < TRIES; i++) {
        int64_t since_ns = clock_steady_ns();
        if (write(file, block, sizeof block) < 0 || fdatasync(file) < 0) {
            close(file);
            return conch_error_errno(err, CONCH_ERR_IO, errno, "%s", path);
        }
        ms[i] = (double)(clock_steady_ns() - since_ns) * 1e-6;
        for (int k = i; k > 0 && ms[k] < ms[k - 1]; k--) {
            double swap = ms[k];
            ms[k] = ms[k - 1];
            ms[k - 1] = swap;
        }
    }
    close(file);
    unlink(path);
    bench_report_fact(bench->report, "one write and fdatasync, median", ms[TRIES / 2], "ms");
    return 0;
}

struct part {
    const char *name;
    size_t (*request)(void *context, uint64_t number, char *to);
    bool (*answer)(void *context, int status, const char *body, size_t size);
};

static int part_measure(struct bench_serve *bench, const struct part *part, conch_error *err)
{
    char name[64];
    struct load_result result;
    struct load load = {.host = "127.0.0.1",
                        .port = bench->server.port,
                        .connections = CONNECTIONS,
                        .seconds = bench->seconds,
                        .request = part->request,
                        .answer = part->answer,
                        .context = bench};
    double cpu_s = cpu_seconds(bench->server.pid), own_s = (double)clock_cpu_ns() * 1e-9;
    int rc = load_run(&load, &result, err);
    if (rc < 0)
        return rc;
    cpu_s = cpu_seconds(bench->server.pid) - cpu_s;
    own_s = (double)clock_cpu_ns() * 1e-9 - own_s;
    if (result.wrong)
        return conch_error_set(err, CONCH_ERR_FORMAT, "%s: %llu of %llu answers are wrong, the first: %s", part->name,
                               (unsigned long long)result.wrong, (unsigned long long)result.answers, result.wrong_text);
    const struct {
        const char *what;
        double value;
        const char *unit;
    } facts[] = {{"", (double)result.answers / result.seconds, "1/s"},
                 {", p50", result.p50_ms, "ms"},
                 {", p99", result.p99_ms, "ms"},
                 {", longest", result.max_ms, "ms"},
                 {", CPU of the server", cpu_s / (double)result.answers * 1e6, "us each"},
                 {", CPU of the clients", own_s / (double)result.answers * 1e6, "us each"}};
    for (size_t i = 0; i < ARRAY_LEN(facts); i++) {
        snprintf(name, sizeof name, "%s%s", part->name, facts[i].what);
        bench_report_fact(bench->report, name, facts[i].value, facts[i].unit);
    }
    return 0;
}

/* The first start makes the database; those after it are what an operator waits for. */
static int starts_measure(struct bench_serve *bench, conch_error *err)
{
    double listens_ms = 1e9;
    int rc = server_start(&bench->server, err);
    if (rc < 0)
        return rc;
    bench_report_fact(bench->report, "answers, new data folder", bench->server.listens_ms, "ms");
    bench_report_fact(bench->report, "has its engine, new data folder", bench->server.ready_ms, "ms");
    for (int i = 0; i < READY_TRIES; i++) {
        server_stop(&bench->server);
        rc = server_start(&bench->server, err);
        if (rc < 0)
            return rc;
        listens_ms = bench->server.listens_ms < listens_ms ? bench->server.listens_ms : listens_ms;
    }
    bench_report_fact(bench->report, "answers, best of 5", listens_ms, "ms");
    usleep(500000);
    bench_report_fact(bench->report, "memory, idle", status_kb(bench->server.pid, "VmRSS:") / 1024, "MiB");
    return 0;
}

/* Halted between two writes: a worker that was halted within one would keep the database locked. */
static int engine_halt(struct bench_serve *bench, conch_error *err)
{
    struct load load = {.host = "127.0.0.1",
                        .port = bench->server.port,
                        .request = submit_request,
                        .answer = submit_answer,
                        .context = bench};
    pid_t engine = bench->server.engine = engine_find(bench->server.pid);
    if (!engine)
        return conch_error_set(err, CONCH_ERR_IO, "conch serve has no engine worker");
    for (int i = 0; i < 5; i++) {
        kill(engine, SIGSTOP);
        if (load_once(&load, err))
            return 0;
        kill(engine, SIGCONT);
        usleep(100000);
    }
    return conch_error_set(err, CONCH_ERR_IO, "no job is accepted");
}

static int load_measure(struct bench_serve *bench, conch_error *err)
{
    static const struct part parts[] = {{"durable submits", submit_request, submit_answer},
                                        {"polls, MiniMax", query_request, query_answer},
                                        {"polls, native", native_request, native_answer}};
    int rc = 0;
    for (size_t i = 0; i < ARRAY_LEN(parts) && rc == 0; i++)
        rc = part_measure(bench, &parts[i], err);
    if (rc < 0)
        return rc;
    sleep(1);
    bench_report_fact(bench->report, "memory, idle again", status_kb(bench->server.pid, "VmRSS:") / 1024, "MiB");
    bench_report_fact(bench->report, "memory, most", status_kb(bench->server.pid, "VmHWM:") / 1024, "MiB");
    return 0;
}

static int remove_one(const char *path, const struct stat *info, int flag, struct FTW *where)
{
    return remove(path);
}

static int serve_run(const struct bench_options *options, conch_error *err)
{
    struct bench_serve *bench = calloc(1, sizeof *bench);
    if (!bench)
        return conch_error_set(err, CONCH_ERR_NOMEM, "no memory for a benchmark");
    const char *folder = getenv("TMPDIR");
    bench->seconds = options->quick ? 1 : 5;
    snprintf(bench->server.folder, sizeof bench->server.folder, "%s/conch-bench-XXXXXX",
             folder && strlen(folder) < 200 ? folder : "/tmp");
    int rc = bench_report_create(&bench->report, options, "serve", err);
    if (rc == 0 && !mkdtemp(bench->server.folder)) {
        rc = conch_error_errno(err, CONCH_ERR_IO, errno, "%s", bench->server.folder);
        *bench->server.folder = 0;
    }
    if (rc == 0)
        rc = program_find(&bench->server, err);
    if (rc == 0)
        rc = sync_measure(bench, err);
    if (rc == 0)
        rc = starts_measure(bench, err);
    if (rc == 0)
        rc = engine_halt(bench, err);
    if (rc == 0)
        rc = load_measure(bench, err);
    server_stop(&bench->server);
    if (*bench->server.folder)
        nftw(bench->server.folder, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    bench_report_destroy(bench->report);
    free(bench);
    return rc;
}

const struct bench_command bench_serve = {
    .name = "serve", .summary = "the server: submits, polls, memory, time to be ready", .run = serve_run};
