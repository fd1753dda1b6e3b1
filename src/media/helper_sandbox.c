#include "media/helper.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <seccomp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/base.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define WITH_SANITIZER 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define WITH_SANITIZER 1
#endif
#endif
#ifndef WITH_SANITIZER
#define WITH_SANITIZER 0
#endif

#define GIB ((uint64_t)1 << 30)

/* A picture of MEDIA_PIXELS_MAX takes 8 bytes a pixel decoded and as much again while it is converted, plus 3 for the
 * result: 1.2 GiB. x264 keeps some 60 frames: 1.7 GiB at MEDIA_CLIP_PIXELS_MAX; address space is not all memory. */
static const struct limits {
    uint64_t memory_bytes, cpu_seconds, file_bytes;
} limits[] = {
    [HELPER_IMAGE] = {3 * GIB, 10, 0},
    [HELPER_PNG] = {3 * GIB, 24 * 3600, 0},
    [HELPER_ENCODE] = {6 * GIB, 24 * 3600, 64 * GIB},
    [HELPER_DECODE] = {4 * GIB, 1800, 0},
};

static int limit_set(int resource, const char *name, uint64_t soft, uint64_t hard, conch_error *err)
{
    struct rlimit now;
    if (getrlimit((__rlimit_resource_t)resource, &now) == 0) { /* never above what we were given */
        hard = hard < now.rlim_max ? hard : now.rlim_max;
        soft = soft < hard ? soft : hard;
        soft = soft < now.rlim_cur ? soft : now.rlim_cur;
    }
    struct rlimit limit = {.rlim_cur = soft, .rlim_max = hard};
    if (setrlimit((__rlimit_resource_t)resource, &limit) < 0)
        return conch_error_errno(err, CONCH_ERR_MEDIA, errno, "conch-media cannot limit its %s", name);
    return 0;
}

static int limits_set(enum helper_mode mode, conch_error *err)
{
    const struct limits *limit = &limits[mode];
    int rc = limit_set(RLIMIT_CORE, "core file", 0, 0, err);
    if (rc == 0)
        rc = limit_set(RLIMIT_CPU, "CPU time", limit->cpu_seconds, limit->cpu_seconds + 1, err);
    if (rc == 0)
        rc = limit_set(RLIMIT_FSIZE, "file size", limit->file_bytes, limit->file_bytes, err);
    if (rc == 0)
        rc = limit_set(RLIMIT_NOFILE, "open files", WIRE_CLIP_FD + 1, WIRE_CLIP_FD + 1, err);
    if (rc == 0 && mode != HELPER_ENCODE) /* this one counts threads as well, and x264 needs some */
        rc = limit_set(RLIMIT_NPROC, "processes", 0, 0, err);
    if (rc == 0 && !WITH_SANITIZER) /* sanitizers reserve terabytes of address space */
        rc = limit_set(RLIMIT_AS, "memory", limit->memory_bytes, limit->memory_bytes, err);
    return rc;
}

/* Computing, allocating, waiting, and the descriptors we have. */
static const int allowed[] = {
    SCMP_SYS(read),
    SCMP_SYS(write),
    SCMP_SYS(readv),
    SCMP_SYS(writev),
    SCMP_SYS(pread64),
    SCMP_SYS(pwrite64),
    SCMP_SYS(lseek),
    SCMP_SYS(close),
    SCMP_SYS(fstat),
    SCMP_SYS(munmap),
    SCMP_SYS(mremap),
    SCMP_SYS(madvise),
    SCMP_SYS(brk),
    SCMP_SYS(futex),
    SCMP_SYS(set_robust_list),
    SCMP_SYS(rseq),
    SCMP_SYS(rt_sigaction),
    SCMP_SYS(rt_sigprocmask),
    SCMP_SYS(rt_sigreturn),
    SCMP_SYS(sigaltstack),
    SCMP_SYS(sched_yield),
    SCMP_SYS(sched_getaffinity),
    SCMP_SYS(getpid),
    SCMP_SYS(getppid),
    SCMP_SYS(gettid),
    SCMP_SYS(clock_gettime),
    SCMP_SYS(clock_nanosleep),
    SCMP_SYS(nanosleep),
    SCMP_SYS(gettimeofday),
    SCMP_SYS(getrandom),
    SCMP_SYS(sysinfo),
    SCMP_SYS(restart_syscall),
    SCMP_SYS(exit),
    SCMP_SYS(exit_group),
};

/* What a library may try in passing and must live without: refused, where everything else ends the process. */
static const struct {
    int call, error;
} refused[] = {
    {SCMP_SYS(open), EACCES},       {SCMP_SYS(openat), EACCES},   {SCMP_SYS(openat2), EACCES},
    {SCMP_SYS(stat), EACCES},       {SCMP_SYS(lstat), EACCES},    {SCMP_SYS(newfstatat), EACCES},
    {SCMP_SYS(statx), EACCES},      {SCMP_SYS(access), EACCES},   {SCMP_SYS(faccessat), EACCES},
    {SCMP_SYS(faccessat2), EACCES}, {SCMP_SYS(readlink), EACCES}, {SCMP_SYS(readlinkat), EACCES},
    {SCMP_SYS(ioctl), ENOTTY},      {SCMP_SYS(getrlimit), EPERM}, {SCMP_SYS(prlimit64), EPERM},
    {SCMP_SYS(clone3), ENOSYS}, /* its flags lie in memory where a filter cannot look; glibc falls back to clone */
};

/* The few calls whose arguments decide. */
static int rules_by_argument(scmp_filter_ctx filter, enum helper_mode mode)
{
    int rc = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(mmap), 1, SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
    if (rc == 0)
        rc = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(mprotect), 1, SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
    if (rc == 0) /* threads name themselves, malloc names its memory */
        rc = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(prctl), 1, SCMP_A0(SCMP_CMP_EQ, PR_SET_NAME));
    if (rc == 0)
        rc = seccomp_rule_add(filter, SCMP_ACT_ERRNO(EINVAL), SCMP_SYS(prctl), 1, SCMP_A0(SCMP_CMP_NE, PR_SET_NAME));
    if (rc == 0) /* abort(): a signal to ourselves only */
        rc = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(tgkill), 1,
                              SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)getpid()));
    if (rc == 0 && mode == HELPER_ENCODE) /* a thread, never a process */
        rc = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(clone), 1,
                              SCMP_A0(SCMP_CMP_MASKED_EQ, CLONE_THREAD | CLONE_VM | CLONE_SIGHAND | CLONE_NEWUSER,
                                      CLONE_THREAD | CLONE_VM | CLONE_SIGHAND));
    return rc;
}

static int filter_load(enum helper_mode mode, conch_error *err)
{
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_KILL_PROCESS);
    if (!filter)
        return conch_error_set(err, CONCH_ERR_NOMEM, "conch-media has no memory for its sandbox");
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < ARRAY_LEN(allowed); i++)
        rc = seccomp_rule_add(filter, SCMP_ACT_ALLOW, allowed[i], 0);
    for (size_t i = 0; rc == 0 && i < ARRAY_LEN(refused); i++)
        rc = seccomp_rule_add(filter, SCMP_ACT_ERRNO((uint32_t)refused[i].error), refused[i].call, 0);
    if (rc == 0)
        rc = rules_by_argument(filter, mode);
    if (rc == 0)
        rc = seccomp_load(filter);
    seccomp_release(filter);
    if (rc < 0)
        return conch_error_errno(err, CONCH_ERR_MEDIA, -rc, "conch-media cannot set up its sandbox (seccomp)");
    return 0;
}

int sandbox_enter(enum helper_mode mode, conch_error *err)
{
    int rc = limits_set(mode, err);
    if (rc < 0)
        return rc;
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
        return conch_error_errno(err, CONCH_ERR_MEDIA, errno, "conch-media cannot give up privileges");
    return filter_load(mode, err);
}

/* One attempt: returns 0 when the system said no, 1 when it worked. Many never return. */
struct attempt {
    const char *name;
    int (*try)(void);
};

static int try_open(void)
{
    return open("/etc/hostname", O_RDONLY) >= 0 || errno == ENOENT;
}

static int try_create(void)
{
    return open("/tmp/conch-media-self-test", O_WRONLY | O_CREAT, 0600) >= 0;
}

static int try_socket(void)
{
    return socket(AF_INET, SOCK_STREAM, 0) >= 0;
}

static int try_connect(void)
{
    struct sockaddr address = {.sa_family = AF_UNIX, .sa_data = "/tmp/x"};
    return connect(0, &address, sizeof address) == 0;
}

static int try_exec(void)
{
    char *const argv[] = {(char[]){"true"}, NULL};
    return execv("/bin/true", argv) == 0;
}

static int try_fork(void)
{
    pid_t pid = fork();
    if (pid == 0)
        _exit(0);
    return pid > 0;
}

static int try_vfork(void)
{
    return syscall(SYS_clone, CLONE_VM | SIGCHLD, NULL, NULL, NULL, NULL) >= 0;
}

static int try_signal(void)
{
    return kill(getppid(), 0) == 0;
}

static int try_trace(void)
{
    return syscall(SYS_ptrace, 0, 0, NULL, NULL) == 0;
}

static int try_unlink(void)
{
    return unlink("/tmp/conch-media-self-test") == 0 || errno == ENOENT;
}

static int try_executable_memory(void)
{
    return mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) != MAP_FAILED;
}

static int try_memory(void) /* 8 GiB, more than any mode may have */
{
    return !WITH_SANITIZER && mmap(NULL, 8 * GIB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
                                   -1, 0) != MAP_FAILED;
}

static int try_more_limits(void)
{
    struct rlimit limit = {RLIM_INFINITY, RLIM_INFINITY};
    return setrlimit(RLIMIT_CPU, &limit) == 0;
}

static bool attempt_stopped(const struct attempt *attempt, enum helper_mode mode)
{
    fflush(stdout);
    pid_t pid = fork();
    if (pid == 0) {
        conch_error err = {0};
        if (sandbox_enter(mode, &err) < 0)
            _exit(2);
        _exit(attempt->try() ? 1 : 0);
    }
    int status = 0;
    if (pid < 0 || waitpid(pid, &status, 0) != pid)
        return false;
    bool killed = WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS;
    bool refused_politely = WIFEXITED(status) && WEXITSTATUS(status) == 0;
    printf("%s %s: %s\n", mode == HELPER_ENCODE ? "encode" : "image", attempt->name,
           killed                                          ? "stopped"
           : refused_politely                              ? "refused"
           : WIFEXITED(status) && WEXITSTATUS(status) == 2 ? "NO SANDBOX"
                                                           : "NOT STOPPED");
    return killed || refused_politely;
}

int sandbox_self_test(void)
{
    static const struct attempt attempts[] = {
        {"open", try_open},
        {"create", try_create},
        {"unlink", try_unlink},
        {"socket", try_socket},
        {"connect", try_connect},
        {"exec", try_exec},
        {"fork", try_fork},
        {"vfork", try_vfork},
        {"signal", try_signal},
        {"trace", try_trace},
        {"executable-memory", try_executable_memory},
        {"memory", try_memory},
        {"raise-limits", try_more_limits},
    };
    int failures = 0;
    for (size_t i = 0; i < ARRAY_LEN(attempts); i++) {
        failures += !attempt_stopped(&attempts[i], HELPER_IMAGE);
        failures += !attempt_stopped(&attempts[i], HELPER_ENCODE);
    }
    printf("%s\n", failures ? "the sandbox does NOT hold" : "the sandbox holds");
    return failures ? 1 : 0;
}

bool sandbox_works(enum helper_mode mode, conch_error *err)
{
    int ends[2];
    bool works = false;
    if (pipe2(ends, O_CLOEXEC) < 0) {
        conch_error_errno(err, CONCH_ERR_INTERNAL, errno, "no pipe");
        return false;
    }
    fflush(stdout);
    pid_t pid = fork();
    if (pid == 0) {
        conch_error inner = {0};
        int rc = sandbox_enter(mode, &inner);
        ssize_t done = rc < 0 ? write(ends[1], &inner, sizeof inner) : 0;
        _exit(rc < 0 || done != 0);
    }
    close(ends[1]);
    int status = 0;
    if (pid > 0 && waitpid(pid, &status, 0) == pid) {
        conch_error inner = {0};
        works = WIFEXITED(status) && WEXITSTATUS(status) == 0;
        if (!works && read(ends[0], &inner, sizeof inner) == sizeof inner)
            conch_error_set(err, inner.code, "%s", inner.text);
        else if (!works)
            conch_error_set(err, CONCH_ERR_MEDIA, "the sandbox ended the program that entered it");
    }
    close(ends[0]);
    return works;
}
