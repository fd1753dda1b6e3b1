/* Which money pays for a job. An account has up to three purses: units of clip packages, credits of every other kind,
 * and pay-as-you-go micro-USD. The operator's list [credits] order says which are asked, and in which order: the first
 * for which the job has a price, and whose lots can pay all of it, pays. A job is never paid from two purses. */
#ifndef SERVER_API_PURSE_H
#define SERVER_API_PURSE_H

#include "server/api/api.h"
#include "server/config.h"

enum purse { PURSE_PACKAGE, PURSE_CREDITS, PURSE_PAYG };
enum { PURSES = 3 };

/* What a job costs in one purse. */
struct purse_offer {
    enum purse purse;
    int64_t amount;   /* > 0 */
    int64_t fixed;    /* the part of it that does not depend on how long the clip gets */
    char source[160]; /* where the price comes from */
    int64_t available;
};

const char *purse_name(enum purse purse); /* "package", "credits", "payg" */
enum ledger_unit purse_unit(enum purse purse);
enum purse purse_of_kind(enum ledger_kind kind);
struct ledger_quote purse_quote(enum purse purse, int64_t amount);

/* The operator's purses in order, each once. Returns how many. */
size_t purse_order(const struct config_list *order, enum purse ret[PURSES]);

/* The first offer that its purse can pay; NULL: none. */
const struct purse_offer *purse_choose(const struct purse_offer *offers, size_t count);

/* Fills what is available for each. In a transaction. */
int purse_look(struct store_tx *tx, int64_t account_id, int64_t now_ms, struct purse_offer *offers, size_t count,
               conch_error *err);

/* API_BALANCE, with what is wanted and what there is in each. Always -1. */
int purse_refuse(const struct purse_offer *offers, size_t count, struct api_problem *problem);

/* A price by the catalog's list. CONCH_ERR_NOTFOUND, CONCH_ERR_LIMIT as catalog_price has them. */
int purse_price(const struct catalog *catalog, const struct catalog_resolved *resolved, int64_t at_ms,
                struct purse_offer *offer, conch_error *err);

#endif
