#include "server/ledger/ledger.h"

#include <assert.h>

#include "base/base.h"

static const char *const kind_names[] = {"bonus", "membership", "package", "purchased", "payg"};
static const char *const unit_names[] = {"micro-USD", "milli-credits"};
static const char *const book_names[] = {"available", "held", "issued", "adjusted", "spent", "expired"};
static const char *const movement_names[] = {"grant", "adjust", "hold", "settle", "release", "expire"};

_Static_assert(ARRAY_LEN(kind_names) == LEDGER_KINDS, "a name a kind");
_Static_assert(ARRAY_LEN(unit_names) == LEDGER_UNITS, "a name a unit");
_Static_assert(ARRAY_LEN(book_names) == LEDGER_BOOKS, "a name a book");
_Static_assert(ARRAY_LEN(movement_names) == LEDGER_EXPIRE + 1, "a name a kind of movement");

enum ledger_unit ledger_kind_unit(enum ledger_kind kind)
{
    assert((unsigned)kind < LEDGER_KINDS);
    return kind == LEDGER_PAYG ? LEDGER_MICROUSD : LEDGER_MILLICREDIT;
}

const char *ledger_kind_name(enum ledger_kind kind)
{
    assert((unsigned)kind < LEDGER_KINDS);
    return kind_names[kind];
}

const char *ledger_unit_name(enum ledger_unit unit)
{
    assert((unsigned)unit < LEDGER_UNITS);
    return unit_names[unit];
}

const char *ledger_book_name(enum ledger_book book)
{
    assert((unsigned)book < LEDGER_BOOKS);
    return book_names[book];
}

const char *ledger_movement_name(enum ledger_movement_kind kind)
{
    assert((unsigned)kind < ARRAY_LEN(movement_names));
    return movement_names[kind];
}
