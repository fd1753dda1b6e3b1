/* The tables, as steps that lead from each version to the next. A step that was released is never changed. */
#ifndef SERVER_STORE_SCHEMA_H
#define SERVER_STORE_SCHEMA_H

#include <stddef.h>

extern const char *const schema_steps[];
extern const size_t schema_step_count;

#endif
