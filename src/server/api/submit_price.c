/* What a job costs: the provider's list price, which is always told, and what of it is to be paid here, in each of the
 * purses that may pay. Which of them does is decided in the transaction, with what is there then. */
#include <string.h>

#include "server/api/submit.h"

static int price_refuse(struct submit *submit, const conch_error *err)
{
    return api_refuse(submit->problem, API_INVALID, "seconds", "%s", err->text);
}

static int list_price(struct submit *submit)
{
    struct purse_offer list = {.purse = PURSE_PAYG};
    conch_error err = {0};
    const int rc = purse_price(submit->api->catalog, &submit->resolved, submit->now_ms, &list, &err);
    if (rc == CONCH_ERR_LIMIT)
        return price_refuse(submit, &err);
    if (rc < 0) /* no price is known */
        return 0;
    submit->list_microusd = list.amount;
    memcpy(submit->list_source, list.source, sizeof submit->list_source);
    return 0;
}

/* The operator's own prices for what this machine makes. */
static int local_price(struct submit *submit, struct purse_offer *offer, conch_error *err)
{
    const struct config *config = submit->api->config;
    int64_t sum;
    offer->fixed = config->credits.local_microusd_per_video;
    if (__builtin_mul_overflow(config->credits.local_microusd_per_second, (int64_t)submit->seconds, &sum) ||
        __builtin_add_overflow(sum, offer->fixed, &offer->amount))
        return conch_error_set(err, CONCH_ERR_LIMIT, "the price of %d seconds passes %lld", submit->seconds,
                               (long long)INT64_MAX);
    strcpy(offer->source, "the operator's prices for videos made on this machine");
    return 0;
}

/* 0 without a price: amount is 0 then. */
static int offer_price(struct submit *submit, struct purse_offer *offer)
{
    const struct config *config = submit->api->config;
    const bool own = !submit->served.sandbox &&
                     (config->credits.local_microusd_per_second > 0 || config->credits.local_microusd_per_video > 0);
    conch_error err = {0};
    const int rc = own && offer->purse == PURSE_PAYG
                       ? local_price(submit, offer, &err)
                       : purse_price(submit->api->catalog, &submit->resolved, submit->now_ms, offer, &err);
    return rc == CONCH_ERR_LIMIT ? price_refuse(submit, &err) : 0;
}

int submit_price(struct submit *submit)
{
    const struct config *config = submit->api->config;
    struct purse_offer offers[PURSES] = {{.purse = PURSE_PACKAGE}, {.purse = PURSE_CREDITS}, {.purse = PURSE_PAYG}};
    enum purse order[PURSES];
    if (strcmp(submit->task, "generation") != 0)
        return 0;
    if (list_price(submit) < 0)
        return -1;
    if (!(submit->served.sandbox ? config->sandbox.charge : config->credits.charge_local))
        return 0;
    for (int i = 0; i < PURSES; i++) {
        if (offer_price(submit, &offers[i]) < 0)
            return -1;
        submit->priced = submit->priced || offers[i].amount > 0;
    }
    const size_t count = purse_order(&config->credits.order, order);
    for (size_t i = 0; i < count; i++)
        if (offers[order[i]].amount > 0)
            submit->offers[submit->offer_count++] = offers[order[i]];
    return 0;
}
