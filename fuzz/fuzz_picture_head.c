/* The header of a picture from a stranger: size and orientation, read before any decoder sees it. */
#include <stdlib.h>

#include "fuzz.h"
#include "media/helper.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct picture_head head;
    conch_error err = {0};
    int rc = picture_head_read(&head, data, size, &err);
    if (rc < 0 && (err.code != rc || !err.text[0]))
        abort();
    if (rc == 0 && (head.orientation < 1 || head.orientation > 8 || head.width > MEDIA_SIDE_MAX ||
                    (uint64_t)head.width * head.height > MEDIA_PIXELS_MAX ||
                    (head.kind != PICTURE_HEIF && head.width * head.height == 0)))
        abort();
    return 0;
}
