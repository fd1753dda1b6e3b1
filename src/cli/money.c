#include "cli/money.h"

#include <stdio.h>
#include <string.h>

static const struct {
    const char *name;
    int decimals, decimals_shown; /* at least so many are written */
    int64_t scale;
} units[] = {[MONEY_MICROUSD] = {"microusd", 6, 2, 1000000}, [MONEY_MILLICREDIT] = {"millicredit", 3, 0, 1000}};

bool money_unit_parse(const char *text, enum money_unit *ret)
{
    for (int unit = 0; text && unit < 2; unit++) {
        if (strcmp(text, units[unit].name) == 0) {
            *ret = (enum money_unit)unit;
            return true;
        }
    }
    return false;
}

struct money_text money_plain(int64_t amount, enum money_unit unit)
{
    struct money_text ret;
    uint64_t size = amount < 0 ? 0 - (uint64_t)amount : (uint64_t)amount, scale = (uint64_t)units[unit].scale;
    int length = snprintf(ret.text, sizeof ret.text, "%s%llu.%0*llu", amount < 0 ? "-" : "",
                          (unsigned long long)(size / scale), units[unit].decimals, (unsigned long long)(size % scale));
    int shortest = length - units[unit].decimals + units[unit].decimals_shown;
    while (length > shortest && ret.text[length - 1] == '0')
        ret.text[--length] = 0;
    if (ret.text[length - 1] == '.')
        ret.text[--length] = 0;
    return ret;
}

struct money_text money_write(int64_t amount, enum money_unit unit)
{
    struct money_text plain = money_plain(amount, unit), ret;
    const char *digits = plain.text + (amount < 0);
    if (unit == MONEY_MICROUSD)
        snprintf(ret.text, sizeof ret.text, "%s$%.30s", amount < 0 ? "-" : "", digits);
    else
        snprintf(ret.text, sizeof ret.text, "%.30s credits", plain.text);
    return ret;
}

/* One digit more behind value; false when it would not fit. */
static bool append(int64_t *value, int digit)
{
    return !__builtin_mul_overflow(*value, 10, value) && !__builtin_add_overflow(*value, digit, value);
}

bool money_parse(const char *text, enum money_unit unit, int64_t *ret)
{
    int64_t value = 0;
    int decimals = 0;
    if (unit == MONEY_MICROUSD && *text == '$')
        text++;
    size_t whole = strspn(text, "0123456789");
    size_t part = text[whole] == '.' ? strspn(text + whole + 1, "0123456789") : 0;
    if (!whole || text[whole + (part ? part + 1 : 0)] || part > (size_t)units[unit].decimals)
        return false;
    for (const char *at = text; *at; at++) {
        if (*at == '.')
            continue;
        if (!append(&value, *at - '0'))
            return false;
    }
    for (decimals = (int)part; decimals < units[unit].decimals; decimals++)
        if (!append(&value, 0))
            return false;
    if (value <= 0)
        return false;
    *ret = value;
    return true;
}
