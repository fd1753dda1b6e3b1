#include "cli/command.h"

static const struct option options[] = {{0}};

static int run(int argc, const char *const *argv)
{
    struct option_words words;
    conch_error err;
    if (option_parse(options, argc, argv, NULL, &words, &err) < 0)
        return command_fail(&err);
    if (words.count) {
        conch_error_set(&err, CONCH_ERR_RANGE, "version takes no words, but was given '%s'", words.word[0]);
        return command_fail(&err);
    }
    puts("conch " CONCH_VERSION);
    return 0;
}

const struct command command_version = {
    .name = "version", .arguments = "", .summary = "prints the version", .options = options, .run = run};
