/* Amounts as people write them, exactly: money is counted in micro-USD, credits in milli-credits, and neither ever
 * becomes a floating-point number. */
#ifndef CLI_MONEY_H
#define CLI_MONEY_H

#include <stdbool.h>
#include <stdint.h>

enum money_unit { MONEY_MICROUSD, MONEY_MILLICREDIT };

/* "microusd" and "millicredit" as the server writes them; false for another word or NULL. */
bool money_unit_parse(const char *text, enum money_unit *ret);

/* "$12.50", "-$0.000001"; "3.5 credits". */
struct money_text {
    char text[40];
};
struct money_text money_write(int64_t amount, enum money_unit unit);

/* The number alone, for tables to be read by programs: "12.50", "3.5". */
struct money_text money_plain(int64_t amount, enum money_unit unit);

/* "12.50", "$12.50", "3": digits with at most 6 decimals (3 of credits), above 0 and below 2^63; a '$' goes with
 * micro-USD alone. No sign, no exponent, no thousands separators. */
bool money_parse(const char *text, enum money_unit unit, int64_t *ret);

#endif
