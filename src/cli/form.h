/* A multipart/form-data body (RFC 7578) in memory: texts and files, in the order they are added. */
#ifndef CLI_FORM_H
#define CLI_FORM_H

#include "base/buf.h"

enum { FORM_BYTES_MAX = 256 << 20 };

struct form {
    struct buf body;
    char boundary[48];
    char type[96]; /* of the body: multipart/form-data; boundary=... */
};

void form_init(struct form *form);
void form_finish(struct form *form);

/* CONCH_ERR_LIMIT above FORM_BYTES_MAX. */
int form_text(struct form *form, const char *name, const char *value, conch_error *err);

/* A file with its type as its first bytes tell it; the name that goes with it is the last part of path.
 * CONCH_ERR_NOTFOUND, CONCH_ERR_IO, CONCH_ERR_LIMIT; option ("--first-frame") is for the text. */
int form_file(struct form *form, const char *name, const char *path, const char *option, conch_error *err);

/* After the last one. */
int form_end(struct form *form, conch_error *err);

#endif
