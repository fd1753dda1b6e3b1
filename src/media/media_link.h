/* One running conch-media and the socket to it: start, messages with a deadline, and an explanation when it ends. */
#ifndef MEDIA_MEDIA_LINK_H
#define MEDIA_MEDIA_LINK_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "conch/error.h"
#include "media/wire.h"

struct link {
    pid_t pid; /* 0: none, or reaped */
    int fd;    /* the socket; -1: none */
    int64_t deadline_ns;
    int wall_ms; /* what the deadline was set to, for the error text */
};

/* Writes the path of conch-media. CONCH_ERR_NOTFOUND says where it was looked for. */
int helper_find(char *ret_path, size_t size, conch_error *err);

/* Starts conch-media for a mode ("image", "png", "encode", "decode", "--probe"). clip_fd becomes its WIRE_CLIP_FD and
 * stays the caller's; -1: none. No other descriptor of ours reaches it, nor does our environment. */
int link_open(struct link *link, const char *mode, int clip_fd, conch_error *err);

/* Ends it if it still runs, and reaps it. Takes closed and zeroed-with-fd -1 links. */
void link_close(struct link *link);

/* From now on, until the next call, all waiting together may take this long: CONCH_ERR_LIMIT after it. */
void link_deadline(struct link *link, int wall_ms);

/* Sends a message whose payload is head followed by body. When the helper has meanwhile reported a failure or ended,
 * that is the error. */
int link_send(struct link *link, uint32_t type, const void *head, size_t head_size, const void *body, size_t body_size,
              conch_error *err);

/* The header of the next message. FAILED becomes the error it carries; an end becomes an explanation. */
int link_receive(struct link *link, struct wire_header *ret_header, conch_error *err);
int link_payload(struct link *link, void *ret_payload, size_t size, conch_error *err);

/* The next message must be of this type: allocates its payload (one zero byte follows it) and reads it. */
int link_expect(struct link *link, uint32_t type, uint8_t **ret_payload, size_t *ret_size, conch_error *err);

/* Reads what comes until the end, at most size - 1 bytes, and ends it with a NUL. */
int link_read_text(struct link *link, char *ret_text, size_t size, conch_error *err);

/* Puts "NAME: " before the text of an error that was set. */
int error_name(conch_error *err, int rc, const char *name);

#endif
