#include "server/prompt/camera.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/base.h"
#include "server/prompt/fold.h"

/* One row a command. The words finish "the camera ..." and, for two at once, "while it ...". */
static const struct move_row {
    const char *name, *chinese;
    const char *words, *words_chinese;
} moves[] = {
    [CAMERA_TRUCK_LEFT] = {"Truck left", "左移", "moves to the left", "向左平移"},
    [CAMERA_TRUCK_RIGHT] = {"Truck right", "右移", "moves to the right", "向右平移"},
    [CAMERA_PAN_LEFT] = {"Pan left", "左摇", "pans left", "向左摇"},
    [CAMERA_PAN_RIGHT] = {"Pan right", "右摇", "pans right", "向右摇"},
    [CAMERA_PUSH_IN] = {"Push in", "推进", "pushes in", "推进"},
    [CAMERA_PULL_OUT] = {"Pull out", "拉远", "pulls back", "拉远"},
    [CAMERA_PEDESTAL_UP] = {"Pedestal up", "上升", "rises", "上升"},
    [CAMERA_PEDESTAL_DOWN] = {"Pedestal down", "下降", "sinks", "下降"},
    [CAMERA_TILT_UP] = {"Tilt up", "上摇", "tilts up", "向上摇"},
    [CAMERA_TILT_DOWN] = {"Tilt down", "下摇", "tilts down", "向下摇"},
    [CAMERA_ZOOM_IN] = {"Zoom in", "变焦推近", "zooms in", "变焦推近"},
    [CAMERA_ZOOM_OUT] = {"Zoom out", "变焦拉远", "zooms out", "变焦拉远"},
    [CAMERA_SHAKE] = {"Shake", "晃动", "shakes", "晃动"},
    [CAMERA_TRACKING_SHOT] = {"Tracking shot", "跟随", "follows the subject", "跟随主体"},
    [CAMERA_STATIC_SHOT] = {"Static shot", "固定", "holds still", "保持固定"},
};
_Static_assert(ARRAY_LEN(moves) == CAMERA_MOVES, "a row for every command");

/* Spellings that are not in the list but mean a command of it. */
static const struct alias_row {
    const char *name;
    enum camera_move move;
} aliases[] = {{"push out", CAMERA_PULL_OUT}};

/* What a command takes up at most, in bytes and written with care; longer words in brackets are text. */
#define COMMAND_BYTES_MAX 64
#define BRACKET_BYTES_MAX 512

static const struct bracket_row {
    const char *open, *close;
} brackets[] = {{"[", "]"}, {"［", "］"}, {"【", "】"}};

const char *camera_move_name(enum camera_move move)
{
    assert((size_t)move < ARRAY_LEN(moves));
    return moves[move].name;
}

const char *camera_move_name_chinese(enum camera_move move)
{
    assert((size_t)move < ARRAY_LEN(moves));
    return moves[move].chinese;
}

/* 1 and the command that a folded word means, 0 for another word. */
static int move_find(const char *word, enum camera_move *ret)
{
    for (size_t i = 0; i < ARRAY_LEN(moves); i++)
        if (strcasecmp(word, moves[i].name) == 0 || strcmp(word, moves[i].chinese) == 0) {
            *ret = (enum camera_move)i;
            return 1;
        }
    for (size_t i = 0; i < ARRAY_LEN(aliases); i++)
        if (strcmp(word, aliases[i].name) == 0) {
            *ret = aliases[i].move;
            return 1;
        }
    return 0;
}

/* Bytes of the separator at text, 0 when there is none. Folding has made the full-width comma a plain one. */
static size_t separator_size(const char *text)
{
    return *text == ',' || *text == ';' ? 1 : strncmp(text, "、", strlen("、")) == 0 ? strlen("、") : 0;
}

static void unknown_add(struct camera_plan *plan, const char *word)
{
    if (plan->unknown_count == CAMERA_UNKNOWN_MAX)
        return;
    char *kept = plan->unknown[plan->unknown_count++];
    snprintf(kept, CAMERA_UNKNOWN_BYTES, "%s", word);
    size_t size = strlen(kept); /* cut between characters */
    if (size < strlen(word))
        while (size && ((unsigned char)word[size] & 0xC0) == 0x80)
            kept[--size] = 0;
}

static int group_add(struct camera_group *group, enum camera_move move, conch_error *err)
{
    for (size_t i = 0; i < group->move_count; i++)
        if (group->moves[i] == move)
            return 0;
    if (group->move_count == CAMERA_GROUP_MOVES_MAX)
        return conch_error_set(err, CONCH_ERR_LIMIT, "a bracket in the prompt has more than %d camera commands",
                               CAMERA_GROUP_MOVES_MAX);
    group->moves[group->move_count++] = move;
    return 0;
}

/* Reads the folded content of one bracket: commands to *group, other words to *plan when unknown is set. */
static int content_read(char *content, struct camera_group *group, struct camera_plan *unknown, conch_error *err)
{
    int rc = 0;
    for (char *word = content; word && rc == 0;) {
        char *end = word, *next = NULL;
        while (*end && !separator_size(end))
            end++;
        if (*end) {
            next = end + separator_size(end);
            *end = 0;
        }
        while (*word == ' ')
            word++;
        while (end > word && end[-1] == ' ')
            *--end = 0;
        enum camera_move move;
        if (move_find(word, &move))
            rc = group_add(group, move, err);
        else if (*word && unknown)
            unknown_add(unknown, word);
        word = next;
    }
    return rc;
}

/* Whether the bracket content text[0..size) holds commands; if so, *ret_group. Returns 1, 0 or an error. */
static int bracket_read(const char *text, size_t size, struct camera_group *ret_group, struct camera_plan *plan,
                        conch_error *err)
{
    struct camera_group group = {0};
    struct buf folded, copy;
    buf_init(&folded, PROMPT_FOLDED_BYTES_MAX);
    buf_init(&copy, PROMPT_FOLDED_BYTES_MAX);
    int rc = prompt_fold(text, size, false, &folded, err);
    if (rc == 0)
        rc = buf_append(&copy, buf_text(&folded), folded.size, err);
    if (rc == 0 && copy.size)
        rc = content_read(copy.data, &group, NULL, err);
    if (rc == 0 && group.move_count) {
        group.move_count = 0;
        rc = content_read(folded.data, &group, plan, err);
        *ret_group = group;
        if (rc == 0)
            rc = 1;
    }
    buf_finish(&folded);
    buf_finish(&copy);
    return rc;
}

/* The bracket that ends where text begins: of which sort, and where it opens in what was written before. Only the
 * innermost pair counts, so that what is left when a command has gone is looked at once more. */
static bool bracket_find(const struct buf *out, const char *text, const struct bracket_row **ret_row, size_t *ret_open)
{
    for (size_t i = 0; i < ARRAY_LEN(brackets); i++) {
        const struct bracket_row *row = &brackets[i];
        size_t open = strlen(row->open), close = strlen(row->close);
        if (strncmp(text, row->close, close) != 0)
            continue;
        for (size_t at = out->size; at-- > 0 && out->size - at <= BRACKET_BYTES_MAX;) {
            if (out->size - at >= open && memcmp(out->data + at, row->open, open) == 0) {
                *ret_row = row;
                *ret_open = at;
                return true;
            }
            if (out->size - at >= close && memcmp(out->data + at, row->close, close) == 0)
                return false;
        }
        return false;
    }
    return false;
}

/* After a bracket was taken out: one space is left where two words would meet, none before a stop or at an end. */
static const char *seam_close(struct buf *out, const char *rest)
{
    bool blank_before = !out->size || out->data[out->size - 1] == ' ' || out->data[out->size - 1] == '\n';
    if (blank_before)
        while (*rest == ' ')
            rest++;
    if (*rest == 0 || strchr(",.;:!?", *rest))
        while (out->size && out->data[out->size - 1] == ' ')
            out->data[--out->size] = 0;
    return rest;
}

static int group_take(struct camera_plan *plan, struct camera_group *group, size_t at, conch_error *err)
{
    if (plan->group_count == CAMERA_GROUPS_MAX)
        return conch_error_set(err, CONCH_ERR_LIMIT, "the prompt has more than %d camera commands one after another",
                               CAMERA_GROUPS_MAX);
    group->at = at;
    plan->groups[plan->group_count++] = *group;
    return 0;
}

int camera_parse(const char *text, struct camera_plan *ret_plan, struct buf *ret_text, conch_error *err)
{
    assert(text && ret_plan && ret_text);
    struct camera_plan plan = {0};
    struct buf out;
    int rc = 0;
    buf_init(&out, ret_text->size_max);
    while (*text && rc == 0) {
        struct camera_group group;
        const struct bracket_row *row;
        size_t at;
        if (bracket_find(&out, text, &row, &at))
            rc = bracket_read(out.data + at + strlen(row->open), out.size - at - strlen(row->open), &group, &plan, err);
        if (rc == 1) {
            out.data[out.size = at] = 0;
            text = seam_close(&out, text + strlen(row->close));
            rc = group_take(&plan, &group, out.size, err);
        } else if (rc == 0) {
            int32_t c;
            size_t step = char_read(text, &c);
            rc = buf_append(&out, text, step, err);
            text += step;
        }
    }
    if (rc == 0) {
        *ret_plan = plan;
        buf_finish(ret_text);
        *ret_text = out;
        return 0;
    }
    buf_finish(&out);
    return rc;
}

static int group_words(const struct camera_group *group, bool chinese, struct buf *out, conch_error *err)
{
    int rc = 0;
    for (size_t i = 0; i < group->move_count && rc == 0; i++) {
        const char *glue = chinese ? i == 0 ? "" : "，同时" : i == 0 ? "" : i == 1 ? " while it " : " and ";
        const struct move_row *row = &moves[group->moves[i]];
        rc = buf_append_format(out, err, "%s%s", glue, chinese ? row->words_chinese : row->words);
    }
    return rc;
}

int camera_plan_words(const struct camera_plan *plan, bool chinese, struct buf *out, conch_error *err)
{
    if (!plan->group_count)
        return 0;
    int rc = buf_append_text(out, chinese ? "镜头" : "the camera ", err);
    for (size_t i = 0; i < plan->group_count && rc == 0; i++) {
        if (i)
            rc = buf_append_text(out, chinese ? "，然后" : ", then ", err);
        if (rc == 0)
            rc = group_words(&plan->groups[i], chinese, out, err);
    }
    return rc;
}
