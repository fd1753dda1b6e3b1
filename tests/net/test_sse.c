#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "net/sse.h"

/* Writes each event as one line for comparing. */
static int note(void *context, const struct sse_event *event)
{
    return buf_append_format(context, NULL, "[%s|%s|%s|%ld]", event->id ? event->id : "-",
                             event->event ? event->event : "-", event->data ? event->data : "-", event->retry_ms);
}

static void events_are_read_as(const char *stream, const char *expected)
{
    for (size_t step = 1; step <= strlen(stream); step++) {
        struct sse_parser parser;
        struct buf seen;
        buf_init(&seen, 10000);
        sse_parser_init(&parser, 1000, note, &seen);
        for (size_t at = 0; at < strlen(stream); at += step) {
            size_t left = strlen(stream) - at;
            assert_int_equal(sse_parser_feed(&parser, stream + at, left < step ? left : step, NULL), 0);
        }
        assert_string_equal(seen.data ? seen.data : "", expected);
        sse_parser_finish(&parser);
        buf_finish(&seen);
    }
}

static void an_event_is_written_line_by_line(void **state)
{
    struct buf buf;
    buf_init(&buf, 1000);
    struct sse_event event = {.id = "7", .event = "progress", .data = "a\nb\r\nc\rd\n", .retry_ms = 500};
    assert_int_equal(sse_append(&buf, &event, NULL), 0);
    assert_string_equal(buf.data, "id: 7\nevent: progress\nretry: 500\ndata: a\ndata: b\ndata: c\ndata: d\ndata: \n\n");
    events_are_read_as(buf.data, "[7|progress|a\nb\nc\nd\n|500]");
    buf_clear(&buf);
    assert_int_equal(sse_append_comment(&buf, "ping", NULL), 0);
    assert_string_equal(buf.data, ": ping\n\n");
    buf_finish(&buf);
}

static void line_breaks_cannot_forge_fields(void **state)
{
    struct buf buf;
    conch_error err;
    buf_init(&buf, 1000);
    assert_int_equal(sse_append(&buf, &(struct sse_event){.id = "1\ndata: x"}, &err), CONCH_ERR_RANGE);
    assert_int_equal(sse_append(&buf, &(struct sse_event){.event = "a\rdata: x"}, &err), CONCH_ERR_RANGE);
    assert_int_equal(sse_append_comment(&buf, "a\n\ndata: x", &err), CONCH_ERR_RANGE);
    assert_int_equal(buf.size, 0);
}

static void streams_are_read_as_the_standard_says(void **state)
{
    events_are_read_as("data: one\n\ndata: two\n\n", "[-|-|one|0][-|-|two|0]");
    events_are_read_as("data: one\r\n\r\ndata: two\r\r", "[-|-|one|0][-|-|two|0]");
    events_are_read_as("\xef\xbb\xbf"
                       "data: one\n\n",
                       "[-|-|one|0]");
    events_are_read_as("id: 3\ndata:one\n\ndata:  two\n\nid\ndata: x\n\n", "[3|-|one|0][3|-| two|0][|-|x|0]");
    events_are_read_as(": ping\n\nother: x\ndata\n\n", "[-|-||0]");
    events_are_read_as("retry: 10\nretry: 1x\nretry: 99999999999999999999\ndata: a\n\n", "[-|-|a|10]");
    events_are_read_as("event: a\n\nevent: b\ndata: 1\n\ndata: 2\n\n", "[-|a|-|0][-|b|1|0][-|-|2|0]");
    events_are_read_as("data: complete\n\ndata: cut", "[-|-|complete|0]");
}

static void a_line_over_the_limit_is_refused(void **state)
{
    struct sse_parser parser;
    struct buf seen;
    conch_error err;
    int rc = 0;
    buf_init(&seen, 100);
    sse_parser_init(&parser, 50, note, &seen);
    for (int i = 0; i < 100 && rc == 0; i++)
        rc = sse_parser_feed(&parser, "data: 6789", 10, &err);
    assert_int_equal(rc, CONCH_ERR_LIMIT);
    sse_parser_finish(&parser);
    sse_parser_init(&parser, 50, note, &seen);
    for (rc = 0; rc == 0;)
        rc = sse_parser_feed(&parser, "data: 6789\n", 11, &err);
    assert_int_equal(rc, CONCH_ERR_LIMIT);
    sse_parser_finish(&parser);
    buf_finish(&seen);
}

static int stop(void *context, const struct sse_event *event)
{
    return 42;
}

static void the_sink_can_end_the_reading(void **state)
{
    struct sse_parser parser;
    sse_parser_init(&parser, 50, stop, NULL);
    assert_int_equal(sse_parser_feed(&parser, "data: a\n\ndata: b\n\n", 18, NULL), 42);
    sse_parser_finish(&parser);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_event_is_written_line_by_line),      cmocka_unit_test(line_breaks_cannot_forge_fields),
        cmocka_unit_test(streams_are_read_as_the_standard_says), cmocka_unit_test(a_line_over_the_limit_is_refused),
        cmocka_unit_test(the_sink_can_end_the_reading),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
