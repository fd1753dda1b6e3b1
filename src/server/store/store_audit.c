/* Everything that must be true of the rows, as questions whose answers are what is wrong: one line of text a row. */
#include <assert.h>
#include <string.h>

#include "server/store/store_inner.h"

#define TERMINAL    "(4, 5, 6, 7)"
#define RUNNING     "(1, 2, 3)"
#define UNIT_OF_LOT "CASE WHEN l.kind = 4 THEN 0 ELSE 1 END"

static const char *const questions[] = {
    "SELECT 'movement ' || movement_id || ': its postings add up to ' || sum(amount) || ', not to 0'"
    " FROM posting GROUP BY movement_id HAVING sum(amount) <> 0",

    "SELECT 'movement ' || m.id || ' has no postings' FROM movement m WHERE (m.available_change <> 0 OR"
    " m.held_change <> 0 OR m.spent <> 0) AND NOT EXISTS (SELECT 1 FROM posting p WHERE p.movement_id = m.id)",

    "SELECT 'movement ' || m.id || ': it says ' || m.available_change || ' free, ' || m.held_change || ' held, ' ||"
    " m.spent || ' spent; its postings say ' || p.a || ', ' || p.h || ', ' || p.s FROM movement m JOIN"
    " (SELECT movement_id, sum(CASE WHEN book = 0 THEN amount ELSE 0 END) AS a,"
    " sum(CASE WHEN book = 1 THEN amount ELSE 0 END) AS h, sum(CASE WHEN book = 4 THEN amount ELSE 0 END) AS s"
    " FROM posting GROUP BY movement_id) p ON p.movement_id = m.id"
    " WHERE p.a <> m.available_change OR p.h <> m.held_change OR p.s <> m.spent",

    "SELECT 'movement ' || t.id || ': ' || t.available_after || ' free and ' || t.held_after || ' held after it, all"
    " movements give ' || t.a || ' and ' || t.h FROM (SELECT id, available_after, held_after,"
    " sum(available_change) OVER (PARTITION BY account_id, unit ORDER BY id) AS a,"
    " sum(held_change) OVER (PARTITION BY account_id, unit ORDER BY id) AS h FROM movement) AS t"
    " WHERE t.a <> t.available_after OR t.h <> t.held_after",

    "SELECT 'lot ' || l.id || ': ' || l.available || ' free and ' || l.held || ' held, its postings give ' ||"
    " COALESCE(p.a, 0) || ' and ' || COALESCE(p.h, 0) FROM lot l LEFT JOIN (SELECT lot_id,"
    " sum(CASE WHEN book = 0 THEN amount ELSE 0 END) AS a, sum(CASE WHEN book = 1 THEN amount ELSE 0 END) AS h"
    " FROM posting GROUP BY lot_id) p ON p.lot_id = l.id"
    " WHERE l.available <> COALESCE(p.a, 0) OR l.held <> COALESCE(p.h, 0)",

    "SELECT 'posting of movement ' || p.movement_id || ': there is no lot ' || p.lot_id FROM posting p"
    " WHERE NOT EXISTS (SELECT 1 FROM lot l WHERE l.id = p.lot_id)",

    "SELECT 'lot ' || l.id || ': ' || l.held || ' held, open holds pin ' || COALESCE(p.held, 0) FROM lot l LEFT JOIN"
    " (SELECT pin.lot_id AS lot_id, sum(pin.amount) AS held FROM pin JOIN hold ON hold.id = pin.hold_id"
    " WHERE hold.state = 0 GROUP BY pin.lot_id) p ON p.lot_id = l.id WHERE l.held <> COALESCE(p.held, 0)",

    "SELECT 'account ' || t.account_id || ', unit ' || t.unit || ': its lots have ' || t.a || ' free, the statement"
    " ends with ' || m.available_after FROM (SELECT l.account_id AS account_id, " UNIT_OF_LOT " AS unit,"
    " sum(l.available) AS a FROM lot l GROUP BY l.account_id, " UNIT_OF_LOT ") AS t JOIN movement m ON m.id ="
    " (SELECT max(n.id) FROM movement n WHERE n.account_id = t.account_id AND n.unit = t.unit)"
    " WHERE t.a <> m.available_after",

    "SELECT 'account ' || a.id || ': issued ' || a.issued_microusd || ' micro-USD and ' || a.issued_millicredit ||"
    " ' milli-credits, its postings give ' || COALESCE(t.m, 0) || ' and ' || COALESCE(t.c, 0) FROM account a LEFT JOIN"
    " (SELECT m.account_id AS account_id, sum(CASE WHEN m.unit = 0 THEN -p.amount ELSE 0 END) AS m,"
    " sum(CASE WHEN m.unit = 1 THEN -p.amount ELSE 0 END) AS c FROM posting p JOIN movement m ON m.id = p.movement_id"
    " WHERE p.book IN (2, 3) AND p.amount < 0 GROUP BY m.account_id) t ON t.account_id = a.id"
    " WHERE a.issued_microusd <> COALESCE(t.m, 0) OR a.issued_millicredit <> COALESCE(t.c, 0)",

    "SELECT 'hold ' || h.id || ': ' || h.amount || ' with ' || h.spent || ' spent, its pins have ' ||"
    " COALESCE(p.amount, 0) || ' and ' || COALESCE(p.spent, 0) FROM hold h LEFT JOIN (SELECT hold_id,"
    " sum(amount) AS amount, sum(spent) AS spent FROM pin GROUP BY hold_id) p ON p.hold_id = h.id"
    " WHERE h.amount <> COALESCE(p.amount, 0) OR h.spent <> COALESCE(p.spent, 0)",

    "SELECT 'hold ' || h.id || ' (state ' || h.state || ', ' || h.amount || '): its postings hold ' ||"
    " COALESCE(p.h, 0) || ' and spend ' || COALESCE(p.s, 0) FROM hold h LEFT JOIN (SELECT hold_id,"
    " sum(CASE WHEN book = 1 THEN amount ELSE 0 END) AS h, sum(CASE WHEN book = 4 THEN amount ELSE 0 END) AS s"
    " FROM posting WHERE hold_id > 0 GROUP BY hold_id) p ON p.hold_id = h.id WHERE COALESCE(p.h, 0) <>"
    " CASE WHEN h.state = 0 THEN h.amount ELSE 0 END OR COALESCE(p.s, 0) <> h.spent",

    "SELECT 'hold ' || h.id || ' (state ' || h.state || '): ' || COALESCE(m.settles, 0) || ' settles and ' ||"
    " COALESCE(m.releases, 0) || ' releases' FROM hold h LEFT JOIN (SELECT hold_id,"
    " sum(CASE WHEN kind = 3 THEN 1 ELSE 0 END) AS settles, sum(CASE WHEN kind = 4 THEN 1 ELSE 0 END) AS releases"
    " FROM movement WHERE kind IN (3, 4) GROUP BY hold_id) m ON m.hold_id = h.id"
    " WHERE COALESCE(m.settles, 0) <> CASE WHEN h.state = 1 THEN 1 ELSE 0 END"
    " OR COALESCE(m.releases, 0) <> CASE WHEN h.state = 2 THEN 1 ELSE 0 END",

    "SELECT 'hold ' || h.id || ' is open without a job that is under way' FROM hold h LEFT JOIN job j ON j.id = h.id"
    " AND j.hold_id = h.id WHERE h.state = 0 AND (j.id IS NULL OR j.state IN " TERMINAL ")",

    "SELECT 'job ' || j.id || ' (state ' || j.state || ') goes on, its hold is resolved or missing' FROM job j"
    " LEFT JOIN hold h ON h.id = j.hold_id WHERE j.hold_id > 0 AND (h.id IS NULL OR"
    " (h.state <> 0 AND j.state NOT IN " TERMINAL "))",

    "SELECT 'job ' || j.id || ': charged ' || j.charged || ', its hold was spent by ' || h.spent FROM job j"
    " JOIN hold h ON h.id = j.hold_id WHERE j.charged <> h.spent",

    "SELECT 'key ' || k.id || ': ' || k.spent_microusd || ' micro-USD spent or held, its holds give ' ||"
    " COALESCE(t.spent, 0) FROM api_key k LEFT JOIN (SELECT key_id, sum(CASE WHEN state = 0 THEN amount ELSE spent END)"
    " AS spent FROM hold WHERE unit = 0 GROUP BY key_id) t ON t.key_id = k.id"
    " WHERE k.spent_microusd <> COALESCE(t.spent, 0)",

    "SELECT 'job ' || j.id || ': ' || j.event_count || ' events were counted, ' || COALESCE(e.events, 0) || ' are there"
    " and ' || j.events_pruned || ' were dropped; the last is number ' || COALESCE(e.last, 0) FROM job j LEFT JOIN"
    " (SELECT job_id, count(*) AS events, max(number) AS last FROM event GROUP BY job_id) e ON e.job_id = j.id"
    " WHERE j.event_count <> COALESCE(e.events, 0) + j.events_pruned OR j.event_count <> COALESCE(e.last, 0)",

    "SELECT 'job ' || j.id || ' (state ' || j.state || '): its last event leads to state ' || e.to_state FROM job j"
    " JOIN event e ON e.job_id = j.id AND e.number = j.event_count WHERE e.to_state <> j.state",

    "SELECT 'job ' || j.id || ' (state ' || j.state || '): ' || COALESCE(e.ends, 0) || ' terminal events' FROM job j"
    " LEFT JOIN (SELECT job_id, count(*) AS ends FROM event WHERE to_state IN " TERMINAL " GROUP BY job_id) e"
    " ON e.job_id = j.id WHERE COALESCE(e.ends, 0) <> CASE WHEN j.state IN " TERMINAL " THEN 1 ELSE 0 END",

    "SELECT 'load of key ' || l.key_id || ': ' || l.queued || ' queued and ' || l.running || ' running, its jobs are '"
    " || COALESCE(t.queued, 0) || ' and ' || COALESCE(t.running, 0) FROM job_load l LEFT JOIN (SELECT key_id,"
    " sum(CASE WHEN state = 0 THEN 1 ELSE 0 END) AS queued, sum(CASE WHEN state IN " RUNNING " THEN 1 ELSE 0 END)"
    " AS running FROM job GROUP BY key_id) t ON t.key_id = l.key_id WHERE l.key_id <> 0 AND"
    " (l.queued <> COALESCE(t.queued, 0) OR l.running <> COALESCE(t.running, 0))",

    "SELECT 'load of all: ' || l.queued || ' queued and ' || l.running || ' running, the jobs are ' || t.queued ||"
    " ' and ' || t.running FROM job_load l, (SELECT COALESCE(sum(CASE WHEN state = 0 THEN 1 ELSE 0 END), 0) AS queued,"
    " COALESCE(sum(CASE WHEN state IN " RUNNING " THEN 1 ELSE 0 END), 0) AS running FROM job) AS t"
    " WHERE l.key_id = 0 AND (l.queued <> t.queued OR l.running <> t.running)",

    "SELECT 'job ' || j.id || ': ' || j.files_live || ' live files were counted, ' || COALESCE(f.live, 0) ||"
    " ' are there' FROM job j LEFT JOIN (SELECT job_id, count(*) AS live FROM file WHERE job_id > 0 AND deleted_ms = 0"
    " GROUP BY job_id) f ON f.job_id = j.id WHERE j.files_live <> COALESCE(f.live, 0)",
};

struct audit_report {
    void (*report)(void *context, const char *line);
    void *context;
};

static int problem_row(void *context, size_t index, struct db_statement *statement, conch_error *err)
{
    const struct audit_report *to = context;
    const char *line = db_column_text(statement, 0);
    if (to->report)
        to->report(to->context, line ? line : "no memory to say what is wrong");
    return 0;
}

static int audit_count(struct db *db, struct store_audit *ret, conch_error *err)
{
    struct {
        const char *sql;
        int64_t *number;
    } const counts[] = {
        {"SELECT count(*) FROM account", &ret->accounts}, {"SELECT count(*) FROM job", &ret->jobs},
        {"SELECT count(*) FROM hold", &ret->holds},       {"SELECT count(*) FROM movement", &ret->movements},
        {"SELECT count(*) FROM posting", &ret->postings},
    };
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < sizeof(counts) / sizeof(counts[0]); i++)
        rc = db_number(db, counts[i].sql, DB_NOTHING, counts[i].number, err);
    return rc;
}

int store_audit(struct store_tx *tx, void (*report)(void *context, const char *line), void *context,
                struct store_audit *ret, conch_error *err)
{
    struct store_audit audit = {0};
    struct audit_report to = {.report = report, .context = context};
    struct rows_wanted wanted = {.row = problem_row, .context = &to, .max = SIZE_MAX};
    int rc = audit_count(tx->db, &audit, err);
    for (size_t i = 0; rc == 0 && i < sizeof(questions) / sizeof(questions[0]); i++) {
        size_t found = 0;
        rc = rows_each(tx->db, questions[i], DB_NOTHING, &wanted, &found, err);
        audit.problems += (int64_t)found;
    }
    if (rc == 0)
        *ret = audit;
    return rc;
}
