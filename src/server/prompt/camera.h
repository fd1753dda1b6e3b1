/* Camera commands in brackets: "A fox runs [Push in, Pan left] and stops [Static shot]."
 *
 * A bracket in which at least one word is a command is a group: its commands happen at the same time. Successive groups
 * happen one after another, in the order of the text. Other brackets are ordinary text. Commands are read in any case,
 * in English and in Chinese, separated by a comma of either script; brackets may be [], full-width or 【】. "Push out"
 * is an alias of "Pull out".
 *
 * Models that honour the commands get the prompt as it is; for the others prompt_camera_words makes a sentence. */
#ifndef SERVER_PROMPT_CAMERA_H
#define SERVER_PROMPT_CAMERA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "conch/error.h"

enum camera_move {
    CAMERA_TRUCK_LEFT,
    CAMERA_TRUCK_RIGHT,
    CAMERA_PAN_LEFT,
    CAMERA_PAN_RIGHT,
    CAMERA_PUSH_IN,
    CAMERA_PULL_OUT,
    CAMERA_PEDESTAL_UP,
    CAMERA_PEDESTAL_DOWN,
    CAMERA_TILT_UP,
    CAMERA_TILT_DOWN,
    CAMERA_ZOOM_IN,
    CAMERA_ZOOM_OUT,
    CAMERA_SHAKE,
    CAMERA_TRACKING_SHOT,
    CAMERA_STATIC_SHOT
};
enum { CAMERA_MOVES = 15 };

enum { CAMERA_GROUPS_MAX = 32, CAMERA_GROUP_MOVES_MAX = 8, CAMERA_UNKNOWN_MAX = 8, CAMERA_UNKNOWN_BYTES = 64 };

/* What happens at one time. */
struct camera_group {
    enum camera_move moves[CAMERA_GROUP_MOVES_MAX]; /* in the order written, each once */
    size_t move_count;                              /* at least 1 */
    size_t at;                                      /* where it stood: byte offset in the text without brackets */
};

struct camera_plan {
    struct camera_group groups[CAMERA_GROUPS_MAX];
    size_t group_count;
    /* Words that stand in a bracket beside a command and are none, cut to the size here: for the caller to report. */
    char unknown[CAMERA_UNKNOWN_MAX][CAMERA_UNKNOWN_BYTES];
    size_t unknown_count; /* those kept */
};

/* "Push in"; the Chinese spelling. */
const char *camera_move_name(enum camera_move move);
const char *camera_move_name_chinese(enum camera_move move);

/* Takes the commands out of a prompt that prompt_check has passed. ret_text (initialised by the caller) is replaced by
 * the text without them; where nothing was taken out its bytes are those of text.
 * CONCH_ERR_LIMIT for more than CAMERA_GROUPS_MAX groups or CAMERA_GROUP_MOVES_MAX commands in one; CONCH_ERR_NOMEM. */
int camera_parse(const char *text, struct camera_plan *ret_plan, struct buf *ret_text, conch_error *err);

/* Appends what the plan does, as the middle of a sentence: "the camera pushes in while it pans left, then holds still".
 * Nothing for a plan without groups. */
int camera_plan_words(const struct camera_plan *plan, bool chinese, struct buf *out, conch_error *err);

/* A prompt for a model without bracket commands: the text without them and a sentence that says the same, in the
 * language of the text. A prompt without commands comes back byte by byte. Replaces ret_text. */
int prompt_camera_words(const char *text, struct buf *ret_text, conch_error *err);

#endif
