/* One operation at work: copies of the lots in draining order, changed step by step, each step with its postings. */
#ifndef SERVER_LEDGER_LEDGER_WORK_H
#define SERVER_LEDGER_LEDGER_WORK_H

#include "server/ledger/ledger.h"

struct ledger_work {
    const struct ledger_view *view;
    enum ledger_unit unit;
    struct ledger_lot lots[LEDGER_LOTS_MAX + 1]; /* in the order in which they are spent; a new one last */
    bool changed[LEDGER_LOTS_MAX + 1];
    size_t lot_count;
    struct ledger_change *change;
};

/* Checks the rows of the view and sorts them; empties change (NULL: only looking). CONCH_ERR_FORMAT names the row that
 * cannot be. */
int work_begin(struct ledger_work *work, const struct ledger_view *view, enum ledger_unit unit,
               struct ledger_change *change, conch_error *err);

/* The lot of that id; NULL when there is none. */
struct ledger_lot *work_lot(struct ledger_work *work, int64_t lot_id);

bool lot_expired(const struct ledger_lot *lot, int64_t now_ms);

/* Begins a movement: the postings that follow are its own. */
void work_movement(struct ledger_work *work, enum ledger_movement_kind kind, int64_t hold_id, int64_t lot_id);

/* Adds a posting to the last movement and its amount to the lot; an amount of zero adds nothing. */
void work_post(struct ledger_work *work, struct ledger_lot *lot, enum ledger_book book, int64_t hold_id,
               int64_t amount);

/* Lets what is free in expired lots leave, a movement a lot. */
void work_expire(struct ledger_work *work);

/* Writes the changed lots into the change and asserts that every movement sums to zero. */
void work_end(struct ledger_work *work);

#endif
