/* A saved latent from a stranger: what it says of itself, and its values. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "engine/latent.h"
#include "fuzz.h"

static void info_check(const conch_latent_info *info)
{
    if (!info->model || !info->prompt || info->width < 1 || info->height < 1 || info->frame_count < 1 || info->fps < 1)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char path[64];
    conch_latent_info info = {0};
    struct latent latent;
    conch_error err = {0};
    int fd = memfd_create("latent", MFD_CLOEXEC);
    if (fd < 0 || write(fd, data, size) != (ssize_t)size)
        abort();
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    int rc = conch_latent_info_read(path, &info, &err);
    if (rc == 0)
        info_check(&info);
    else if (err.code != rc || !err.text[0] || info.model)
        abort();
    conch_latent_info_finish(&info);
    int read = latent_read(path, &latent, &err);
    if (rc < 0 && read == 0)
        abort(); /* whoever can be read can be described */
    if (read == 0) {
        info_check(&latent.info);
        for (size_t i = 0; i < latent.z * latent.frames * latent.height * latent.width; i++)
            if (!isfinite(latent.data[i]))
                abort();
    } else if (err.code != read || !err.text[0]) {
        abort();
    }
    latent_finish(&latent);
    close(fd);
    return 0;
}
