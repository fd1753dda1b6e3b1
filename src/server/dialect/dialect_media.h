/* Pictures and other media of requests, as far as dialects agree about them. */
#ifndef SERVER_DIALECT_DIALECT_MEDIA_H
#define SERVER_DIALECT_DIALECT_MEDIA_H

#include "server/dialect/dialect.h"

/* Media given by a link that this server gave out become files by their id: such a link needs no fetching, which for
 * addresses of one's own network is not allowed. Links that are wrong, expired or of another account stay as they are,
 * and are refused like any address. */
void dialect_own_links(struct dialect_call *call, struct api_media *media, size_t count);

#endif
