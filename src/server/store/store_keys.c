/* Accounts and their keys. */
#include <assert.h>
#include <string.h>

#include "server/store/store_inner.h"

#define ACCOUNT_COLUMNS "id, name, created_ms, closed_ms, issued_microusd, issued_millicredit"
#define KEY_COLUMNS                                                                                                    \
    "id, account_id, name, tail, scopes, budget_microusd, spent_microusd, queued_max, running_max, priority_max, "     \
    "policy, created_ms, used_ms, revoked_ms, expires_ms"

enum { USED_EVERY_MS = 60 * 1000 };

static int account_row(void *context, size_t index, struct db_statement *statement, conch_error *err)
{
    struct store_account *account = (struct store_account *)context + index;
    memset(account, 0, sizeof(*account));
    account->ledger.id = db_column_int64(statement, 0);
    column_copy(statement, 1, account->name, sizeof(account->name));
    account->created_ms = db_column_int64(statement, 2);
    account->closed_ms = db_column_int64(statement, 3);
    account->ledger.issued[LEDGER_MICROUSD] = db_column_int64(statement, 4);
    account->ledger.issued[LEDGER_MILLICREDIT] = db_column_int64(statement, 5);
    return 0;
}

int store_account_get(struct store_tx *tx, int64_t id, struct store_account *ret, conch_error *err)
{
    struct rows_wanted wanted = {.row = account_row, .context = ret, .max = 1};
    size_t count = 0;
    int rc = rows_each(tx->db, "SELECT " ACCOUNT_COLUMNS " FROM account WHERE id = $1", DB_WITH(db_int64(id)), &wanted,
                       &count, err);
    return rc == 0 && count == 0 ? not_found(err, "account", id) : rc;
}

#define ACCOUNT_LIST(order)                                                                                            \
    "SELECT " ACCOUNT_COLUMNS " FROM account WHERE id < $1 AND id > $2 ORDER BY id " order " LIMIT $3 OFFSET $4"

int store_account_list(struct store_tx *tx, const struct store_page *page, struct store_account *ret, size_t *ret_count,
                       conch_error *err)
{
    struct rows_wanted wanted = {.row = account_row, .context = ret, .max = page->count};
    int rc = page_check(page, err);
    if (rc < 0)
        return rc;
    return rows_each(
        tx->db, page->ascending ? ACCOUNT_LIST("ASC") : ACCOUNT_LIST("DESC"),
        DB_WITH(page_before(page), page_after(page), db_int64((int64_t)page->count), db_int64((int64_t)page->skip)),
        &wanted, ret_count, err);
}

int store_account_add(struct store_tx *tx, const struct store_account *account, conch_error *err)
{
    assert(tx->scratch);
    if (account->ledger.issued[LEDGER_MICROUSD] != 0 || account->ledger.issued[LEDGER_MILLICREDIT] != 0)
        return conch_error_set(err, CONCH_ERR_RANGE, "account %lld: a new account was issued nothing; use a grant",
                               (long long)account->ledger.id);
    return db_run(tx->db,
                  "INSERT INTO account (id, name, created_ms, closed_ms, issued_microusd, issued_millicredit)"
                  " VALUES ($1, $2, $3, $4, 0, 0)",
                  DB_WITH(db_int64(account->ledger.id), db_text(account->name), db_int64(account->created_ms),
                          db_int64(account->closed_ms)),
                  NULL, err);
}

int store_account_close(struct store_tx *tx, int64_t id, int64_t now_ms, conch_error *err)
{
    assert(tx->scratch);
    return run_one(tx->db, "UPDATE account SET closed_ms = $2 WHERE id = $1", DB_WITH(db_int64(id), db_int64(now_ms)),
                   "account", id, err);
}

static int key_row(void *context, size_t index, struct db_statement *statement, conch_error *err)
{
    struct store_key *key = (struct store_key *)context + index;
    memset(key, 0, sizeof(*key));
    key->id = db_column_int64(statement, 0);
    key->account_id = db_column_int64(statement, 1);
    column_copy(statement, 2, key->name, sizeof(key->name));
    column_copy(statement, 3, key->tail, sizeof(key->tail));
    key->scopes = (unsigned)db_column_int64(statement, 4);
    key->budget_microusd = db_column_int64(statement, 5);
    key->spent_microusd = db_column_int64(statement, 6);
    key->queued_max = (int32_t)db_column_int64(statement, 7);
    key->running_max = (int32_t)db_column_int64(statement, 8);
    key->priority_max = (int32_t)db_column_int64(statement, 9);
    column_copy(statement, 10, key->policy, sizeof(key->policy));
    key->created_ms = db_column_int64(statement, 11);
    key->used_ms = db_column_int64(statement, 12);
    key->revoked_ms = db_column_int64(statement, 13);
    key->expires_ms = db_column_int64(statement, 14);
    return 0;
}

int store_key_by_hash(struct store_tx *tx, const uint8_t hash[STORE_KEY_HASH_BYTES], struct store_key *ret,
                      conch_error *err)
{
    struct rows_wanted wanted = {.row = key_row, .context = ret, .max = 1};
    size_t count = 0;
    int rc = rows_each(tx->db, "SELECT " KEY_COLUMNS " FROM api_key WHERE hash = $1",
                       DB_WITH(db_blob(hash, STORE_KEY_HASH_BYTES)), &wanted, &count, err);
    return rc == 0 && count == 0 ? conch_error_set(err, CONCH_ERR_NOTFOUND, "there is no such key") : rc;
}

int store_key_get(struct store_tx *tx, int64_t id, struct store_key *ret, conch_error *err)
{
    struct rows_wanted wanted = {.row = key_row, .context = ret, .max = 1};
    size_t count = 0;
    int rc = rows_each(tx->db, "SELECT " KEY_COLUMNS " FROM api_key WHERE id = $1", DB_WITH(db_int64(id)), &wanted,
                       &count, err);
    return rc == 0 && count == 0 ? not_found(err, "key", id) : rc;
}

#define KEY_LIST(condition, order)                                                                                     \
    "SELECT " KEY_COLUMNS " FROM api_key WHERE id < $1 AND id > $2 AND " condition " ORDER BY id " order               \
    " LIMIT $3 OFFSET $4"

int store_key_list(struct store_tx *tx, int64_t account_id, const struct store_page *page, struct store_key *ret,
                   size_t *ret_count, conch_error *err)
{
    struct rows_wanted wanted = {.row = key_row, .context = ret, .max = page->count};
    int rc = page_check(page, err);
    if (rc < 0)
        return rc;
    const char *sql = page->ascending ? KEY_LIST("($5 = 0 OR account_id = $5)", "ASC")
                                      : KEY_LIST("($5 = 0 OR account_id = $5)", "DESC");
    return rows_each(tx->db, sql,
                     DB_WITH(page_before(page), page_after(page), db_int64((int64_t)page->count),
                             db_int64((int64_t)page->skip), db_int64(account_id)),
                     &wanted, ret_count, err);
}

int store_key_add(struct store_tx *tx, const struct store_key *key, const uint8_t hash[STORE_KEY_HASH_BYTES],
                  conch_error *err)
{
    assert(tx->scratch);
    return db_run(tx->db,
                  "INSERT INTO api_key (" KEY_COLUMNS ", hash)"
                  " VALUES ($1, $2, $3, $4, $5, $6, 0, $7, $8, $9, $10, $11, $12, $13, $14, $15)",
                  DB_WITH(db_int64(key->id), db_int64(key->account_id), db_text(key->name), db_text(key->tail),
                          db_int64(key->scopes), db_int64(key->budget_microusd), db_int64(key->queued_max),
                          db_int64(key->running_max), db_int64(key->priority_max), db_text(key->policy),
                          db_int64(key->created_ms), db_int64(key->used_ms), db_int64(key->revoked_ms),
                          db_int64(key->expires_ms), db_blob(hash, STORE_KEY_HASH_BYTES)),
                  NULL, err);
}

int store_key_update(struct store_tx *tx, const struct store_key *key, conch_error *err)
{
    assert(tx->scratch);
    return run_one(tx->db,
                   "UPDATE api_key SET name = $2, scopes = $3, budget_microusd = $4, queued_max = $5, running_max = $6,"
                   " priority_max = $7, policy = $8, expires_ms = $9, revoked_ms = $10 WHERE id = $1",
                   DB_WITH(db_int64(key->id), db_text(key->name), db_int64(key->scopes), db_int64(key->budget_microusd),
                           db_int64(key->queued_max), db_int64(key->running_max), db_int64(key->priority_max),
                           db_text(key->policy), db_int64(key->expires_ms), db_int64(key->revoked_ms)),
                   "key", key->id, err);
}

int store_key_used(struct store_tx *tx, int64_t id, int64_t now_ms, conch_error *err)
{
    assert(tx->scratch);
    return db_run(tx->db, "UPDATE api_key SET used_ms = $2 WHERE id = $1 AND used_ms < $3",
                  DB_WITH(db_int64(id), db_int64(now_ms), db_int64(now_ms - USED_EVERY_MS)), NULL, err);
}
