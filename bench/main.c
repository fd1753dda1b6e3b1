/* conch-bench: how fast this machine runs Conch, part by part. One file a subcommand. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/base.h"
#include "base/pool.h"
#include "bench.h"

static const struct bench_command *const commands[] = {&bench_kernels, &bench_pass, &bench_vae, &bench_tiny,
                                                       &bench_serve};

static void usage(FILE *out)
{
    fprintf(out, "usage: conch-bench COMMAND [options]\n\n");
    for (size_t i = 0; i < ARRAY_LEN(commands); i++)
        fprintf(out, "  %-10s %s\n", commands[i]->name, commands[i]->summary);
    fprintf(out,
            "\n  --json          one JSON object instead of tables\n"
            "  --quick         small sizes, a few seconds\n"
            "  --threads N     only this many threads (default: one a core; kernels: 1, then one a core)\n"
            "  --tokens-max N  kernels: leave out sizes with more rows (the smallest have 1000)\n"
            "  --model M       pass, vae: 1.3b or 5b (default: 1.3b)\n"
            "  --size WxH      pass, vae: pixels (default: 832x480)\n"
            "  --frames N      pass, vae: 4n + 1 of them (default: 17)\n"
            "  --passes N      pass, vae, tiny: how often, 1 to 5; the median counts (default: 1; tiny: 3)\n"
            "  --weights FILE  pass, vae: a checkpoint (default: random numbers, in a file that has no name:\n"
            "                  2.8 GB in $TMPDIR for the pass of 1.3b, 10 GB for 5b, 0.2 to 1.1 GB for the VAEs)\n");
}

enum { TOKENS_MIN = 1000, TOKENS_MAX = 1000000, SIDE_MAX = 4096, FRAMES_MAX = 401 };

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

static int frames_parse(struct bench_options *options, const char *text)
{
    if (number_parse(&options->frames, "--frames", text, 1, FRAMES_MAX) < 0)
        return -1;
    if (options->frames % 4 == 1)
        return 0;
    fprintf(stderr, "conch-bench: --frames: '%s' is not allowed (1, 5, 9, ... %d)\n", text, FRAMES_MAX);
    return -1;
}

/* Both latent sides must be even, and a latent value of the 5B model covers 16 pixels. */
static int size_parse(struct bench_options *options, const char *text)
{
    int length = 0;
    if (text && sscanf(text, "%4zux%4zu%n", &options->width, &options->height, &length) == 2 && !text[length] &&
        options->width % 16 == 0 && options->height % 16 == 0 && options->width > 0 && options->height > 0 &&
        options->width <= SIDE_MAX && options->height <= SIDE_MAX)
        return 0;
    fprintf(stderr, "conch-bench: --size: '%s' is not allowed (WIDTHxHEIGHT, multiples of 16 up to %d)\n",
            text ? text : "", SIDE_MAX);
    return -1;
}

static int model_parse(struct bench_options *options, const char *text)
{
    options->is_5b = text && strcmp(text, "5b") == 0;
    if (options->is_5b || (text && strcmp(text, "1.3b") == 0))
        return 0;
    fprintf(stderr, "conch-bench: --model: '%s' is not allowed (1.3b, 5b)\n", text ? text : "");
    return -1;
}

/* An option with a value; 1: there is no such option. */
static int value_parse(struct bench_options *options, const char *name, const char *value)
{
    if (strcmp(name, "--threads") == 0)
        return number_parse(&options->threads, name, value, 1, POOL_THREADS_MAX);
    if (strcmp(name, "--tokens-max") == 0)
        return number_parse(&options->tokens_max, name, value, TOKENS_MIN, TOKENS_MAX);
    if (strcmp(name, "--passes") == 0)
        return number_parse(&options->passes, name, value, 1, BENCH_REPEATS);
    if (strcmp(name, "--frames") == 0)
        return frames_parse(options, value ? value : "");
    if (strcmp(name, "--size") == 0)
        return size_parse(options, value);
    if (strcmp(name, "--model") == 0)
        return model_parse(options, value);
    if (strcmp(name, "--weights") != 0)
        return 1;
    options->weights = value;
    if (!value)
        fprintf(stderr, "conch-bench: --weights: no file is given\n");
    return value ? 0 : -1;
}

static int options_parse(struct bench_options *options, int argc, char **argv)
{
    for (int i = 2; i < argc; i++) {
        if (strcmp(argv[i], "--json") == 0) {
            options->json = true;
        } else if (strcmp(argv[i], "--quick") == 0) {
            options->quick = true;
        } else {
            int rc = value_parse(options, argv[i], argv[i + 1]);
            if (rc == 1)
                fprintf(stderr, "conch-bench: unknown option '%s' (conch-bench --help lists them)\n", argv[i]);
            if (rc != 0)
                return -1;
            i++;
        }
    }
    if (options->is_5b && (options->width % 32 || options->height % 32)) {
        fprintf(stderr, "conch-bench: --size: %zux%zu is not allowed for 5b (multiples of 32)\n", options->width,
                options->height);
        return -1;
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
