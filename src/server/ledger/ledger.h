/* Money that adds up: lots, holds and double entry, as pure functions over rows that a store has read.
 *
 * No clock, no database, no allocation: time is an argument, and an operation turns the rows it is given into a
 * ledger_change: movements, the postings they consist of, and the rows that are new or different. Rules:
 *   - amounts are int64: micro-USD for pay-as-you-go, milli-credits for every other kind. Units never mix.
 *   - a lot is an amount that came in at once and may expire. Its row says what is free (available) and what open
 *     holds have pinned (held); both are sums of its postings and stand in the row only so that nobody adds up a year.
 *   - every movement sums to zero over its postings.
 *   - a hold pins lots in the order of expiry (soonest first, never last), then of kind (as in ledger_kind), then of
 * id. It is settled or released, once. A settle charges what was used, at most the hold, from the pins in that same
 *     order; the rest goes back to the lots it came from. An amount of zero is a hold like any other, without pins.
 *   - a lot has expired when now_ms >= expires_ms. What is free in it leaves by a movement of its own; what a hold has
 *     pinned stays good for that hold; what comes back to an expired lot expires in the same change, visibly.
 *   - an account's issued[unit] counts all that ever came in. It never passes INT64_MAX, and as every other book is
 *     filled from it alone, no balance and no total of an account can overflow either (added up in order of entry).
 *
 * How a store runs an operation, all of it in one transaction that writes from its first statement (SQLite: BEGIN
 * IMMEDIATE; PostgreSQL: SELECT of the account row FOR UPDATE), so that two operations on an account follow each other:
 *   1. read the account row and its lots of the unit with available > 0 or held > 0; for settle and release also the
 *      hold and its pins in the order of `position`;
 *   2. call the operation; when it returns an error, roll back: nothing was changed and the change is not to be read;
 *   3. insert one row per movement, then the postings with the number that row was given;
 *   4. insert or update the lots in change.lots (lot_new_id says which is new), the hold (hold_change), its pins, and
 * account.issued;
 *   5. a hold is updated by UPDATE ... WHERE id = $1 AND state = 'open', which must have changed one row, and a unique
 *      index on movement(hold_id) for the kinds settle and release stands behind it;
 *   6. commit. */
#ifndef SERVER_LEDGER_LEDGER_H
#define SERVER_LEDGER_LEDGER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "conch/error.h"

/* Codes beside those of conch/error.h. */
enum {
    LEDGER_ERR_BALANCE = -100, /* not enough is free; the text says what is wanted and what there is */
    LEDGER_ERR_RESOLVED = -101 /* the hold was settled or released before */
};

enum {
    LEDGER_LOTS_MAX = 128, /* lots of one account and unit that still hold something */
    /* The most one change can have: every lot expires (2 postings), and every pin is settled in part: out of the hold,
     * charged and back. */
    LEDGER_POSTINGS_MAX = 5 * LEDGER_LOTS_MAX + 2,
    LEDGER_MOVEMENTS_MAX = LEDGER_LOTS_MAX + 1
};

enum ledger_unit { LEDGER_MICROUSD, LEDGER_MILLICREDIT };
enum { LEDGER_UNITS = 2 };

/* In the order in which lots of one expiry are spent. */
enum ledger_kind {
    LEDGER_BONUS,
    LEDGER_MEMBERSHIP,
    LEDGER_PACKAGE, /* units of a clip package: a milli-credit of it need not be worth one of another kind, see quote */
    LEDGER_PURCHASED,
    LEDGER_PAYG /* the only kind in micro-USD */
};
enum { LEDGER_KINDS = 5 };

/* Where a posting stands. Available and held belong to the account, the others are the other side of the movement. */
enum ledger_book {
    LEDGER_BOOK_AVAILABLE, /* free in a lot */
    LEDGER_BOOK_HELD,      /* pinned in a lot by a hold */
    LEDGER_BOOK_ISSUED,    /* came in by a grant; its sum is negative */
    LEDGER_BOOK_ADJUSTED,  /* came in or went out by an operator's correction */
    LEDGER_BOOK_SPENT,
    LEDGER_BOOK_EXPIRED
};
enum { LEDGER_BOOKS = 6 };

enum ledger_movement_kind { LEDGER_GRANT, LEDGER_ADJUST, LEDGER_HOLD, LEDGER_SETTLE, LEDGER_RELEASE, LEDGER_EXPIRE };

struct ledger_account {
    int64_t id;
    int64_t issued[LEDGER_UNITS]; /* all grants and upward corrections ever, >= 0 */
};

struct ledger_lot {
    int64_t id;
    int64_t account_id;
    enum ledger_kind kind;
    int64_t available;  /* >= 0 */
    int64_t held;       /* >= 0 */
    int64_t expires_ms; /* Unix time in ms; 0: never */
};

enum ledger_hold_state { LEDGER_HOLD_OPEN, LEDGER_HOLD_SETTLED, LEDGER_HOLD_RELEASED };

struct ledger_hold {
    int64_t id;
    int64_t account_id;
    enum ledger_unit unit;
    enum ledger_hold_state state;
    int64_t amount; /* >= 0; the sum of its pins */
    int64_t spent;  /* 0 until settled */
};

struct ledger_pin {
    int64_t hold_id;
    int64_t lot_id;
    int32_t position; /* 0 is charged first */
    int64_t amount;   /* > 0 */
    int64_t spent;    /* 0 until settled */
};

struct ledger_movement {
    enum ledger_movement_kind kind;
    int64_t account_id;
    enum ledger_unit unit;
    int64_t hold_id; /* 0: none */
    int64_t lot_id;  /* 0: none or several */
    int64_t at_ms;
};

struct ledger_posting {
    size_t movement_index; /* in change.movements */
    enum ledger_book book;
    int64_t lot_id;
    int64_t hold_id; /* for LEDGER_BOOK_HELD and _SPENT; 0 elsewhere */
    int64_t amount;  /* not 0; signed */
};

/* What an operation did. Some 50 KB: keep one a thread and use it again. */
struct ledger_change {
    struct ledger_movement movements[LEDGER_MOVEMENTS_MAX];
    size_t movement_count;
    struct ledger_posting postings[LEDGER_POSTINGS_MAX];
    size_t posting_count;
    struct ledger_lot lots[LEDGER_LOTS_MAX + 1]; /* rows that are new or different */
    size_t lot_count;
    int64_t lot_new_id; /* a grant: the row among lots that is to be inserted; 0: none */
    struct ledger_account account;
    enum { LEDGER_HOLD_UNCHANGED, LEDGER_HOLD_INSERT, LEDGER_HOLD_RESOLVE } hold_change;
    struct ledger_hold hold;
    struct ledger_pin pins[LEDGER_LOTS_MAX]; /* inserted or updated with the hold */
    size_t pin_count;
};

/* What was read for an operation. lots: those of the account in the unit concerned, in any order. */
struct ledger_view {
    struct ledger_account account;
    const struct ledger_lot *lots;
    size_t lot_count;
    int64_t now_ms;
};

/* A price in one unit. kinds: bits 1 << ledger_kind that may pay it; 0: every kind of the unit. Who sells packages
 * whose unit is not a credit quotes them apart, with kinds = 1 << LEDGER_PACKAGE, and leaves that bit out of other
 * quotes. */
struct ledger_quote {
    enum ledger_unit unit;
    int64_t amount; /* >= 0 */
    unsigned kinds;
};

struct ledger_grant {
    int64_t lot_id; /* of the new lot */
    enum ledger_kind kind;
    int64_t amount;     /* > 0 */
    int64_t expires_ms; /* 0: never */
};

enum ledger_unit ledger_kind_unit(enum ledger_kind kind);
const char *ledger_kind_name(enum ledger_kind kind);              /* "bonus", ... */
const char *ledger_unit_name(enum ledger_unit unit);              /* "micro-USD", "milli-credits" */
const char *ledger_book_name(enum ledger_book book);              /* "available", ... */
const char *ledger_movement_name(enum ledger_movement_kind kind); /* "grant", ... */

/* What the lots could pay of a quote at view->now_ms: the free part of lots that have not expired and whose kind may.
 * The same errors as ledger_hold has for rows that cannot be. */
int ledger_spendable(const struct ledger_view *view, const struct ledger_quote *quote, int64_t *ret_amount,
                     conch_error *err);

/* Every operation below returns on rows that cannot be (another account's or unit's lot, an amount below zero, two lots
 * of one id, sums above what was issued): CONCH_ERR_FORMAT, the text naming the row. Arguments outside what is allowed:
 * CONCH_ERR_RANGE. *ret_change is valid on success only. What has expired by now_ms leaves in the same change, by
 * movements of its own. */

/* A new lot. CONCH_ERR_LIMIT when LEDGER_LOTS_MAX lots still hold something, or when all that was issued would pass
 * INT64_MAX; CONCH_ERR_RANGE for an amount below 1 or an expiry that is not in the future. */
int ledger_grant(const struct ledger_view *view, const struct ledger_grant *grant, struct ledger_change *ret_change,
                 conch_error *err);

/* An operator's correction of one lot. Downwards it takes at most what is free; upwards the lot must not have expired.
 * CONCH_ERR_NOTFOUND for a lot that is not in the view, CONCH_ERR_RANGE, CONCH_ERR_LIMIT as in ledger_grant. */
int ledger_adjust(const struct ledger_view *view, int64_t lot_id, int64_t delta, struct ledger_change *ret_change,
                  conch_error *err);

/* A hold of quote->amount. LEDGER_ERR_BALANCE when the lots cannot pay it. */
int ledger_hold(const struct ledger_view *view, const struct ledger_quote *quote, int64_t hold_id,
                struct ledger_change *ret_change, conch_error *err);

/* A hold as it was read, pins in the order of position. */
struct ledger_held {
    struct ledger_hold hold;
    const struct ledger_pin *pins;
    size_t pin_count;
};

/* Charges `actual` (0 .. hold.amount; a CONCH_ERR_RANGE names both) and gives the rest back. LEDGER_ERR_RESOLVED. */
int ledger_settle(const struct ledger_view *view, const struct ledger_held *held, int64_t actual,
                  struct ledger_change *ret_change, conch_error *err);

/* Gives everything back. LEDGER_ERR_RESOLVED. */
int ledger_release(const struct ledger_view *view, const struct ledger_held *held, struct ledger_change *ret_change,
                   conch_error *err);

/* The sweep: lets everything free leave that has expired. A change without movements when nothing has. */
int ledger_expire(const struct ledger_view *view, enum ledger_unit unit, struct ledger_change *ret_change,
                  conch_error *err);

/* For a check that rebuilds balances from entries: adds a posting to the sums of the lot it names (a lot that begins
 * with zeros). Postings of the other books change nothing. CONCH_ERR_FORMAT on overflow or when a sum falls below zero.
 */
int ledger_replay(struct ledger_lot *lot, const struct ledger_posting *posting, conch_error *err);

#endif
