#include "base/time_text.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

enum { DAY_SECONDS = 86400 };

struct civil {
    int year, month, day, weekday; /* month 1..12; Sunday 0 */
    int hour, minute, second, ms;
};

/* Days are counted from 0000-03-01, so that the leap day is the last of its year (the era of 400 years has 146097). */
static struct civil civil_from_ms(int64_t ms)
{
    ms = ms < TIME_TEXT_MS_MIN ? TIME_TEXT_MS_MIN : ms > TIME_TEXT_MS_MAX ? TIME_TEXT_MS_MAX : ms;
    const int64_t seconds = ms / 1000, days = seconds / DAY_SECONDS, shifted = days + 719468;
    const int era = (int)(shifted / 146097), day_of_era = (int)(shifted % 146097);
    const int year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    const int day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    const int month = (5 * day_of_year + 2) / 153; /* March is 0 */
    const int rest = (int)(seconds % DAY_SECONDS);
    return (struct civil){.year = year_of_era + era * 400 + (month >= 10),
                          .month = month < 10 ? month + 3 : month - 9,
                          .day = day_of_year - (153 * month + 2) / 5 + 1,
                          .weekday = (int)((days + 4) % 7),
                          .hour = rest / 3600,
                          .minute = rest / 60 % 60,
                          .second = rest % 60,
                          .ms = (int)(ms % 1000)};
}

static int64_t days_from_date(int year, int month, int day)
{
    const int shifted = month > 2 ? year : year - 1;
    const int era = shifted / 400, year_of_era = shifted % 400;
    const int day_of_year = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;
    return (int64_t)era * 146097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719468;
}

static int month_days(int year, int month)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    const bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return days[month - 1] + (month == 2 && leap);
}

struct time_text time_text(int64_t wall_ms)
{
    struct time_text text = time_text_seconds(wall_ms);
    snprintf(text.text + 19, sizeof text.text - 19, ".%03uZ", (unsigned)civil_from_ms(wall_ms).ms % 1000);
    return text;
}

struct time_text time_text_seconds(int64_t wall_ms)
{
    const struct civil c = civil_from_ms(wall_ms);
    struct time_text text;
    snprintf(text.text, sizeof text.text, "%04u-%02u-%02uT%02u:%02u:%02uZ", (unsigned)c.year % 10000,
             (unsigned)c.month % 100, (unsigned)c.day % 100, (unsigned)c.hour % 100, (unsigned)c.minute % 100,
             (unsigned)c.second % 100);
    return text;
}

struct time_text_http time_text_http(int64_t wall_ms)
{
    static const char days[][4] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
    static const char months[][4] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                     "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    const struct civil c = civil_from_ms(wall_ms);
    struct time_text_http text;
    snprintf(text.text, sizeof text.text, "%.3s, %02u %.3s %04u %02u:%02u:%02u GMT", days[c.weekday],
             (unsigned)c.day % 100, months[c.month - 1], (unsigned)c.year % 10000, (unsigned)c.hour % 100,
             (unsigned)c.minute % 100, (unsigned)c.second % 100);
    return text;
}

/* Reads `count` digits; -1 when there are fewer. */
static int digits(const char **at, int count)
{
    int value = 0;
    for (int i = 0; i < count; i++, (*at)++) {
        if (**at < '0' || **at > '9')
            return -1;
        value = value * 10 + (**at - '0');
    }
    return value;
}

static bool skip(const char **at, char c)
{
    if (**at != c)
        return false;
    (*at)++;
    return true;
}

/* ".123": any number of digits, of which three count. */
static int fraction_ms(const char **at)
{
    int ms = 0, scale = 100;
    if (!skip(at, '.'))
        return 0;
    if (**at < '0' || **at > '9')
        return -1;
    for (; **at >= '0' && **at <= '9'; (*at)++, scale /= 10)
        ms += (**at - '0') * scale;
    return ms;
}

/* "Z" or "+08:00", in seconds east of UTC; false for anything else. */
static bool offset_read(const char **at, int *ret_seconds)
{
    *ret_seconds = 0;
    if (skip(at, 'Z') || skip(at, 'z'))
        return true;
    const int sign = **at == '-' ? -1 : 1;
    if (!skip(at, '+') && !skip(at, '-'))
        return false;
    const int hours = digits(at, 2);
    const int minutes = skip(at, ':') ? digits(at, 2) : -1;
    *ret_seconds = sign * (hours * 3600 + minutes * 60);
    return hours >= 0 && hours < 24 && minutes >= 0 && minutes < 60;
}

static bool clock_read(const char **at, int64_t *ret_ms)
{
    const int hour = digits(at, 2);
    const int minute = hour >= 0 && skip(at, ':') ? digits(at, 2) : -1;
    const int second = minute >= 0 && skip(at, ':') ? digits(at, 2) : -1;
    const int ms = second >= 0 ? fraction_ms(at) : -1;
    int offset = 0;
    if (hour > 23 || minute > 59 || second > 60 || ms < 0 || !offset_read(at, &offset))
        return false;
    *ret_ms = ((int64_t)hour * 3600 + minute * 60 + (second == 60 ? 59 : second) - offset) * 1000 + ms;
    return true;
}

static bool parse(const char *at, int64_t *ret_ms)
{
    int64_t of_day = 0;
    const int year = digits(&at, 4);
    const int month = year >= 0 && skip(&at, '-') ? digits(&at, 2) : -1;
    const int day = month >= 0 && skip(&at, '-') ? digits(&at, 2) : -1;
    if (day < 1 || month < 1 || month > 12 || day > month_days(year, month))
        return false;
    if (*at) {
        if (!skip(&at, 'T') && !skip(&at, 't') && !skip(&at, ' '))
            return false;
        if (!clock_read(&at, &of_day))
            return false;
    }
    const int64_t ms = days_from_date(year, month, day) * DAY_SECONDS * 1000 + of_day;
    if (*at || ms < TIME_TEXT_MS_MIN || ms > TIME_TEXT_MS_MAX)
        return false;
    *ret_ms = ms;
    return true;
}

int time_text_parse(const char *text, int64_t *ret_wall_ms, conch_error *err)
{
    if (parse(text, ret_wall_ms))
        return 0;
    return conch_error_set(err, CONCH_ERR_RANGE,
                           "'%.40s' is no time as 2026-11-22T08:15:04Z or 2026-11-22, of the years 1970 to 9999", text);
}
