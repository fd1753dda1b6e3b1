/* The reading side of a stream (net/http.h): what the server does with it, and what a test does in its place. */
#ifndef NET_HTTP_STREAM_H
#define NET_HTTP_STREAM_H

#include <stddef.h>
#include <stdint.h>

#include "net/http.h"

/* How the reader is put to sleep and woken. Both are called with the stream's lock held, pause from within
 * http_stream_read and resume from any thread, and must not call back into the stream. */
struct http_stream_link {
    void *context;
    void (*pause)(void *context);
    void (*resume)(void *context);
};

enum { HTTP_STREAM_WAIT = 0, HTTP_STREAM_END = -1, HTTP_STREAM_BROKEN = -2 };

/* Whom to wake. */
void http_stream_attach(struct http_stream *stream, const struct http_stream_link *link);

/* Moves up to size waiting bytes to data and returns how many (> 0), or HTTP_STREAM_WAIT (pause was called; resume will
 * be), HTTP_STREAM_END, or HTTP_STREAM_BROKEN: the reader was too slow. */
long http_stream_read(struct http_stream *stream, void *data, size_t size);

/* The server is about to stop: nothing more can be written, what waits is still read. */
void http_stream_end(struct http_stream *stream);

/* Gives up the reader's reference: writers learn that nobody listens. NULL is allowed. */
void http_stream_release(struct http_stream *stream);

#endif
