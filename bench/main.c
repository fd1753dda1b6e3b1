/* conch-bench: how fast this machine runs Conch, part by part. One file a subcommand. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/base.h"
#include "base/pool.h"
#include "bench.h"

static const struct bench_command *const commands[] = {&bench_kernels};

static void usage(FILE *out)
{
    fprintf(out, "usage: conch-bench COMMAND [--json] [--quick] [--threads N] [--tokens-max N]\n\n");
    for (size_t i = 0; i < ARRAY_LEN(commands); i++)
        fprintf(out, "  %-10s %s\n", commands[i]->name, commands[i]->summary);
    fprintf(out, "\n  --json       one JSON object instead of tables\n"
                 "  --quick      small sizes, a few seconds\n"
                 "  --threads N  only this many threads (default: 1, then one a core)\n"
                 "  --tokens-max N  leave out sizes with more rows (the smallest have 1000)\n");
}

enum { TOKENS_MIN = 1000, TOKENS_MAX = 1000000 };

static int number_parse(size_t *ret, const char *option, const char *text, long min, long max)
{
    char *end = NULL;
    errno = 0;
    long value = text ? strtol(text, &end, 10) : 0;
    if (!text || errno || end == text || *end || value < min || value > max) {
        fprintf(stderr, "conch-bench: %s: '%s' is not allowed (%ld to %ld)\n", option, text ? text : "", min, max);
        return -1;
    }
    *ret = (size_t)value;
    return 0;
}

static int options_parse(struct bench_options *options, int argc, char **argv)
{
    for (int i = 2; i < argc; i++) {
        if (strcmp(argv[i], "--json") == 0)
            options->json = true;
        else if (strcmp(argv[i], "--quick") == 0)
            options->quick = true;
        else if (strcmp(argv[i], "--threads") == 0) {
            if (number_parse(&options->threads, argv[i], argv[i + 1], 1, POOL_THREADS_MAX) < 0)
                return -1;
            i++;
        } else if (strcmp(argv[i], "--tokens-max") == 0) {
            if (number_parse(&options->tokens_max, argv[i], argv[i + 1], TOKENS_MIN, TOKENS_MAX) < 0)
                return -1;
            i++;
        } else {
            fprintf(stderr, "conch-bench: unknown option '%s' (--json, --quick, --threads N, --tokens-max N)\n",
                    argv[i]);
            return -1;
        }
    }
    return 0;
}

int main(int argc, char **argv)
{
    struct bench_options options = {0};
    conch_error err = {0};
    if (argc >= 2 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)) {
        usage(stdout);
        return 0;
    }
    for (size_t i = 0; argc >= 2 && i < ARRAY_LEN(commands); i++) {
        if (strcmp(argv[1], commands[i]->name) != 0)
            continue;
        if (options_parse(&options, argc, argv) < 0)
            return 2;
        if (commands[i]->run(&options, &err) < 0) {
            fprintf(stderr, "conch-bench: %s\n", err.text);
            return 1;
        }
        return 0;
    }
    usage(stderr);
    return 2;
}
