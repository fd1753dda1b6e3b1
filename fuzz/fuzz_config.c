/* A configuration file: taken whole or refused with a text; what is taken can be written. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/file.h"
#include "fuzz.h"
#include "server/config.h"

static char path[] = "/tmp/conch-fuzz-config-XXXXXX";

static void path_remove(void)
{
    unlink(path);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static char *const environment[] = {(char *)"HOME=/srv/ada", NULL};
    static int fd = -1;
    const struct config_settings settings = {.path = path, .environment = environment};
    struct config config;
    conch_error err = {0};
    if (fd < 0) {
        fd = mkstemp(path);
        atexit(path_remove);
    }
    if (fd < 0 || ftruncate(fd, 0) < 0 || pwrite(fd, data, size, 0) != (ssize_t)size)
        abort();
    const int rc = config_load(&config, &settings, &err);
    if (rc < 0) {
        if (rc != err.code || !err.text[0])
            abort();
        return 0;
    }
    struct buf text;
    buf_init(&text, 4 << 20);
    if (config_write(&config, &text, &err) < 0)
        abort();
    buf_finish(&text);
    config_finish(&config);
    return 0;
}
