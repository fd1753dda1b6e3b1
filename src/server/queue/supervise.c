#include "server/queue/supervise.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"

enum { GRACE_LOOK_US = 10000 };

struct child {
    char *name;
    char **arguments; /* with the program's name first */
    pid_t pid;        /* 0: not running */
    int64_t started_ns, due_ns;
    int64_t wait_ms; /* before the next start */
};

struct supervise {
    const char *program;
    struct child children[SUPERVISE_CHILDREN_MAX];
    size_t count;
};

int supervise_create(struct supervise **ret_supervise, conch_error *err)
{
    struct supervise *supervise = calloc(1, sizeof *supervise);
    if (!supervise)
        return conch_error_set(err, CONCH_ERR_NOMEM, "no memory to watch over processes");
    supervise->program = "/proc/self/exe"; /* the very file that runs, also when another has taken its name */
    *ret_supervise = supervise;
    return 0;
}

void supervise_program(struct supervise *supervise, const char *path)
{
    supervise->program = path;
}

static void child_free(struct child *child)
{
    for (size_t i = 0; child->arguments && child->arguments[i]; i++)
        free(child->arguments[i]);
    free(child->arguments);
    free(child->name);
    *child = (struct child){.pid = 0};
}

static int child_init(struct child *child, const char *name, const char *const *arguments, conch_error *err)
{
    size_t count = 0;
    while (arguments[count])
        count++;
    child->wait_ms = SUPERVISE_FIRST_MS;
    child->name = strdup(name);
    child->arguments = calloc(count + 2, sizeof(char *));
    int failed = !child->name || !child->arguments || !(child->arguments[0] = strdup("conch"));
    for (size_t i = 0; !failed && i < count; i++)
        failed = !(child->arguments[i + 1] = strdup(arguments[i]));
    return failed ? conch_error_set(err, CONCH_ERR_NOMEM, "no memory for the arguments of %s", name) : 0;
}

/* After the fork nothing may be called that takes a lock. */
static void __attribute__((noreturn)) become(const char *program, char *const *arguments)
{
    sigset_t none;
    int null = open("/dev/null", O_RDONLY);
    if (null > 0)
        dup2(null, STDIN_FILENO);
    for (int number = 1; number < NSIG; number++)
        signal(number, SIG_DFL);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    execv(program, arguments);
    _exit(127);
}

static int child_spawn(const struct supervise *supervise, struct child *child, conch_error *err)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before); /* no handler of ours runs in the child */
    const pid_t pid = fork();
    if (pid == 0)
        become(supervise->program, child->arguments);
    const int number = errno;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (pid < 0)
        return conch_error_errno(err, CONCH_ERR_IO, number, "cannot start the process %s", child->name);
    child->pid = pid;
    child->started_ns = clock_steady_ns();
    return 0;
}

int supervise_start(struct supervise *supervise, const char *name, const char *const *arguments, conch_error *err)
{
    if (supervise->count == SUPERVISE_CHILDREN_MAX)
        return conch_error_set(err, CONCH_ERR_LIMIT, "more than %d processes", SUPERVISE_CHILDREN_MAX);
    struct child *child = &supervise->children[supervise->count];
    int rc = child_init(child, name, arguments, err);
    if (rc == 0)
        rc = child_spawn(supervise, child, err);
    if (rc < 0)
        child_free(child);
    else
        supervise->count++;
    return rc;
}

static bool child_ended(struct child *child, int *ret_status)
{
    if (child->pid == 0)
        return false;
    const pid_t got = waitpid(child->pid, ret_status, WNOHANG);
    if (got == 0 || (got < 0 && errno == EINTR))
        return false;
    if (got < 0)
        *ret_status = 0; /* somebody else has reaped it */
    child->pid = 0;
    return true;
}

static void child_look(struct supervise *supervise, struct child *child)
{
    const int64_t now_ns = clock_steady_ns();
    conch_error problem;
    int status;
    if (child_ended(child, &status)) {
        if (now_ns - child->started_ns >= SUPERVISE_STEADY_MS * INT64_C(1000000))
            child->wait_ms = SUPERVISE_FIRST_MS;
        log_warn("a process has ended and is started again", log_text("process", child->name),
                 log_number(WIFSIGNALED(status) ? "signal" : "status",
                            WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status)),
                 log_number("wait_ms", child->wait_ms));
        child->due_ns = now_ns + child->wait_ms * 1000000;
        child->wait_ms = child->wait_ms * 2 < SUPERVISE_MOST_MS ? child->wait_ms * 2 : SUPERVISE_MOST_MS;
    }
    if (child->pid == 0 && now_ns >= child->due_ns && child_spawn(supervise, child, &problem) < 0) {
        log_error("a process cannot be started", log_text("process", child->name), log_error_text(&problem));
        child->due_ns = now_ns + child->wait_ms * 1000000;
    }
}

void supervise_look(struct supervise *supervise)
{
    for (size_t i = 0; i < supervise->count; i++)
        child_look(supervise, &supervise->children[i]);
}

pid_t supervise_pid(const struct supervise *supervise, const char *name)
{
    for (size_t i = 0; i < supervise->count; i++)
        if (strcmp(supervise->children[i].name, name) == 0)
            return supervise->children[i].pid;
    return 0;
}

static size_t still_there(struct supervise *supervise)
{
    size_t count = 0;
    int status;
    for (size_t i = 0; i < supervise->count; i++) {
        child_ended(&supervise->children[i], &status);
        count += supervise->children[i].pid != 0;
    }
    return count;
}

static void signal_all(const struct supervise *supervise, int number)
{
    for (size_t i = 0; i < supervise->count; i++)
        if (supervise->children[i].pid)
            kill(supervise->children[i].pid, number);
}

void supervise_destroy(struct supervise *supervise, int grace_ms)
{
    if (!supervise)
        return;
    const int64_t until_ns = clock_steady_ns() + grace_ms * INT64_C(1000000);
    signal_all(supervise, SIGTERM);
    while (still_there(supervise) && clock_steady_ns() < until_ns)
        usleep(GRACE_LOOK_US);
    for (size_t i = 0; i < supervise->count; i++)
        if (supervise->children[i].pid)
            log_warn("a process did not stop in time and is killed", log_text("process", supervise->children[i].name));
    signal_all(supervise, SIGKILL);
    while (still_there(supervise))
        usleep(GRACE_LOOK_US);
    for (size_t i = 0; i < supervise->count; i++)
        child_free(&supervise->children[i]);
    free(supervise);
}
