#include "media/media_link.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/base.h"
#include "base/clock.h"

enum {
    FD_SAFE = 10,           /* our own copies lie above what the child uses, so that placing one hits no other */
    SOCKET_BYTES = 1 << 20, /* about one small frame: the encoder works while the next is made */
    END_WAIT_MS = 2000,     /* from closing its socket to being gone */
};

/* What the child sees of our environment: nothing that could be a secret. */
static char **environment_small(char *kept[], size_t count)
{
    static const char *const names[] = {"LD_LIBRARY_PATH=", "ASAN_OPTIONS=", "UBSAN_OPTIONS=", "LLVM_PROFILE_FILE="};
    size_t used = 0;
    for (char **entry = environ; entry && *entry; entry++)
        for (size_t i = 0; i < ARRAY_LEN(names) && used + 1 < count; i++)
            if (!strncmp(*entry, names[i], strlen(names[i])))
                kept[used++] = *entry;
    kept[used] = NULL;
    return kept;
}

static int fd_raise(int fd)
{
    int raised = fcntl(fd, F_DUPFD_CLOEXEC, FD_SAFE);
    int saved = errno;
    close(fd);
    errno = saved;
    return raised;
}

/* A socket pair above FD_SAFE, closed on exec. */
static int pair_open(int ends[2])
{
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0)
        return -1;
    for (int i = 0; i < 2; i++) {
        int size = SOCKET_BYTES;
        setsockopt(ends[i], SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
        ends[i] = fd_raise(ends[i]);
    }
    if (ends[0] >= 0 && ends[1] >= 0)
        return 0;
    int saved = errno;
    for (int i = 0; i < 2; i++)
        if (ends[i] >= 0)
            close(ends[i]);
    errno = saved;
    return -1;
}

static int spawn(pid_t *ret_pid, const char *path, char *const argv[], int socket_fd, int clip_fd)
{
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t none, all;
    char *kept[16];
    sigemptyset(&none);
    sigfillset(&all);
    posix_spawn_file_actions_init(&actions);
    posix_spawnattr_init(&attributes);
    int rc = posix_spawn_file_actions_adddup2(&actions, socket_fd, 0);
    if (rc == 0)
        rc = posix_spawn_file_actions_adddup2(&actions, socket_fd, 1);
    if (rc == 0 && clip_fd >= 0)
        rc = posix_spawn_file_actions_adddup2(&actions, clip_fd, WIRE_CLIP_FD);
    if (rc == 0)
        rc = posix_spawn_file_actions_addclosefrom_np(&actions, clip_fd >= 0 ? WIRE_CLIP_FD + 1 : WIRE_CLIP_FD);
    /* Its own process group: Ctrl-C reaches conch, which decides what becomes of the clip. */
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setsigdefault(&attributes, &all);
    posix_spawnattr_setpgroup(&attributes, 0);
    if (rc == 0)
        rc = posix_spawn(ret_pid, path, &actions, &attributes, argv, environment_small(kept, ARRAY_LEN(kept)));
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&actions);
    return rc;
}

int link_open(struct link *link, const char *mode, int clip_fd, conch_error *err)
{
    char path[PATH_MAX], parent[32];
    int ends[2], high_fd = -1;
    *link = (struct link){.fd = -1};
    int rc = helper_find(path, sizeof path, err);
    if (rc < 0)
        return rc;
    if (clip_fd >= 0 && (high_fd = fcntl(clip_fd, F_DUPFD_CLOEXEC, FD_SAFE)) < 0)
        return conch_error_errno(err, CONCH_ERR_IO, errno, "no descriptor for conch-media");
    if (pair_open(ends) < 0) {
        rc = conch_error_errno(err, CONCH_ERR_IO, errno, "no socket for conch-media");
        goto out;
    }
    snprintf(parent, sizeof parent, "%ld", (long)getpid());
    char *const argv[] = {path, (char *)(uintptr_t)mode, mode[0] == '-' ? NULL : parent, NULL};
    int failed = spawn(&link->pid, path, argv, ends[1], high_fd);
    close(ends[1]);
    if (failed) {
        close(ends[0]);
        link->pid = 0;
        rc = conch_error_errno(err, CONCH_ERR_IO, failed, "cannot start %s", path);
        goto out;
    }
    link->fd = ends[0];
out:
    if (high_fd >= 0)
        close(high_fd);
    return rc;
}

void link_deadline(struct link *link, int wall_ms)
{
    link->wall_ms = wall_ms;
    link->deadline_ns = clock_steady_ns() + (int64_t)wall_ms * 1000000;
}

/* Waits for the end of the child; after END_WAIT_MS it is killed. Returns the wait status; -1: unknown. */
static int reap(struct link *link, bool at_once)
{
    int status = -1;
    if (link->pid == 0)
        return -1;
    if (at_once)
        kill(link->pid, SIGKILL);
    for (int waited_ms = 0;; waited_ms++) {
        pid_t got = waitpid(link->pid, &status, at_once || waited_ms > END_WAIT_MS ? 0 : WNOHANG);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            status = -1; /* somebody set SIGCHLD to be ignored: the system has reaped it */
        if (got != 0)
            break;
        if (waited_ms == END_WAIT_MS)
            kill(link->pid, SIGKILL);
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    }
    link->pid = 0;
    return status;
}

void link_close(struct link *link)
{
    if (link->fd >= 0)
        close(link->fd);
    link->fd = -1;
    reap(link, true);
}

/* The helper has closed its end without a word: says why, as far as its exit status tells. */
static int explain_end(struct link *link, conch_error *err)
{
    int status = reap(link, false);
    if (status != -1 && WIFSIGNALED(status)) {
        switch (WTERMSIG(status)) {
        case SIGSYS:
            return conch_error_set(err, CONCH_ERR_MEDIA,
                                   "conch-media was stopped by its sandbox: it tried something forbidden (the file may "
                                   "be hostile)");
        case SIGXCPU: return conch_error_set(err, CONCH_ERR_LIMIT, "conch-media took more than the allowed CPU time");
        case SIGKILL:
            return conch_error_set(err, CONCH_ERR_MEDIA,
                                   "conch-media was killed (signal 9; by hand, or by the system for lack of memory)");
        default:
            return conch_error_set(err, CONCH_ERR_MEDIA, "conch-media crashed (signal %d, %s)", WTERMSIG(status),
                                   sigdescr_np(WTERMSIG(status)) ? sigdescr_np(WTERMSIG(status)) : "unknown");
        }
    }
    if (status != -1 && WIFEXITED(status))
        return conch_error_set(err, CONCH_ERR_MEDIA, "conch-media ended before it was done (exit code %d)",
                               WEXITSTATUS(status));
    return conch_error_set(err, CONCH_ERR_MEDIA, "conch-media ended before it was done");
}

/* Waits until one of events can happen; its bits, or negative: the deadline has passed. */
static int wait_for(struct link *link, short events, conch_error *err)
{
    struct pollfd poller = {.fd = link->fd, .events = events};
    for (;;) {
        int64_t left_ns = link->deadline_ns - clock_steady_ns();
        int got = left_ns <= 0 ? 0 : poll(&poller, 1, (int)(left_ns / 1000000) + 1);
        if (got > 0)
            return poller.revents;
        if (got < 0 && errno != EINTR)
            return conch_error_errno(err, CONCH_ERR_INTERNAL, errno, "cannot wait for conch-media");
        if (left_ns <= 0)
            return conch_error_set(err, CONCH_ERR_LIMIT, "conch-media took longer than the allowed %d seconds",
                                   link->wall_ms / 1000);
    }
}

/* Something arrived while we were still sending: a failure, or the end. */
static int early_answer(struct link *link, conch_error *err)
{
    struct wire_header header;
    int rc = link_receive(link, &header, err);
    if (rc == 0)
        rc = conch_error_set(err, CONCH_ERR_MEDIA, "conch-media: an answer of type %u before the question was complete",
                             header.type);
    return rc;
}

static void skip_sent(struct iovec *parts, int count, size_t sent)
{
    for (int i = 0; i < count; i++) {
        size_t part = size_min(sent, parts[i].iov_len);
        if (part == 0) /* nothing may stand at NULL */
            continue;
        parts[i].iov_base = (char *)parts[i].iov_base + part;
        parts[i].iov_len -= part;
        sent -= part;
    }
}

int link_send(struct link *link, uint32_t type, const void *head, size_t head_size, const void *body, size_t body_size,
              conch_error *err)
{
    uint8_t bytes[WIRE_HEADER_BYTES];
    size_t left = sizeof bytes + head_size + body_size;
    struct iovec parts[] = {
        {bytes, sizeof bytes}, {(void *)(uintptr_t)head, head_size}, {(void *)(uintptr_t)body, body_size}};
    wire_header_pack(bytes, (struct wire_header){type, head_size + body_size});
    while (left > 0) {
        int events = wait_for(link, POLLIN | POLLOUT, err);
        if (events < 0)
            return events;
        if (events & (POLLIN | POLLHUP | POLLERR))
            return early_answer(link, err);
        struct msghdr message = {.msg_iov = parts, .msg_iovlen = ARRAY_LEN(parts)};
        ssize_t sent = sendmsg(link->fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (sent < 0 && (errno == EINTR || errno == EAGAIN))
            continue;
        if (sent < 0)
            return early_answer(link, err);
        skip_sent(parts, ARRAY_LEN(parts), (size_t)sent);
        left -= (size_t)sent;
    }
    return 0;
}

/* Reads size bytes; 0 bytes in all means that the helper has ended. */
static int receive_all(struct link *link, uint8_t *data, size_t size, conch_error *err)
{
    while (size > 0) {
        int events = wait_for(link, POLLIN, err);
        if (events < 0)
            return events;
        ssize_t got = recv(link->fd, data, size, MSG_DONTWAIT);
        if (got < 0 && (errno == EINTR || errno == EAGAIN))
            continue;
        if (got <= 0)
            return explain_end(link, err);
        data += got;
        size -= (size_t)got;
    }
    return 0;
}

int link_payload(struct link *link, void *ret_payload, size_t size, conch_error *err)
{
    return receive_all(link, ret_payload, size, err);
}

int link_receive(struct link *link, struct wire_header *ret_header, conch_error *err)
{
    uint8_t bytes[WIRE_HEADER_BYTES], failure[MEDIA_FAILED_BYTES_MAX];
    struct wire_header header;
    int rc = receive_all(link, bytes, sizeof bytes, err);
    if (rc == 0)
        rc = wire_header_parse(&header, bytes, err);
    if (rc == 0 && header.type == WIRE_FAILED) {
        rc = receive_all(link, failure, header.payload_bytes, err); /* the parser bounds it to the array */
        if (rc == 0)
            rc = wire_failed_parse(failure, header.payload_bytes, err);
    }
    if (rc == 0)
        *ret_header = header;
    return rc;
}

int link_expect(struct link *link, uint32_t type, uint8_t **ret_payload, size_t *ret_size, conch_error *err)
{
    struct wire_header header;
    int rc = link_receive(link, &header, err);
    if (rc < 0)
        return rc;
    if (header.type != type)
        return conch_error_set(err, CONCH_ERR_MEDIA, "conch-media: an answer of type %u instead of %u", header.type,
                               type);
    uint8_t *payload = malloc(header.payload_bytes + 1);
    if (!payload)
        return conch_error_set(err, CONCH_ERR_NOMEM, "no memory for %llu bytes of a picture or clip",
                               (unsigned long long)header.payload_bytes);
    payload[header.payload_bytes] = 0;
    rc = link_payload(link, payload, header.payload_bytes, err);
    if (rc < 0) {
        free(payload);
        return rc;
    }
    *ret_payload = payload;
    *ret_size = header.payload_bytes;
    return 0;
}

int link_read_text(struct link *link, char *ret_text, size_t size, conch_error *err)
{
    size_t used = 0;
    while (used < size - 1) {
        int events = wait_for(link, POLLIN, err);
        if (events < 0)
            return events;
        ssize_t got = recv(link->fd, ret_text + used, size - 1 - used, MSG_DONTWAIT);
        if (got < 0 && (errno == EINTR || errno == EAGAIN))
            continue;
        if (got <= 0)
            break;
        used += (size_t)got;
    }
    ret_text[used] = 0;
    return used > 0 ? 0 : explain_end(link, err);
}

int error_name(conch_error *err, int rc, const char *name)
{
    if (rc < 0 && err) {
        conch_error inner = *err;
        conch_error_set(err, inner.code, "%s: %s", name, inner.text);
    }
    return rc;
}
