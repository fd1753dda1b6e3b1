#include "cli_test.h"

#include "cli/money.h"

static void amounts_are_read_to_the_last_digit(void **state)
{
    static const struct {
        const char *text;
        enum money_unit unit;
        int64_t amount;
    } rows[] = {{"12.50", MONEY_MICROUSD, 12500000}, {"$12.50", MONEY_MICROUSD, 12500000},
                {"3", MONEY_MICROUSD, 3000000},      {"0.000001", MONEY_MICROUSD, 1},
                {"0.1", MONEY_MICROUSD, 100000}, /* 0.1 is no binary fraction */
                {"0.3", MONEY_MICROUSD, 300000},     {"9223372036854.775807", MONEY_MICROUSD, INT64_MAX},
                {"007.5", MONEY_MICROUSD, 7500000},  {"100", MONEY_MILLICREDIT, 100000},
                {"0.001", MONEY_MILLICREDIT, 1},     {"9223372036854775.807", MONEY_MILLICREDIT, INT64_MAX}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        int64_t amount = -1;
        if (!money_parse(rows[i].text, rows[i].unit, &amount) || amount != rows[i].amount)
            fail_msg("'%s' was read as %lld", rows[i].text, (long long)amount);
    }
}

static void what_is_no_amount_is_refused(void **state)
{
    static const char *const usd[] = {"",
                                      "0",
                                      "0.00",
                                      "-1",
                                      "+1",
                                      "1e3",
                                      "1,5",
                                      "1.",
                                      ".5",
                                      "1.2.3",
                                      " 1",
                                      "1 ",
                                      "0x10",
                                      "inf",
                                      "nan",
                                      "0.0000001",
                                      "1.0000000",
                                      "9223372036854.775808",
                                      "99999999999999999999",
                                      "$",
                                      "$$1",
                                      "1$",
                                      "١"};
    int64_t amount = 77;
    for (size_t i = 0; i < sizeof usd / sizeof usd[0]; i++)
        if (money_parse(usd[i], MONEY_MICROUSD, &amount))
            fail_msg("'%s' was taken", usd[i]);
    assert_false(money_parse("$1", MONEY_MILLICREDIT, &amount));
    assert_false(money_parse("0.0001", MONEY_MILLICREDIT, &amount));
    assert_false(money_parse("9223372036854775.808", MONEY_MILLICREDIT, &amount));
    assert_int_equal(amount, 77);
}

static void amounts_are_written_in_full(void **state)
{
    assert_string_equal(money_write(0, MONEY_MICROUSD).text, "$0.00");
    assert_string_equal(money_write(12500000, MONEY_MICROUSD).text, "$12.50");
    assert_string_equal(money_write(1, MONEY_MICROUSD).text, "$0.000001");
    assert_string_equal(money_write(-1230000, MONEY_MICROUSD).text, "-$1.23");
    assert_string_equal(money_write(INT64_MAX, MONEY_MICROUSD).text, "$9223372036854.775807");
    assert_string_equal(money_write(INT64_MIN, MONEY_MICROUSD).text, "-$9223372036854.775808");
    assert_string_equal(money_write(0, MONEY_MILLICREDIT).text, "0 credits");
    assert_string_equal(money_write(3500, MONEY_MILLICREDIT).text, "3.5 credits");
    assert_string_equal(money_write(-100000, MONEY_MILLICREDIT).text, "-100 credits");
    assert_string_equal(money_plain(12000001, MONEY_MICROUSD).text, "12.000001");
    assert_string_equal(money_plain(10000000, MONEY_MICROUSD).text, "10.00");
}

static void what_is_written_is_read_again(void **state)
{
    uint64_t seed = 1;
    for (int i = 0; i < 10000; i++) {
        seed = seed * 6364136223846793005u + 1442695040888963407u;
        int64_t amount = (int64_t)(seed >> (1 + seed % 60)), again = 0;
        enum money_unit unit = i % 2 ? MONEY_MICROUSD : MONEY_MILLICREDIT;
        if (amount == 0)
            continue;
        assert_true(money_parse(money_plain(amount, unit).text, unit, &again));
        assert_true(again == amount);
    }
}

static void units_have_the_names_of_the_server(void **state)
{
    enum money_unit unit = MONEY_MICROUSD;
    assert_true(money_unit_parse("millicredit", &unit));
    assert_int_equal(unit, MONEY_MILLICREDIT);
    assert_true(money_unit_parse("microusd", &unit));
    assert_int_equal(unit, MONEY_MICROUSD);
    assert_false(money_unit_parse("euro", &unit));
    assert_false(money_unit_parse(NULL, &unit));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(amounts_are_read_to_the_last_digit), cmocka_unit_test(what_is_no_amount_is_refused),
        cmocka_unit_test(amounts_are_written_in_full), cmocka_unit_test(what_is_written_is_read_again),
        cmocka_unit_test(units_have_the_names_of_the_server)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
