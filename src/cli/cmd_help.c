#include "cli/command.h"
#include "cli/exit_code.h"

static const struct option options[] = {{0}};

static int run(int argc, const char *const *argv)
{
    struct option_words words;
    conch_error err;
    if (option_parse(options, argc, argv, NULL, &words, &err) < 0)
        return command_fail(&err);
    if (words.count == 0) {
        command_print_overview(stdout);
        putchar('\n');
        exit_code_print(stdout);
        return 0;
    }
    const struct command *command = command_find(words.word[0]);
    if (!command)
        return command_unknown(words.word[0]);
    command_print_help(command, stdout);
    return 0;
}

const struct command command_help = {.name = "help",
                                     .arguments = "[COMMAND]",
                                     .summary = "lists the commands, or explains one",
                                     .options = options,
                                     .run = run};
