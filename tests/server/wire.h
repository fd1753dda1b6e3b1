/* Recorded exchanges with a server: request bytes and the answer they must get, read from a text file and played over a
 * socket in order.
 *
 *   == what this shows
 *   > POST /v1/files/upload HTTP/1.1          request: head lines, an empty one, the body (lines end with CR LF)
 *   > Authorization: Bearer {key}
 *   >
 *   > {"a":1}
 *   < 200                                     answer: its status,
 *   < Trace-Id: {any}                         headers that must be there,
 *   < {"task_id":"{id:task}"}                 and the body: JSON, or the very text
 *   ! finish {task}                           something the embedder of the test does
 *
 * Host, Connection: close and Content-Length are added. {name} stands for what was set or captured before. In expected
 * JSON objects may have more members than are named; arrays may not. A text there may be {any} (not empty), {id} (a
 * decimal id), {number}, {url}, {none} (no such member), {has:words}; {text:name} (not empty), {id:name}, {number:name}
 * and {url:name} also keep the value, {url:name} its path as name.path. */
#ifndef TESTS_SERVER_WIRE_H
#define TESTS_SERVER_WIRE_H

struct wire_settings {
    const char *path;    /* of the file */
    const char *address; /* "127.0.0.1:8787" */
    /* What stands behind "! ", with names filled in; returns 0, or fails the test. */
    int (*act)(void *context, const char *words);
    void *context;
};

void wire_set(const char *name, const char *value);

/* Plays the whole file; fails the test, naming the exchange, at the first answer that is another. *ret_count: how many.
 */
void wire_play(const struct wire_settings *settings, int *ret_count);

/* Forgets all names. */
void wire_reset(void);

#endif
