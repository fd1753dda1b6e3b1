/* MCP between a program that starts us (JSON-RPC messages, a line each, over a pipe) and a server (/mcp).
 *
 * Each request has a thread, as a tool may wait for minutes while others ask and answer; MCP_BRIDGE_CALLS_MAX at once,
 * then reading waits. Answers go out whole, one a line. A request that the program cancels is dropped here; the job it
 * made goes on. */
#ifndef CLI_MCP_BRIDGE_H
#define CLI_MCP_BRIDGE_H

#include <stddef.h>

#include "cli/client.h"

enum { MCP_BRIDGE_CALLS_MAX = 16, MCP_BRIDGE_LINE_BYTES_MAX = 64 << 20 };

struct mcp_bridge;

/* Answers go to the descriptor `output`, which stays the caller's, as does client. */
int mcp_bridge_create(struct mcp_bridge **ret_bridge, const struct client *client, int output, conch_error *err);

/* One line without its end. What is wrong with it is answered. CONCH_ERR_IO once nobody reads the answers. */
int mcp_bridge_feed(struct mcp_bridge *bridge, const char *line, size_t size, conch_error *err);

/* Waits for the requests that are under way; NULL is allowed. */
void mcp_bridge_destroy(struct mcp_bridge *bridge);

#endif
