/* How every part of Conch says what went wrong.
 *
 * A function that can fail returns 0 (CONCH_OK) or one of the negative codes below, and fills *err where the fault was
 * seen. Callers pass err on and never overwrite it. err may be NULL. The text is one line for a person: it names the
 * field or file, the value found and what is allowed. It holds no secret and no trailing newline. */
#ifndef CONCH_ERROR_H
#define CONCH_ERROR_H

#ifdef __cplusplus
extern "C" {
#endif

enum conch_code {
    CONCH_OK = 0,
    CONCH_ERR_INTERNAL = -1,    /* a bug of ours, or the operating system refused something it never should */
    CONCH_ERR_NOMEM = -2,       /* the work does not fit in memory; found before the work where it can be */
    CONCH_ERR_IO = -3,          /* a file or pipe could not be opened, read or written */
    CONCH_ERR_FORMAT = -4,      /* a file is damaged, truncated, or not what it claims to be */
    CONCH_ERR_RANGE = -5,       /* a value of the caller is outside what is allowed; the text lists what is */
    CONCH_ERR_NOTFOUND = -6,    /* no such model, file or component */
    CONCH_ERR_UNSUPPORTED = -7, /* well-formed, but this build or this model cannot do it */
    CONCH_ERR_CANCELLED = -8,   /* the caller asked to stop */
    CONCH_ERR_DISKFULL = -9,    /* the file system has no room left */
    CONCH_ERR_MEDIA = -10,      /* a picture or clip could not be decoded or encoded */
    CONCH_ERR_LIMIT = -11,      /* a named limit was reached (bytes, pixels, depth, time) */
};

typedef struct conch_error {
    int code;       /* the same code the function returned */
    char text[508]; /* UTF-8, NUL-terminated, cut when longer */
} conch_error;

/* Fills err (when not NULL) with code and the formatted text and returns code, so that
 * `return conch_error_set(err, CONCH_ERR_RANGE, ...)` is one statement. */
int conch_error_set(conch_error *err, int code, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* As conch_error_set with ": " and the text of errno_value appended; ENOSPC and EDQUOT turn code into
 * CONCH_ERR_DISKFULL, ENOMEM into CONCH_ERR_NOMEM. */
int conch_error_errno(conch_error *err, int code, int errno_value, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* A short fixed word for a code ("out_of_memory", "damaged_file", ...), for --json and logs. Never NULL. */
const char *conch_error_word(int code);

#ifdef __cplusplus
}
#endif
#endif
