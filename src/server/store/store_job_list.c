/* Lists of jobs. One condition for all of them; what differs is where they begin to look: at one account's jobs, at
 * all, or at given ids. */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "server/store/job_row.h"

/* $1 .. $12; what is zero or null does not matter. lower() knows ASCII alone, as store.h says. */
#define CONDITION                                                                                                      \
    "j.deleted_ms = 0 AND ($2 = 0 OR j.key_id = $2) AND ($3 = 0 OR (($3 >> j.state) & 1) = 1)"                         \
    " AND ($4 IS NULL OR j.model = $4 OR j.model_asked = $4) AND ($5 IS NULL OR j.mode = $5)"                          \
    " AND ($6 IS NULL OR j.dialect = $6) AND ($7 IS NULL OR j.task = $7)"                                              \
    " AND ($8 IS NULL OR EXISTS (SELECT 1 FROM job_text s WHERE s.job_id = j.id AND"                                   \
    " (lower(s.prompt) LIKE $8 ESCAPE '\\' OR lower(s.prompt_used) LIKE $8 ESCAPE '\\')))"                             \
    " AND j.created_ms >= $9 AND j.created_ms < $10"                                                                   \
    " AND ($11 = 0 OR j.accepted = CASE WHEN $11 = 2 THEN 0 ELSE $11 END)"                                             \
    " AND ($12 = 0 OR j.id = $12)"
#define OF_ACCOUNT  " WHERE j.account_id = $1 AND "
#define OF_ALL      " WHERE $1 = $1 AND "
#define OF_ID       " WHERE j.id = $12 AND ($1 = 0 OR j.account_id = $1) AND "
#define PAGE(order) " AND j.id < $13 AND j.id > $14 ORDER BY j.id " order " LIMIT $15 OFFSET $16"

enum { CONDITION_VALUES = 12, PAGE_VALUES = 16 };

struct question {
    struct db_value values[PAGE_VALUES];
    char *pattern; /* of $8 */
};

/* %text% in small letters, with what LIKE would take for a sign of its own escaped. */
static int pattern_make(const char *text, char **ret, conch_error *err)
{
    char *pattern = malloc(2 * strlen(text) + 3), *at = pattern;
    if (!pattern)
        return conch_error_set(err, CONCH_ERR_NOMEM, "no memory to search for a text");
    *at++ = '%';
    for (; *text; text++) {
        if (*text == '%' || *text == '_' || *text == '\\')
            *at++ = '\\';
        *at++ = *text >= 'A' && *text <= 'Z' ? (char)(*text - 'A' + 'a') : *text;
    }
    *at++ = '%';
    *at = 0;
    *ret = pattern;
    return 0;
}

static int question_init(struct question *question, const struct store_job_filter *filter, conch_error *err)
{
    memset(question, 0, sizeof(*question));
    if (filter->id_count > STORE_PAGE_MAX)
        return conch_error_set(err, CONCH_ERR_RANGE, "%zu ids; at most %d are asked for at once", filter->id_count,
                               STORE_PAGE_MAX);
    int rc = filter->text && *filter->text ? pattern_make(filter->text, &question->pattern, err) : 0;
    const struct db_value values[CONDITION_VALUES] = {
        db_int64(filter->account_id), db_int64(filter->key_id),
        db_int64(filter->states),     db_text(filter->model),
        db_text(filter->mode),        db_text(filter->dialect),
        db_text(filter->task),        db_text(question->pattern),
        db_int64(filter->from_ms),    db_int64(filter->until_ms ? filter->until_ms : INT64_MAX),
        db_int64(filter->accepted),   db_int64(0),
    };
    memcpy(question->values, values, sizeof(values));
    return rc;
}

static int id_compare(const void *a, const void *b)
{
    const int64_t left = *(const int64_t *)a, right = *(const int64_t *)b;
    return (left > right) - (left < right);
}

/* The ids in rising order, each once. */
static size_t ids_sort(const struct store_job_filter *filter, int64_t *ret_ids)
{
    size_t count = 0;
    memcpy(ret_ids, filter->ids, filter->id_count * sizeof(*ret_ids));
    qsort(ret_ids, filter->id_count, sizeof(*ret_ids), id_compare);
    for (size_t i = 0; i < filter->id_count; i++)
        if (ret_ids[i] > 0 && (count == 0 || ret_ids[count - 1] != ret_ids[i]))
            ret_ids[count++] = ret_ids[i];
    return count;
}

static int list_ids(struct store_tx *tx, struct question *question, const struct store_job_filter *filter,
                    const struct store_page *page, struct store_job *ret, size_t *ret_count, conch_error *err)
{
    int64_t ids[STORE_PAGE_MAX];
    const size_t count = ids_sort(filter, ids);
    size_t skip = page->skip;
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < count && *ret_count < page->count; i++) {
        const int64_t id = ids[page->ascending ? i : count - 1 - i];
        if ((page->before_id && id >= page->before_id) || id <= page->after_id)
            continue;
        size_t found = 0;
        struct rows_wanted wanted = {.row = job_row, .context = ret + *ret_count, .max = 1};
        question->values[CONDITION_VALUES - 1] = db_int64(id);
        rc = rows_each(tx->db, JOB_SELECT OF_ID CONDITION, (struct db_values){question->values, CONDITION_VALUES},
                       &wanted, &found, err);
        if (found && skip) {
            store_job_finish(&ret[*ret_count]);
            skip--;
        } else {
            *ret_count += found;
        }
    }
    return rc;
}

static const char *list_sql(const struct store_job_filter *filter, bool ascending)
{
    if (filter->account_id)
        return ascending ? JOB_SELECT OF_ACCOUNT CONDITION PAGE("ASC") : JOB_SELECT OF_ACCOUNT CONDITION PAGE("DESC");
    return ascending ? JOB_SELECT OF_ALL CONDITION PAGE("ASC") : JOB_SELECT OF_ALL CONDITION PAGE("DESC");
}

int store_job_list(struct store_tx *tx, const struct store_job_filter *filter, const struct store_page *page,
                   struct store_job *ret, size_t *ret_count, conch_error *err)
{
    struct question question = {0};
    size_t count = 0;
    int rc = page_check(page, err);
    if (rc == 0)
        rc = question_init(&question, filter, err);
    if (rc == 0 && filter->ids) {
        rc = list_ids(tx, &question, filter, page, ret, &count, err);
    } else if (rc == 0) {
        struct rows_wanted wanted = {.row = job_row, .context = ret, .max = page->count};
        question.values[12] = page_before(page);
        question.values[13] = page_after(page);
        question.values[14] = db_int64((int64_t)page->count);
        question.values[15] = db_int64((int64_t)page->skip);
        rc = rows_each(tx->db, list_sql(filter, page->ascending), (struct db_values){question.values, PAGE_VALUES},
                       &wanted, &count, err);
    }
    free(question.pattern);
    if (rc == 0)
        *ret_count = count;
    else
        while (count > 0)
            store_job_finish(&ret[--count]);
    return rc;
}

static int count_ids(struct store_tx *tx, struct question *question, const struct store_job_filter *filter,
                     int64_t *ret_count, conch_error *err)
{
    int64_t ids[STORE_PAGE_MAX], sum = 0;
    const size_t count = ids_sort(filter, ids);
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < count; i++) {
        int64_t one = 0;
        question->values[CONDITION_VALUES - 1] = db_int64(ids[i]);
        rc = db_number(tx->db, "SELECT count(*) FROM job j" OF_ID CONDITION,
                       (struct db_values){question->values, CONDITION_VALUES}, &one, err);
        sum += one;
    }
    *ret_count = sum;
    return rc;
}

int store_job_count(struct store_tx *tx, const struct store_job_filter *filter, int64_t *ret_count, conch_error *err)
{
    struct question question = {0};
    int64_t count = 0;
    int rc = question_init(&question, filter, err);
    if (rc == 0 && filter->ids)
        rc = count_ids(tx, &question, filter, &count, err);
    else if (rc == 0)
        rc = db_number(tx->db,
                       filter->account_id ? "SELECT count(*) FROM job j" OF_ACCOUNT CONDITION
                                          : "SELECT count(*) FROM job j" OF_ALL CONDITION,
                       (struct db_values){question.values, CONDITION_VALUES}, &count, err);
    free(question.pattern);
    if (rc == 0)
        *ret_count = count;
    return rc;
}
