/* What there is to pay with, as MiniMax's clients read it. */
#include <stdio.h>
#include <string.h>

#include "server/dialect/minimax1.h"

enum { STATUS_ACTIVE = 1, STATUS_NOT_LIMITED = 3 };

static void units(struct out *out, const char *key, int64_t milli)
{
    if (milli % 1000)
        out_real(out, key, (double)milli / 1000);
    else
        out_integer(out, key, milli / 1000);
}

void minimax1_remains_write(struct out *out, const struct api_package *package, int64_t now_ms)
{
    const int64_t total = package->issued > package->available ? package->issued : package->available;
    const double percent = total > 0 ? 100.0 * (double)package->available / (double)total : 0;
    const int64_t left_ms = package->end_ms > now_ms ? package->end_ms - now_ms : 0;
    out_object(out, NULL);
    out_text(out, "model_name", "video");
    out_integer(out, "start_time", package->start_ms);
    out_integer(out, "end_time", package->end_ms);
    out_integer(out, "remains_time", left_ms);
    units(out, "current_interval_total_count", total);
    units(out, "current_interval_usage_count", total - package->available);
    out_real(out, "current_interval_remaining_percent", percent);
    out_integer(out, "current_interval_status", STATUS_ACTIVE);
    out_integer(out, "current_weekly_total_count", 0);
    out_integer(out, "current_weekly_usage_count", 0);
    out_integer(out, "current_weekly_status", STATUS_NOT_LIMITED);
    out_integer(out, "weekly_start_time", package->start_ms);
    out_integer(out, "weekly_end_time", package->end_ms);
    out_integer(out, "weekly_remains_time", left_ms);
    out_object_end(out);
}

/* "0.28", "10.00", "0.000001": at least cents. */
static void dollars(struct out *out, const char *key, int64_t microusd)
{
    char text[40];
    int size = snprintf(text, sizeof text, "%lld.%06lld", (long long)(microusd / 1000000),
                        (long long)(microusd % 1000000));
    while (text[size - 1] == '0' && text[size - 3] != '.')
        text[--size] = 0;
    out_text(out, key, text);
}

void minimax1_balance_write(struct out *out, const struct api_balance *balance, int64_t now_ms)
{
    int64_t cash = 0, voucher = 0;
    for (size_t i = 0; i < balance->lot_count; i++) {
        const struct ledger_lot *lot = &balance->lots[i];
        if (lot->kind != LEDGER_PAYG || (lot->expires_ms && lot->expires_ms <= now_ms))
            continue;
        *(lot->expires_ms ? &voucher : &cash) += lot->available;
    }
    dollars(out, "available_amount", cash + voucher);
    dollars(out, "cash_balance", cash);
    dollars(out, "voucher_balance", voucher);
    dollars(out, "credit_balance", 0); /* nobody may owe here */
    dollars(out, "owed_amount", 0);
    out_flag(out, "balance_alert_switch", false);
    out_text(out, "balance_alert_threshold", "");
}
