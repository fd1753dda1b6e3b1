/* The books rebuilt from their entries, and the configuration shown: what needs no server. */
#include <stdio.h>
#include <stdlib.h>

#include "server/serve/parts.h"
#include "server/serve/source.h"

static void print_problem(void *context, const char *line)
{
    printf("  %s\n", line);
}

static int audit_work(void *context, struct store_tx *tx, conch_error *err)
{
    return store_audit(tx, print_problem, NULL, context, err);
}

/* "1 account, ", "2 accounts, " */
static void print_count(int64_t count, const char *name, const char *after)
{
    printf("%lld %s%s%s", (long long)count, name, count == 1 ? "" : "s", after);
}

int serve_audit(const struct serve_source *source, long long *ret_problems, conch_error *err)
{
    struct parts parts = {.store = NULL};
    struct store_audit audit = {.accounts = 0};
    int rc = parts_configure(&parts, source, err);
    if (rc == 0)
        rc = parts_store(&parts, &(struct parts_store){.read_only = true, .readers = 1}, err);
    if (rc == 0)
        rc = store_read(parts.store, audit_work, &audit, err);
    if (rc == 0) {
        print_count(audit.accounts, "account", ", ");
        print_count(audit.jobs, "job", ", ");
        print_count(audit.holds, "hold", ", ");
        print_count(audit.movements, "movement", ", ");
        print_count(audit.postings, "posting", ": ");
        puts(audit.problems ? "the books do not add up" : "the books add up");
        *ret_problems = audit.problems;
    }
    parts_close(&parts);
    return rc;
}

int serve_print_config(const struct serve_source *source, bool in_force, conch_error *err)
{
    struct config config;
    struct buf text;
    buf_init(&text, 1 << 20);
    int rc;
    if (in_force) {
        rc = source_config(source, &config, err);
        if (rc == 0) {
            rc = config_write(&config, &text, err);
            config_finish(&config);
        }
    } else {
        rc = config_print(&text, err);
    }
    if (rc == 0)
        fputs(text.data ? text.data : "", stdout);
    buf_finish(&text);
    return rc;
}
