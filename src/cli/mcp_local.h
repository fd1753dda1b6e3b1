/* What only this machine can do for a tool of the server: read a picture by its path, and save a clip. */
#ifndef CLI_MCP_LOCAL_H
#define CLI_MCP_LOCAL_H

#include <jansson.h>

#include "cli/client.h"

enum { MCP_LOCAL_PICTURE_BYTES_MAX = 32 << 20 };

/* Where a call wants its clip; texts of the message. Zero: nowhere. */
struct mcp_local {
    const char *folder, *file;
};

/* Looks at a message for the server. Arguments of tools/call that are paths of pictures become data: URLs (nothing but
 * a picture is read into one), output_directory and output_file are noted in *ret.
 * CONCH_ERR_NOTFOUND, CONCH_ERR_IO, CONCH_ERR_LIMIT, CONCH_ERR_RANGE with a text that names the argument. */
int mcp_local_prepare(json_t *message, struct mcp_local *ret, conch_error *err);

/* Looks at an answer: when it has a clip and the call wanted it here, saves it, and says so in the answer's text. What
 * goes wrong is said there too. Never replaces a file. */
void mcp_local_deliver(const struct client *client, const struct mcp_local *local, json_t *answer);

/* An answer of ours to the message: of a tool that could not do it. NULL: no memory. */
json_t *mcp_local_refusal(const json_t *id, const char *text);

#endif
