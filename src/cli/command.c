#include "cli/command.h"

#include <string.h>

#include "base/base.h"
#include "cli/exit_code.h"
#include "cli/style.h"

const struct command *const commands[] = {&command_generate,
                                          &command_models,
                                          &command_serve,
                                          &command_worker,
                                          &command_submit,
                                          &command_status,
                                          &command_wait,
                                          &command_fetch,
                                          &command_cancel,
                                          &command_jobs,
                                          &command_keys,
                                          &command_credits,
                                          &command_studio,
                                          &command_mcp,
                                          &command_backup,
                                          &command_doctor,
                                          &command_version,
                                          &command_help,
                                          NULL};

const struct command *command_find(const char *name)
{
    for (size_t i = 0; commands[i]; i++)
        if (strcmp(commands[i]->name, name) == 0)
            return commands[i];
    return NULL;
}

int command_unknown(const char *name)
{
    const char *names[ARRAY_LEN(commands)];
    size_t count = 0;
    for (size_t i = 0; commands[i]; i++)
        names[count++] = commands[i]->name;
    const char *nearest = option_nearest(name, names, count);
    conch_error err;
    if (nearest)
        conch_error_set(&err, CONCH_ERR_RANGE, "unknown command %s; did you mean `conch %s`?", name, nearest);
    else
        conch_error_set(&err, CONCH_ERR_RANGE, "unknown command %s; `conch help` lists the commands", name);
    return command_fail(&err);
}

int command_verb(const char *command, const struct option_words *words, const char *const *verbs, size_t count,
                 size_t *ret, conch_error *err)
{
    char list[96] = "";
    size_t length = 0;
    for (size_t i = 0; i < count; i++) {
        if (words->count && strcmp(words->word[0], verbs[i]) == 0) {
            *ret = i;
            return 0;
        }
        length += (size_t)snprintf(list + length, sizeof list - length, "%s%s", i ? ", " : "", verbs[i]);
    }
    if (!words->count)
        return conch_error_set(err, CONCH_ERR_RANGE, "conch %s needs to know what to do: %s", command, list);
    return conch_error_set(err, CONCH_ERR_RANGE, "conch %s: '%s' is not allowed (%s)", command, words->word[0], list);
}

void command_print_help(const struct command *command, FILE *out)
{
    fprintf(out, "usage: conch %s %s\n\n%s\n", command->name, command->arguments, command->summary);
    if (command->options)
        option_print(command->options, out);
    if (command->details)
        fprintf(out, "\n%s", command->details);
    fputc('\n', out);
    exit_code_print(out);
}

void command_print_overview(FILE *out)
{
    fprintf(out, "conch: short videos from a sentence or a picture, made on this machine\n\n"
                 "usage: conch COMMAND ...\n\n");
    for (size_t i = 0; commands[i]; i++)
        fprintf(out, "  %-10s %s\n", commands[i]->name, commands[i]->summary);
    fprintf(out, "\n  conch generate \"a red ball bounces on grass\" -o ball.mp4\n"
                 "  conch help generate\n");
}

int command_fail(const conch_error *err)
{
    style_error(err->text);
    return exit_code_of(err->code);
}
