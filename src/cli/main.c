/* conch: the command line program. */
#include <malloc.h>
#include <string.h>

#include "cli/command.h"
#include "cli/exit_code.h"

/* Large buffers go back to the system when they are freed, so that memory in use follows the plan of the engine: glibc
 * would otherwise raise its threshold with the first one freed and keep the next on its heap. With the model that ships
 * in f32 the peak is 28 MiB with these lines and 31 without. */
static void memory_settings(void)
{
    mallopt(M_MMAP_THRESHOLD, 1 << 20);
    mallopt(M_ARENA_MAX, 2);
}

/* "--help" or "-h" before any "--". */
static int asks_for_help(int argc, const char *const *argv)
{
    for (int i = 0; i < argc && strcmp(argv[i], "--") != 0; i++)
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0)
            return 1;
    return 0;
}

int main(int argc, char **argv)
{
    memory_settings();
    if (argc < 2) {
        command_print_overview(stderr);
        return EXIT_USAGE;
    }
    const char *name = argv[1];
    if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0)
        name = "help";
    else if (strcmp(name, "--version") == 0 || strcmp(name, "-V") == 0)
        name = "version";
    const struct command *command = command_find(name);
    if (!command)
        return command_unknown(name);
    const char *const *words = (const char *const *)argv + 2;
    if (asks_for_help(argc - 2, words)) {
        command_print_help(command, stdout);
        return 0;
    }
    return command->run(argc - 2, words);
}
