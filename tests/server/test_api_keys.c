/* Who calls: keys, what they may give away, accounts and their money. */
#include "api_test.h"

#include <unistd.h>

#include "base/clock.h"

static struct api_caller caller;

static int authenticate(const char *token)
{
    return api_authenticate(world.api, token, &caller, &world.problem);
}

static const struct api_key_new usual = {.queued_max = -1, .running_max = -1, .priority_max = -1};

static void the_first_start_makes_one_admin_key_and_shows_it_once(void **state)
{
    world_start(NULL);
    assert_non_null(world.admin_key);
    assert_int_equal(strlen(world.admin_key), 3 + 43);
    assert_true(strncmp(world.admin_key, "ck_", 3) == 0);
    assert_string_equal(world.admin.key.tail, world.admin_key + strlen(world.admin_key) - 4);
    assert_int_equal(world_available(), world.config.credits.starting_microusd);
    const char *before = world.admin_key;
    world_stop();
    world_start(NULL);
    assert_ptr_equal(world.admin_key, before); /* no second one was made */
    assert_done(authenticate(world.admin_key));
    struct store_account accounts[5];
    size_t count;
    assert_done(
        api_account_list(world.api, &world.admin, &(struct store_page){.count = 5}, accounts, &count, &world.problem));
    assert_int_equal(count, 1);
    assert_string_equal(accounts[0].name, "main");
}

static void the_operators_key_is_there_from_the_start_and_may_be_changed(void **state)
{
    world_start((const char *[]){"CONCH_ADMIN_KEY=correct-horse-battery", NULL});
    assert_null(world.admin_key);
    assert_done(authenticate("correct-horse-battery"));
    assert_true(caller.key.scopes & STORE_SCOPE_ADMIN);
    world_stop();
    world_start((const char *[]){"CONCH_ADMIN_KEY=another-staple-phrase", NULL});
    assert_done(authenticate("another-staple-phrase"));
    assert_done(authenticate("correct-horse-battery"));
}

static char kept[80];

static int keep(void *context, const char *key, conch_error *err)
{
    snprintf(kept, sizeof kept, "%s", key);
    return *(bool *)context ? 0 : conch_error_set(err, CONCH_ERR_DISKFULL, "no room for the key");
}

static int create_again(bool *works, bool guest, char **ret_key)
{
    const struct api_settings settings = {.config = &world.config,
                                          .catalog = &world.catalog,
                                          .store = world.store,
                                          .blobs = world.blobs,
                                          .first_key_keep = keep,
                                          .first_key_context = works,
                                          .guest = guest};
    struct api *api = NULL;
    const int rc = api_create(&api, &settings, ret_key, &world.err);
    api_destroy(api);
    return rc;
}

static int revoke_all(void *context, struct store_tx *tx, conch_error *err)
{
    struct store_key key = *(struct store_key *)context;
    key.revoked_ms = 1;
    return store_key_update(tx, &key, err);
}

/* With its only admin key revoked an installation is one without any. */
static void a_first_key_that_cannot_be_written_down_is_not_made(void **state)
{
    bool works = false;
    char *key = NULL;
    world_start((const char *[]){"safety.policy=off", NULL});
    assert_int_equal(store_write(world.store, revoke_all, &world.admin.key, &world.err), 0);
    assert_int_equal(create_again(&works, true, &key), 0); /* a guest makes none */
    assert_null(key);
    assert_int_equal(create_again(&works, false, &key), CONCH_ERR_DISKFULL);
    assert_null(key);
    works = true;
    assert_int_equal(create_again(&works, false, &key), 0);
    assert_string_equal(key, kept);
    assert_done(authenticate(key));
    free(key);
}

static void a_wrong_or_missing_key_is_refused(void **state)
{
    char almost[64], huge[10000];
    world_start(NULL);
    strcpy(almost, world.admin_key);
    almost[20] ^= 1;
    memset(huge, 'k', sizeof huge - 1);
    huge[sizeof huge - 1] = 0;
    assert_refused(authenticate(NULL), API_UNAUTHORIZED, "");
    assert_refused(authenticate(""), API_UNAUTHORIZED, "");
    assert_refused(authenticate("ck_"), API_UNAUTHORIZED, "");
    assert_refused(authenticate(almost), API_UNAUTHORIZED, "");
    assert_refused(authenticate(huge), API_UNAUTHORIZED, "");
    assert_null(strstr(world.problem.text, "kkk")); /* a refusal does not repeat the key */
}

static void a_revoked_key_is_refused_at_once(void **state)
{
    struct api_key_made made;
    struct store_key key;
    world_start(NULL);
    assert_done(api_key_add(world.api, &world.admin, &usual, NULL, &made, &world.problem));
    assert_done(authenticate(made.secret)); /* now it is in the cache */
    assert_done(authenticate(made.secret));
    assert_done(api_key_revoke(world.api, &world.admin, made.key.id, &key, &world.problem));
    assert_true(key.revoked_ms > 0);
    assert_refused(authenticate(made.secret), API_UNAUTHORIZED, "");
    const int64_t first = key.revoked_ms;
    assert_done(api_key_revoke(world.api, &world.admin, made.key.id, &key, &world.problem));
    assert_int_equal(key.revoked_ms, first);
    assert_refused(api_key_revoke(world.api, &world.admin, 99, &key, &world.problem), API_NOT_FOUND, "");
}

static void a_key_ends_when_it_was_made_to(void **state)
{
    struct api_key_made made;
    struct api_key_new add = usual;
    world_start(NULL);
    add.expires_ms = clock_wall_ms() + 300;
    assert_done(api_key_add(world.api, &world.admin, &add, NULL, &made, &world.problem));
    assert_done(authenticate(made.secret));
    usleep(350000);
    assert_refused(authenticate(made.secret), API_UNAUTHORIZED, "");
    add.expires_ms = 1;
    assert_refused(api_key_add(world.api, &world.admin, &add, NULL, &made, &world.problem), API_INVALID, "expires_at");
}

static void a_key_gives_away_no_more_than_it_has(void **state)
{
    struct api_key_made made, inner;
    struct api_key_new add = usual;
    world_start(NULL);
    add.scopes = STORE_SCOPE_KEYS | STORE_SCOPE_READ;
    add.queued_max = 5;
    add.budget_microusd = 1000;
    add.policy = "words";
    assert_done(api_key_add(world.api, &world.admin, &add, NULL, &made, &world.problem));
    caller = world_caller(made.secret);
    struct api_key_new more = usual;
    more.budget_microusd = 1000;
    more.scopes = STORE_SCOPE_GENERATE;
    assert_refused(api_key_add(world.api, &caller, &more, NULL, &inner, &world.problem), API_FORBIDDEN, "scopes");
    more.scopes = STORE_SCOPE_ADMIN;
    assert_refused(api_key_add(world.api, &caller, &more, NULL, &inner, &world.problem), API_FORBIDDEN, "scopes");
    more.scopes = STORE_SCOPE_READ;
    more.queued_max = 6;
    assert_refused(api_key_add(world.api, &caller, &more, NULL, &inner, &world.problem), API_FORBIDDEN, "queued_max");
    more.queued_max = 0; /* no limit */
    assert_refused(api_key_add(world.api, &caller, &more, NULL, &inner, &world.problem), API_FORBIDDEN, "queued_max");
    more.queued_max = -1;
    more.budget_microusd = 0; /* none */
    assert_refused(api_key_add(world.api, &caller, &more, NULL, &inner, &world.problem), API_FORBIDDEN,
                   "budget_microusd");
    more.budget_microusd = 1001;
    assert_refused(api_key_add(world.api, &caller, &more, NULL, &inner, &world.problem), API_FORBIDDEN,
                   "budget_microusd");
    more.budget_microusd = 1000;
    more.policy = "off";
    assert_refused(api_key_add(world.api, &caller, &more, NULL, &inner, &world.problem), API_FORBIDDEN, "policy");
    more.policy = NULL;
    assert_done(api_key_add(world.api, &caller, &more, NULL, &inner, &world.problem));
    assert_int_equal(inner.key.queued_max, 5);
    assert_string_equal(inner.key.policy, "words");
    assert_int_equal(inner.key.account_id, world.admin.key.account_id);
    struct store_key key;
    assert_refused(api_key_revoke(world.api, &caller, world.admin.key.id, &key, &world.problem), API_FORBIDDEN, "");
    more.account_id = 4711;
    assert_refused(api_key_add(world.api, &caller, &more, NULL, &inner, &world.problem), API_NOT_FOUND, "");
    assert_refused(api_key_add(world.api, &world.admin, &more, NULL, &inner, &world.problem), API_NOT_FOUND, "");
}

static void bad_keys_are_named(void **state)
{
    struct api_key_made made;
    struct api_key_new add = usual;
    world_start(NULL);
    add.scopes = 64;
    assert_refused(api_key_add(world.api, &world.admin, &add, NULL, &made, &world.problem), API_INVALID, "scopes");
    add = usual;
    add.policy = "maybe";
    assert_refused(api_key_add(world.api, &world.admin, &add, NULL, &made, &world.problem), API_INVALID, "policy");
    add = usual;
    add.name = "\x02";
    assert_refused(api_key_add(world.api, &world.admin, &add, NULL, &made, &world.problem), API_INVALID, "name");
    add = usual;
    add.budget_microusd = -1;
    assert_refused(api_key_add(world.api, &world.admin, &add, NULL, &made, &world.problem), API_INVALID,
                   "budget_microusd");
    add = usual;
    add.running_max = -2;
    assert_refused(api_key_add(world.api, &world.admin, &add, NULL, &made, &world.problem), API_INVALID, "running_max");
}

static int render(void *context, const void *result, int *ret_status, struct buf *ret_body, conch_error *err)
{
    const struct api_key_made *made = result;
    *ret_status = 201;
    return buf_append_format(ret_body, err, "%lld:%s", (long long)made->key.id, made->secret);
}

static void a_key_is_shown_once_and_a_replay_hides_it(void **state)
{
    struct api_key_made made;
    world_start(NULL);
    struct api_once first = {.key = "n", .scope = "POST keys", .render = render};
    assert_done(api_key_add(world.api, &world.admin, &usual, &first, &made, &world.problem));
    assert_non_null(strstr(first.body.data, made.secret));
    struct api_once again = {.key = "n", .scope = "POST keys", .render = render};
    assert_done(api_key_add(world.api, &world.admin, &usual, &again, &made, &world.problem));
    assert_true(again.replayed);
    assert_null(strstr(again.body.data, "ck_"));
    assert_int_equal(strtoll(again.body.data, NULL, 10), made.key.id);
    buf_finish(&first.body);
    buf_finish(&again.body);
}

static void requests_a_minute_are_counted_by_key(void **state)
{
    world_start((const char *[]){"limits.requests_per_minute_per_key=3", NULL});
    const struct api_caller other = world_key(STORE_SCOPE_READ);
    for (int i = 0; i < 3; i++)
        assert_done(api_rate(world.api, &world.admin, &world.problem));
    assert_refused(api_rate(world.api, &world.admin, &world.problem), API_RATE_LIMIT, "");
    assert_in_range(world.problem.retry_after_s, 1, 120);
    assert_done(api_rate(world.api, &other, &world.problem));
}

static void when_a_key_was_used_is_written_down(void **state)
{
    struct store_key keys[5];
    size_t count;
    world_start(NULL);
    world_stop(); /* its end tells what was not told yet */
    world_start(NULL);
    assert_done(
        api_key_list(world.api, &world.admin, 0, &(struct store_page){.count = 5}, keys, &count, &world.problem));
    assert_int_equal(count, 1);
    assert_true(keys[0].used_ms > 0);
}

/* ---- accounts and money ---- */

static void money_of_others_is_not_shown(void **state)
{
    struct api_balance balance;
    struct store_statement_line lines[5];
    struct store_usage_row rows[5];
    struct store_key keys[5];
    struct store_account account;
    struct ledger_lot lot;
    size_t count = 5;
    const struct store_page page = {.count = 5};
    world_start(NULL);
    const struct api_caller stranger = world_stranger();
    const int64_t theirs = world.admin.key.account_id;
    const struct store_grant grant = {.account_id = stranger.key.account_id, .kind = LEDGER_PAYG, .amount = 1};
    assert_refused(api_balance(world.api, &stranger, theirs, &balance, &world.problem), API_NOT_FOUND, "");
    assert_refused(api_statement(world.api, &stranger, &(struct store_statement_filter){.account_id = theirs}, &page,
                                 lines, &count, &world.problem),
                   API_NOT_FOUND, "");
    assert_refused(api_usage(world.api, &stranger,
                             &(struct store_usage_filter){.account_id = theirs, .from_ms = 1, .until_ms = 2}, rows,
                             &count, &world.problem),
                   API_NOT_FOUND, "");
    assert_refused(api_key_list(world.api, &stranger, theirs, &page, keys, &count, &world.problem), API_NOT_FOUND, "");
    struct store_key key;
    assert_refused(api_key_revoke(world.api, &stranger, world.admin.key.id, &key, &world.problem), API_NOT_FOUND, "");
    assert_refused(api_grant(world.api, &stranger, &grant, NULL, &lot, &world.problem), API_FORBIDDEN, "");
    assert_refused(api_account_add(world.api, &stranger, "x", NULL, &account, &world.problem), API_FORBIDDEN, "");
    assert_refused(api_account_list(world.api, &stranger, &page, &account, &count, &world.problem), API_FORBIDDEN, "");
    assert_done(api_balance(world.api, &stranger, 0, &balance, &world.problem));
    assert_int_equal(balance.available[LEDGER_MICROUSD], world.config.credits.starting_microusd);
    const struct api_caller reader = world_key(STORE_SCOPE_READ);
    assert_refused(api_balance(world.api, &reader, 0, &balance, &world.problem), API_FORBIDDEN, "");
    assert_refused(api_key_list(world.api, &reader, 0, &page, keys, &count, &world.problem), API_FORBIDDEN, "");
    assert_refused(api_key_revoke(world.api, &reader, reader.key.id, &key, &world.problem), API_FORBIDDEN, "");
}

static void a_grant_stands_in_the_balance_and_the_statement(void **state)
{
    struct api_balance balance;
    struct store_statement_line lines[10];
    struct ledger_lot lot;
    size_t count;
    world_start((const char *[]){"credits.starting_microusd=0", NULL});
    struct store_grant grant = {.kind = LEDGER_BONUS, .amount = 5000, .note = "welcome"};
    assert_done(api_grant(world.api, &world.admin, &grant, NULL, &lot, &world.problem));
    assert_int_equal(lot.available, 5000);
    assert_done(api_balance(world.api, &world.admin, 0, &balance, &world.problem));
    assert_int_equal(balance.available[LEDGER_MILLICREDIT], 5000);
    assert_int_equal(balance.available[LEDGER_MICROUSD], 0);
    assert_int_equal(balance.lot_count, 1);
    assert_int_equal(balance.lots[0].id, lot.id);
    const struct store_statement_filter filter = {.unit = LEDGER_MILLICREDIT};
    assert_done(api_statement(world.api, &world.admin, &filter, &(struct store_page){.count = 10}, lines, &count,
                              &world.problem));
    assert_int_equal(count, 1);
    assert_int_equal(lines[0].available_change, 5000);
    assert_string_equal(lines[0].note, "welcome");
    grant.amount = 0;
    assert_refused(api_grant(world.api, &world.admin, &grant, NULL, &lot, &world.problem), API_INVALID, "amount");
    grant.amount = 1;
    grant.expires_ms = 5;
    assert_refused(api_grant(world.api, &world.admin, &grant, NULL, &lot, &world.problem), API_INVALID, "expires_at");
    grant.expires_ms = 0;
    grant.account_id = 77;
    assert_refused(api_grant(world.api, &world.admin, &grant, NULL, &lot, &world.problem), API_NOT_FOUND, "");
    grant.account_id = 0;
    grant.kind = (enum ledger_kind)9;
    assert_refused(api_grant(world.api, &world.admin, &grant, NULL, &lot, &world.problem), API_INVALID, "kind");
}

static void what_was_charged_stands_in_statement_and_usage(void **state)
{
    struct store_statement_line lines[10];
    struct store_usage_row rows[10];
    size_t count = 10;
    world_start((const char *[]){"sandbox.charge=true", NULL});
    const int64_t before = world_available();
    struct api_submit ask = world_ask(HAILUO, "a red ball");
    const int64_t done = world_submit(&world.admin, &ask), failed = world_submit(&world.admin, &ask);
    world_work(done, WORLD_SUCCEEDED);
    world_work(failed, WORLD_FAILED);
    assert_int_equal(world_available(), before - 280000);
    assert_done(api_statement(world.api, &world.admin, &(struct store_statement_filter){0},
                              &(struct store_page){.count = 10}, lines, &count, &world.problem));
    int64_t spent = 0;
    for (size_t i = 0; i < count; i++)
        spent += lines[i].spent;
    assert_int_equal(spent, 280000);
    count = 10;
    const struct store_usage_filter filter = {.from_ms = clock_wall_ms() - 86400000, .until_ms = 0};
    assert_done(api_usage(world.api, &world.admin, &filter, rows, &count, &world.problem));
    assert_int_equal(count, 1);
    assert_int_equal(rows[0].succeeded, 1);
    assert_int_equal(rows[0].failed, 1);
    assert_int_equal(rows[0].charged_microusd, 280000);
    const struct store_usage_filter ages = {.from_ms = 1, .until_ms = INT64_C(1) << 50};
    assert_refused(api_usage(world.api, &world.admin, &ages, rows, &count, &world.problem), API_INVALID, "from");
    const struct store_usage_filter back = {.from_ms = 20, .until_ms = 10};
    assert_refused(api_usage(world.api, &world.admin, &back, rows, &count, &world.problem), API_INVALID, "until");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        api_test(the_first_start_makes_one_admin_key_and_shows_it_once),
        api_test(the_operators_key_is_there_from_the_start_and_may_be_changed),
        api_test(a_first_key_that_cannot_be_written_down_is_not_made),
        api_test(a_wrong_or_missing_key_is_refused),
        api_test(a_revoked_key_is_refused_at_once),
        api_test(a_key_ends_when_it_was_made_to),
        api_test(a_key_gives_away_no_more_than_it_has),
        api_test(bad_keys_are_named),
        api_test(a_key_is_shown_once_and_a_replay_hides_it),
        api_test(requests_a_minute_are_counted_by_key),
        api_test(when_a_key_was_used_is_written_down),
        api_test(money_of_others_is_not_shown),
        api_test(a_grant_stands_in_the_balance_and_the_statement),
        api_test(what_was_charged_stands_in_statement_and_usage),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
