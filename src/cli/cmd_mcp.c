/* conch mcp: the tools of a server for a program that speaks MCP over a pipe. */
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "cli/client.h"
#include "cli/command.h"
#include "cli/mcp_bridge.h"
#include "cli/stop.h"

enum { READ_BYTES = 64 << 10, LOOK_MS = 200 /* whether a signal came */ };

struct settings {
    struct client_settings client;
};

static const struct option options[] = {
    CLIENT_OPTIONS(struct settings, client),
    {0},
};

/* Lines that are complete, taken off the front. */
static int lines_take(struct mcp_bridge *bridge, struct buf *input, conch_error *err)
{
    size_t at = 0;
    int rc = 0;
    for (char *end; rc == 0 && at < input->size && (end = memchr(input->data + at, '\n', input->size - at));) {
        const size_t size = (size_t)(end - input->data) - at;
        if (size && strspn(input->data + at, " \t\r") < size)
            rc = mcp_bridge_feed(bridge, input->data + at, size, err);
        at += size + 1;
    }
    if (at) {
        memmove(input->data, input->data + at, input->size - at);
        input->size -= at;
        input->data[input->size] = '\0';
    }
    return rc;
}

/* Until the program closes its end, or a signal. */
static int serve(struct mcp_bridge *bridge, struct buf *input, conch_error *err)
{
    struct pollfd wait = {.fd = STDIN_FILENO, .events = POLLIN};
    int rc = 0;
    while (rc == 0 && !stop_signal()) {
        const int ready = poll(&wait, 1, LOOK_MS);
        if (ready <= 0)
            continue;
        char *room = buf_reserve(input, READ_BYTES, err);
        if (!room)
            return conch_error_set(err, CONCH_ERR_LIMIT, "a message has more than %d bytes", MCP_BRIDGE_LINE_BYTES_MAX);
        const ssize_t got = read(STDIN_FILENO, room, READ_BYTES);
        if (got == 0)
            break;
        if (got < 0 && errno != EINTR && errno != EAGAIN)
            return conch_error_errno(err, CONCH_ERR_IO, errno, "standard input");
        if (got > 0) {
            input->size += (size_t)got;
            input->data[input->size] = '\0';
            rc = lines_take(bridge, input, err);
        }
    }
    return rc;
}

static int run(int argc, const char *const *argv)
{
    struct settings settings = {{NULL, NULL}};
    struct client client = {.base = NULL};
    struct mcp_bridge *bridge = NULL;
    struct option_words words;
    struct buf input;
    conch_error err = {0};
    buf_init(&input, MCP_BRIDGE_LINE_BYTES_MAX);
    int rc = option_parse(options, argc, argv, &settings, &words, &err);
    if (rc == 0 && words.count)
        rc = conch_error_set(&err, CONCH_ERR_RANGE, "mcp takes no words, but was given '%s'", words.word[0]);
    if (rc == 0)
        rc = client_open(&client, &settings.client, &err);
    if (rc == 0)
        rc = mcp_bridge_create(&bridge, &client, STDOUT_FILENO, &err);
    if (rc == 0)
        rc = serve(bridge, &input, &err);
    mcp_bridge_destroy(bridge);
    buf_finish(&input);
    client_close(&client);
    return rc < 0 ? command_fail(&err) : 0;
}

const struct command command_mcp = {
    .name = "mcp",
    .arguments = "[OPTION ...]",
    .summary = "tools for language models: MCP over standard input and output",
    .details = "  A program that speaks MCP starts it; the tools are those of the server at /mcp. Pictures may be\n"
               "  named by their path here, and output_directory saves the clip here.\n"
               "\n"
               "  {\"mcpServers\": {\"conch\": {\"command\": \"conch\", \"args\": [\"mcp\"]}}}\n",
    .options = options,
    .run = run};
