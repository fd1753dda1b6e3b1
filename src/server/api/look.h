/* Looking at a file from outside before it is taken in: what it is by its bytes, that it can be decoded, its size.
 * Pictures and clips are opened in the media helper, a few at a time. */
#ifndef SERVER_API_LOOK_H
#define SERVER_API_LOOK_H

#include "base/sniff.h"
#include "server/api/api.h"

struct look {
    enum sniff_type type;
    int32_t width, height; /* upright; 0: sound */
    int64_t duration_ms;   /* of clips, and of sound where its header says; 0: not known */
};

/* field names the file in refusals. API_INVALID: not a medium, not one of that kind, damaged, too many pixels;
 * API_TOO_LARGE; API_BUSY. kind SNIFF_OTHER: any of the three. */
int look_at(struct api *api, const char *path, enum sniff_kind kind, const char *field, struct look *ret,
            struct api_problem *ret_problem);

/* The most bytes a file of this kind may have here. */
int64_t look_bytes_max(const struct api *api, enum sniff_kind kind);

/* API_TOO_LARGE with the limit. */
int look_refuse_size(struct api_problem *problem, const char *field, int64_t bytes, int64_t bytes_max);

#endif
