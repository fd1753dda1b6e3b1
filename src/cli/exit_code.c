#include "cli/exit_code.h"

#include <signal.h>

#include "base/base.h"
#include "cli/stop.h"

static const struct row {
    int code, exit_code;
    const char *meaning;
} rows[] = {
    {CONCH_OK, 0, "done"},
    {CONCH_ERR_RANGE, EXIT_USAGE, "an option, or a value that is not allowed"},
    {CONCH_ERR_NOTFOUND, 3, "a model, file, program, job or clip is not there"},
    {CONCH_ERR_FORMAT, 4, "a file is damaged"},
    {CONCH_ERR_MEDIA, 5, "a picture or clip cannot be read or written"},
    {CONCH_ERR_NOMEM, 6, "not enough memory"},
    {CONCH_ERR_DISKFULL, 7, "the disk is full"},
    {CONCH_ERR_IO, 8, "a file cannot be opened, read or written"},
    {CONCH_ERR_UNSUPPORTED, 9, "the model or this build cannot do it"},
    {CONCH_ERR_LIMIT, 10, "a limit was reached (size of a file, pixels, time)"},
    {CLI_ERR_NO_SERVER, 11, "no server answers, or the connection to it broke"},
    {CLI_ERR_KEY, 12, "the server wants a key, or another one"},
    {CLI_ERR_REFUSED, 13, "the server refused it (balance, limits, content policy, state of the job)"},
    {CLI_ERR_JOB, 14, "the job failed, was blocked or cancelled"},
    {CONCH_ERR_INTERNAL, EXIT_INTERNAL, "a fault of conch itself"},
    {CONCH_ERR_CANCELLED, EXIT_SIGNAL + SIGINT, "stopped with Ctrl-C (143: with SIGTERM, 129: SIGHUP)"},
};

int exit_code_of(int code)
{
    if (code == CONCH_ERR_CANCELLED && stop_signal())
        return EXIT_SIGNAL + stop_signal();
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        if (rows[i].code == code)
            return rows[i].exit_code;
    return EXIT_INTERNAL;
}

const char *exit_code_word(int code)
{
    switch (code) {
    case CLI_ERR_NO_SERVER: return "no_server";
    case CLI_ERR_KEY: return "key";
    case CLI_ERR_REFUSED: return "refused";
    case CLI_ERR_JOB: return "job_failed";
    default: return conch_error_word(code);
    }
}

void exit_code_print(FILE *out)
{
    fprintf(out, "Exit codes\n");
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        fprintf(out, "  %3d  %s\n", rows[i].exit_code, rows[i].meaning);
}
