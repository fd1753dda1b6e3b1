/* Places in the queue, for polls that ask for them thousands of times a second. Near the front a place is counted anew
 * each time; further back it is looked up among the first STORE_PLACE_MAX jobs as they stood within the last
 * LINE_KEPT_MS, since counting them for each poll would cost more than all the rest of it. Any thread. */
#ifndef SERVER_API_LINE_H
#define SERVER_API_LINE_H

#include "server/store/store.h"

enum { LINE_NEAR = 32, LINE_KEPT_MS = 500 };

struct line;
struct line *line_create(void); /* NULL: no memory */
void line_destroy(struct line *line);

/* How many jobs of the backends "local" and "sandbox", which one engine makes, are before this one; up to
 * STORE_PLACE_MAX. */
int line_engine_place(struct line *line, struct store_tx *tx, const struct job *job, int64_t *ret_place,
                      conch_error *err);

#endif
