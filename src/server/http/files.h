/* Sends a file: one range, validators, the name to save it by. */
#ifndef SERVER_HTTP_FILES_H
#define SERVER_HTTP_FILES_H

#include <stdbool.h>
#include <stdint.h>

#include "net/http.h"
#include "server/dialect/dialect.h"

/* The bytes a Range header asks for, of a file of size bytes. */
enum file_range {
    FILE_RANGE_WHOLE, /* no range, or one we need not serve: not bytes, several, bad form (RFC 9110 14.2) */
    FILE_RANGE_PART,
    FILE_RANGE_NONE /* nothing of it is in the file: 416 */
};
enum file_range files_range(const char *header, int64_t size, int64_t *ret_offset, int64_t *ret_size);

/* Whether a list of entity tags holds this one (weakly compared); "*" holds all. */
bool files_tag_match(const char *header, const char *etag);

/* Fills call->response: 200, 206 or 304; -1 with call->problem, and *ret_status when it is not the problem's own (416).
 */
int files_send(struct dialect_call *call, int *ret_status);

#endif
