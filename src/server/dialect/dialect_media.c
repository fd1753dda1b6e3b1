#include "server/dialect/dialect_media.h"

#include <string.h>

void dialect_own_links(struct dialect_call *call, struct api_media *media, size_t count)
{
    const char *origin = call->request->origin;
    const size_t size = strlen(origin);
    for (size_t i = 0; i < count; i++) {
        struct api_problem ignored;
        struct store_file file;
        if (media[i].url && strncmp(media[i].url, origin, size) == 0 &&
            api_file_by_link(call->api, media[i].url + size, &file, &ignored) == 0 &&
            file.account_id == call->caller->key.account_id) {
            media[i].url = NULL;
            media[i].file_id = file.id;
        }
    }
}
