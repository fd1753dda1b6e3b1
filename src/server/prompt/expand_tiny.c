/* From any prompt to a sentence of the toy world: read the words into a scene, complete it, write it. */
#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "base/base.h"
#include "server/prompt/expand_parts.h"
#include "server/prompt/tiny_words.h"

enum { OPEN = -1, THINGS_MAX = 2, NOUNS_MAX = 16 };

/* A thing as the prompt names it. */
struct noun {
    const struct lexicon_hit *hit;
    int color, size; /* or OPEN */
    bool color_is_near;
    const struct lexicon_hit *color_hit;
};

struct scene {
    struct noun nouns[NOUNS_MAX];
    size_t noun_count;
    struct noun loose; /* colour and size that belong to no known thing */
    int number;        /* said in words; 0: not */
    int motion, direction, sky, floor, camera;
    bool motion_is_general, facing;
    /* what is drawn */
    int thing_count;
    int things[THINGS_MAX], colors[THINGS_MAX], sizes[THINGS_MAX];
};

static const char *const thing_names[] = {"ball", "cube", "balloon"};
static const char *const color_names[] = {"red", "orange", "yellow", "green", "blue", "purple", "pink", "white"};
static const char *const size_names[] = {"small", "", "big"};
static const char *const floor_names[] = {"grass", "sand", "snow", "stone floor", "wooden floor"};
static const char *const sky_names[] = {"on a sunny day", "at sunset", "at night"};
static const char *const camera_names[] = {"static camera", "the camera pans left", "the camera pans right",
                                           "the camera zooms in", "the camera zooms out"};
static const char *const motion_names[] = {"fall", "roll", "throw", "bounce", "swing", "rise", "rest", "collide"};
_Static_assert(ARRAY_LEN(motion_names) == TINY_MOTIONS && ARRAY_LEN(color_names) == TINY_COLORS, "a name for each");

/* The words of a hit, for notes. */
#define HIT_FORMAT       "%.*s"
#define HIT_ARGS(e, hit) (int)size_min((hit)->size, 60), (e)->folded + (hit)->at

/* ---- reading ---- */

struct hits {
    struct lexicon_hit list[LEXICON_HITS_MAX];
    size_t count;
};

static enum tiny_kind kind_of(const struct lexicon_hit *hit)
{
    return (enum tiny_kind)hit->row->kind;
}

static bool is_stand_in(const struct lexicon_hit *hit)
{
    return kind_of(hit) == TINY_STAND_IN || kind_of(hit) == TINY_PERSON;
}

static bool is_noun(const struct lexicon_hit *hit)
{
    return kind_of(hit) == TINY_OBJECT || is_stand_in(hit);
}

/* Bytes between the end of one hit and the start of the next. */
static size_t gap(const struct lexicon_hit *left, const struct lexicon_hit *right)
{
    return right->at - (left->at + left->size);
}

/* Whether words that follow a colour or size at hit i without anything unknown between end in a place or a thing. */
static const struct lexicon_hit *described_by(const struct hits *hits, size_t i)
{
    enum { NEAR_BYTES = 12, BESIDE_BYTES = 3 };
    size_t near = hits->list[i].row->extra == COLOR_BESIDE_NOUN ? BESIDE_BYTES : NEAR_BYTES;
    for (size_t j = i + 1; j < hits->count; j++) {
        const struct lexicon_hit *hit = &hits->list[j];
        if (gap(hit - 1, hit) > near)
            return NULL;
        if (is_noun(hit) || kind_of(hit) == TINY_FLOOR || kind_of(hit) == TINY_SKY)
            return hit;
        if (kind_of(hit) != TINY_COLOR && kind_of(hit) != TINY_SIZE)
            return NULL;
    }
    return NULL;
}

/* "a cube, blue and large," and "球是红色的": nothing but the end of the thought may follow. */
static bool ends_thought(const char *folded, const struct lexicon_hit *hit)
{
    static const char *const ends[] = {" and ", "的。", "的，", "的,", "的."};
    const char *rest = folded + hit->at + hit->size;
    if (!*rest || strchr(",.;!?", *rest) || strcmp(rest, "的") == 0)
        return true;
    for (size_t i = 0; i < ARRAY_LEN(ends); i++)
        if (strncmp(rest, ends[i], strlen(ends[i])) == 0)
            return true;
    return false;
}

static void attribute_set(struct noun *noun, const struct lexicon_hit *hit)
{
    if (kind_of(hit) == TINY_SIZE) {
        if (noun->size == OPEN)
            noun->size = hit->row->value;
    } else if (noun->color == OPEN) {
        noun->color = hit->row->value;
        noun->color_is_near = hit->row->extra == COLOR_NEAREST;
        noun->color_hit = hit;
    }
}

/* A colour or size: of the thing that follows, else of the thing before, else of whatever there will be. */
static void attribute_take(struct scene *scene, const struct expansion *e, const struct hits *hits, size_t i)
{
    const struct lexicon_hit *hit = &hits->list[i], *target = described_by(hits, i);
    if (target && !is_noun(target))
        return; /* green grass, big city */
    if (!target && hit->row->extra == COLOR_BESIDE_NOUN && kind_of(hit) == TINY_COLOR)
        return;
    bool after = !target && scene->noun_count && ends_thought(e->folded, hit);
    attribute_set(after ? &scene->nouns[scene->noun_count - 1] : &scene->loose, hit);
}

static const struct noun no_noun = {NULL, OPEN, OPEN, false, NULL};

static void noun_take(struct scene *scene, const struct lexicon_hit *hit)
{
    if (scene->noun_count == NOUNS_MAX)
        return;
    struct noun *noun = &scene->nouns[scene->noun_count++];
    *noun = scene->loose;
    noun->hit = hit;
    scene->loose = no_noun;
}

static void motion_take(struct scene *scene, const struct lexicon_hit *hit)
{
    bool general = hit->row->extra;
    if (scene->motion == OPEN || (scene->motion_is_general && !general) || hit->row->value == MOTION_COLLIDE) {
        scene->motion = hit->row->value;
        scene->motion_is_general = general;
    }
}

static void camera_take(struct scene *scene, int camera)
{
    if (scene->camera == OPEN)
        scene->camera = camera;
}

/* A hit while the camera is spoken of. false: it is about something else after all. */
static bool camera_hit_take(struct scene *scene, const struct lexicon_hit *hit)
{
    switch (kind_of(hit)) {
    case TINY_CAMERA:
    case TINY_CAMERA_WAY: camera_take(scene, hit->row->value); return true;
    case TINY_DIRECTION:
        camera_take(scene, hit->row->value == DIRECTION_LEFT ? VIEW_PAN_LEFT : VIEW_PAN_RIGHT);
        return true;
    case TINY_MOTION:
        if (hit->row->value == MOTION_REST)
            camera_take(scene, VIEW_STILL);
        return true;
    case TINY_CAMERA_NOUN: return true;
    default: return false;
    }
}

static void hit_take(struct scene *scene, const struct expansion *e, const struct hits *hits, size_t i)
{
    const struct lexicon_hit *hit = &hits->list[i];
    switch (kind_of(hit)) {
    case TINY_OBJECT:
    case TINY_STAND_IN:
    case TINY_PERSON: noun_take(scene, hit); break;
    case TINY_COLOR:
    case TINY_SIZE: attribute_take(scene, e, hits, i); break;
    case TINY_MOTION: motion_take(scene, hit); break;
    case TINY_DIRECTION:
        if (scene->direction == OPEN)
            scene->direction = hit->row->value;
        break;
    case TINY_SKY:
        if (scene->sky == OPEN)
            scene->sky = hit->row->value;
        break;
    case TINY_FLOOR:
        if (scene->floor == OPEN)
            scene->floor = hit->row->value;
        break;
    case TINY_NUMBER:
        if (!scene->number)
            scene->number = hit->row->value;
        break;
    case TINY_CAMERA: camera_take(scene, hit->row->value); break;
    case TINY_FACING: scene->facing = true; break;
    case TINY_BREAK:
    case TINY_CAMERA_NOUN:
    case TINY_CAMERA_WAY:
    case TINY_NOTHING: break;
    }
}

static void near_place_note(const struct expansion *e, const struct lexicon_hit *hit)
{
    if (!hit->row->extra)
        return;
    if (kind_of(hit) == TINY_SKY)
        note_add(e->notes, PROMPT_NOTE_REPLACED, "\"" HIT_FORMAT "\" is shown as a scene %s", HIT_ARGS(e, hit),
                 sky_names[hit->row->value]);
    else
        note_add(e->notes, PROMPT_NOTE_REPLACED, "\"" HIT_FORMAT "\" is shown as a scene on the %s", HIT_ARGS(e, hit),
                 floor_names[hit->row->value]);
}

static void scene_read(struct scene *scene, const struct expansion *e, const struct hits *hits)
{
    bool about_camera = false;
    for (size_t i = 0; i < hits->count; i++) {
        const struct lexicon_hit *hit = &hits->list[i];
        if (kind_of(hit) == TINY_CAMERA_NOUN || kind_of(hit) == TINY_CAMERA)
            about_camera = true;
        if (about_camera && camera_hit_take(scene, hit))
            continue;
        about_camera = false;
        int sky = scene->sky, floor = scene->floor;
        hit_take(scene, e, hits, i);
        if (scene->sky != sky || scene->floor != floor)
            near_place_note(e, hit);
    }
}

/* A bracket command, as near as this world has it; the first one that it has at all. */
static void commands_read(struct scene *scene, const struct expansion *e)
{
    static const int views[CAMERA_MOVES] = {
        [CAMERA_TRUCK_LEFT] = VIEW_PAN_LEFT,
        [CAMERA_TRUCK_RIGHT] = VIEW_PAN_RIGHT,
        [CAMERA_PAN_LEFT] = VIEW_PAN_LEFT,
        [CAMERA_PAN_RIGHT] = VIEW_PAN_RIGHT,
        [CAMERA_PUSH_IN] = VIEW_ZOOM_IN,
        [CAMERA_PULL_OUT] = VIEW_ZOOM_OUT,
        [CAMERA_PEDESTAL_UP] = OPEN,
        [CAMERA_PEDESTAL_DOWN] = OPEN,
        [CAMERA_TILT_UP] = OPEN,
        [CAMERA_TILT_DOWN] = OPEN,
        [CAMERA_ZOOM_IN] = VIEW_ZOOM_IN,
        [CAMERA_ZOOM_OUT] = VIEW_ZOOM_OUT,
        [CAMERA_SHAKE] = OPEN,
        [CAMERA_TRACKING_SHOT] = OPEN,
        [CAMERA_STATIC_SHOT] = VIEW_STILL,
    };
    bool taken = false;
    for (size_t i = 0; i < e->camera->group_count; i++)
        for (size_t j = 0; j < e->camera->groups[i].move_count; j++) {
            enum camera_move move = e->camera->groups[i].moves[j];
            if (views[move] == OPEN)
                note_add(e->notes, PROMPT_NOTE_IGNORED, "[%s]: this model's camera pans, zooms and holds still only",
                         camera_move_name(move));
            else if (taken)
                note_add(e->notes, PROMPT_NOTE_IGNORED, "[%s]: this model makes one camera move a clip",
                         camera_move_name(move));
            else {
                scene->camera = views[move];
                taken = true;
            }
        }
}

/* ---- completing ---- */

static int nature_motion(const struct noun *noun)
{
    int motion = is_stand_in(noun->hit) ? TINY_NATURE_MOTION(noun->hit->row->extra) : TINY_NATURE_NONE;
    return motion == TINY_NATURE_NONE ? OPEN : motion;
}

/* Said again: "a red ball rolls; the ball stops". */
static bool is_again(const struct noun *first, const struct noun *noun)
{
    enum { LIST_BYTES = 24 }; /* "a red ball and a red ball" are two */
    if (first->hit->row != noun->hit->row)
        return false;
    return noun->color == OPEN || (noun->color == first->color && gap(first->hit, noun->hit) > LIST_BYTES);
}

/* Somebody who throws, drops or pushes something is not what the clip is about. */
static bool is_actor(const struct scene *scene, size_t i)
{
    bool deed = !scene->motion_is_general &&
                (scene->motion == MOTION_THROW || scene->motion == MOTION_DROP || scene->motion == MOTION_ROLL);
    return deed && kind_of(scene->nouns[i].hit) == TINY_PERSON && i + 1 < scene->noun_count &&
           kind_of(scene->nouns[i + 1].hit) != TINY_PERSON;
}

/* Which of the nouns are drawn: the things of this world first, else what can stand for the others (of those one,
 * unless two are spoken of). Moves them to the front of the list and returns how many of them there are. */
static size_t nouns_pick(struct scene *scene)
{
    size_t count = 0, objects = 0;
    bool two = scene->number >= 2 || scene->motion == MOTION_COLLIDE || scene->facing;
    for (size_t i = 0; i < scene->noun_count; i++)
        objects += kind_of(scene->nouns[i].hit) == TINY_OBJECT;
    for (size_t i = 0; i < scene->noun_count; i++) {
        const struct noun noun = scene->nouns[i];
        bool again = false;
        if (objects ? is_stand_in(noun.hit) : is_actor(scene, i) || (count && !two))
            continue;
        for (size_t j = 0; j < count && !again; j++)
            again = is_again(&scene->nouns[j], &noun);
        if (!again)
            scene->nouns[count++] = noun;
    }
    return count;
}

static const char *article(const char *word)
{
    return strchr("aeiou", *word) ? "an" : "a";
}

static bool motion_takes_two(int motion)
{
    return motion == MOTION_DROP || motion == MOTION_RISE || motion == MOTION_REST || motion == MOTION_COLLIDE;
}

static void thing_set(struct scene *scene, const struct expansion *e, int i, const struct noun *noun)
{
    int nature = TINY_NATURE_NONE;
    scene->things[i] = noun->hit->row->value;
    scene->colors[i] = noun->color;
    scene->sizes[i] = noun->size;
    if (is_stand_in(noun->hit))
        nature = TINY_NATURE_COLOR(noun->hit->row->extra);
    if (scene->colors[i] == OPEN && nature != TINY_NATURE_NONE)
        scene->colors[i] = nature;
    if (noun->color_is_near)
        note_add(e->notes, PROMPT_NOTE_REPLACED, "\"" HIT_FORMAT "\" is no colour of this model: %s stands in for it",
                 HIT_ARGS(e, noun->color_hit), color_names[noun->color]);
}

static void things_choose(struct scene *scene, const struct expansion *e, size_t picked)
{
    if (!picked) { /* nothing known was named */
        static const struct lexicon_row ball = {"", TINY_OBJECT, THING_BALL, 0};
        static const struct lexicon_row balloon = {"", TINY_OBJECT, THING_BALLOON, 0};
        static const struct lexicon_hit ball_hit = {&ball, 0, 0, false}, balloon_hit = {&balloon, 0, 0, false};
        scene->nouns[0] = scene->loose;
        scene->nouns[0].hit = scene->motion == MOTION_RISE ? &balloon_hit : &ball_hit;
    }
    thing_set(scene, e, 0, &scene->nouns[0]);
    scene->thing_count = 1;
    bool two = picked > 1 || scene->number >= 2 || (picked && scene->nouns[0].hit->plural) ||
               scene->motion == MOTION_COLLIDE;
    if (!two)
        return;
    if (scene->motion != OPEN && !motion_takes_two(scene->motion)) {
        if (picked > 1 || scene->number >= 2)
            note_add(
                e->notes, PROMPT_NOTE_IGNORED,
                "two things can fall, rise, rest or collide in this model's world, not %s: only the first is shown",
                motion_names[scene->motion]);
        return;
    }
    const struct noun *second = &scene->nouns[picked > 1 ? 1 : 0];
    scene->thing_count = 2;
    thing_set(scene, e, 1, second);
    if (scene->number > 2 || picked > 2)
        note_add(e->notes, PROMPT_NOTE_IGNORED, "at most two things are shown");
    if (picked == 0 || (picked == 1 && scene->number < 2 && !scene->nouns[0].hit->plural)) {
        scene->colors[1] = OPEN; /* it takes two to collide */
        note_add(e->notes, PROMPT_NOTE_FILLED, "a second %s was added, because it takes two to collide",
                 thing_names[scene->things[1]]);
    }
}

/* Things and motions that do not go together: see tools/train/world.py. */
static void motion_fit(struct scene *scene, const struct expansion *e)
{
    bool stand_in = scene->noun_count && scene->nouns[0].hit && is_stand_in(scene->nouns[0].hit);
    int *thing = &scene->things[0];
    if (scene->motion == MOTION_RISE && stand_in)
        *thing = THING_BALLOON; /* a stand-in may as well be something that can rise */
    else if (*thing == THING_BALLOON && stand_in && scene->motion != OPEN && !scene->motion_is_general)
        *thing = THING_BALL;
    if (scene->thing_count == 2 && (scene->things[0] == THING_BALLOON || scene->things[1] == THING_BALLOON) &&
        (scene->motion == MOTION_RISE || scene->motion == OPEN || scene->things[0] == scene->things[1]))
        scene->things[0] = scene->things[1] = THING_BALLOON;
    if (scene->thing_count == 2 && scene->things[1] == THING_BALLOON && *thing != THING_BALLOON)
        scene->things[1] = THING_BALL;
    if (*thing == THING_BALLOON && scene->motion != MOTION_RISE && scene->motion != OPEN) {
        if (!scene->motion_is_general)
            note_add(e->notes, PROMPT_NOTE_REPLACED, "balloons only rise in this model's world, they do not %s",
                     motion_names[scene->motion]);
        scene->motion = MOTION_RISE;
    } else if (*thing != THING_BALLOON && scene->motion == MOTION_RISE) {
        note_add(e->notes, PROMPT_NOTE_REPLACED, "only balloons rise in this model's world: the %s is thrown instead",
                 thing_names[*thing]);
        scene->motion = MOTION_THROW;
    } else if (*thing == THING_CUBE && scene->motion == MOTION_BOUNCE) {
        note_add(e->notes, PROMPT_NOTE_REPLACED,
                 "cubes do not bounce along in this model's world: it falls and bounces");
        scene->motion = MOTION_DROP;
    }
    if (scene->motion != OPEN && !motion_takes_two(scene->motion))
        scene->thing_count = 1;
    if (scene->motion == MOTION_RISE && scene->thing_count == 2)
        scene->things[1] = THING_BALLOON;
}

static void stand_ins_note(const struct scene *scene, const struct expansion *e, size_t picked)
{
    if (!picked) {
        note_add(e->notes, PROMPT_NOTE_FILLED, "no object this model knows was named: %s %s %s stands in for it",
                 article(color_names[scene->colors[0]]), color_names[scene->colors[0]], thing_names[scene->things[0]]);
        return;
    }
    for (int i = 0; i < scene->thing_count; i++) {
        const struct noun *noun = &scene->nouns[picked > 1 ? i : 0];
        if (is_stand_in(noun->hit) && (i == 0 || picked > 1))
            note_add(e->notes, PROMPT_NOTE_REPLACED,
                     "this model does not know \"" HIT_FORMAT "\": %s %s %s stands in for it", HIT_ARGS(e, noun->hit),
                     article(color_names[scene->colors[i]]), color_names[scene->colors[i]],
                     thing_names[scene->things[i]]);
    }
}

static void motion_choose(struct scene *scene, const struct expansion *e)
{
    static const int of_ball[] = {MOTION_DROP, MOTION_ROLL, MOTION_BOUNCE}, of_cube[] = {MOTION_DROP, MOTION_ROLL};
    int thing = scene->things[0];
    int nature = scene->nouns[0].hit && scene->noun_count ? nature_motion(&scene->nouns[0]) : OPEN;
    if (thing == THING_BALLOON)
        scene->motion = MOTION_RISE;
    else if (scene->thing_count == 2)
        scene->motion = MOTION_DROP;
    else if (nature != OPEN && nature != MOTION_RISE)
        scene->motion = nature;
    else if (scene->direction != OPEN)
        scene->motion = MOTION_ROLL;
    else if (thing == THING_CUBE)
        scene->motion = of_cube[choice(e, "motion", ARRAY_LEN(of_cube))];
    else
        scene->motion = of_ball[choice(e, "motion", ARRAY_LEN(of_ball))];
    note_add(e->notes, PROMPT_NOTE_FILLED, "how it moves was left open: %s was chosen", motion_names[scene->motion]);
}

/* A thing of the floor's colour would hardly be seen. */
static bool color_drowns(int color, int floor)
{
    return (color == COLOR_GREEN && floor == FLOOR_GRASS) || (color == COLOR_WHITE && floor == FLOOR_SNOW) ||
           (color == COLOR_YELLOW && floor == FLOOR_SAND) || (color == COLOR_ORANGE && floor == FLOOR_WOOD);
}

static void colors_choose(struct scene *scene, const struct expansion *e)
{
    static const int bold[] = {COLOR_RED, COLOR_BLUE, COLOR_YELLOW, COLOR_GREEN, COLOR_PURPLE};
    for (int i = 0; i < scene->thing_count; i++) {
        if (scene->colors[i] != OPEN)
            continue;
        size_t at = choice(e, i ? "second color" : "color", ARRAY_LEN(bold));
        while (color_drowns(bold[at], scene->floor) || (i && bold[at] == scene->colors[0]) ||
               (!i && scene->thing_count == 2 && bold[at] == scene->colors[1]))
            at = (at + 1) % ARRAY_LEN(bold);
        scene->colors[i] = bold[at];
        note_add(e->notes, PROMPT_NOTE_FILLED, "%s colour was left open: %s was chosen", i ? "the second" : "the",
                 color_names[bold[at]]);
    }
}

static void floor_choose(struct scene *scene, const struct expansion *e)
{
    size_t floor = choice(e, "floor", TINY_FLOORS);
    while ((scene->colors[0] != OPEN && color_drowns(scene->colors[0], (int)floor)) ||
           (scene->thing_count == 2 && scene->colors[1] != OPEN && color_drowns(scene->colors[1], (int)floor)))
        floor = (floor + 1) % TINY_FLOORS;
    scene->floor = (int)floor;
    note_add(e->notes, PROMPT_NOTE_FILLED, "the ground was left open: the %s was chosen", floor_names[floor]);
}

static bool motion_has_direction(int motion)
{
    return motion == MOTION_ROLL || motion == MOTION_THROW || motion == MOTION_BOUNCE;
}

static void scene_complete_tiny(struct scene *scene, const struct expansion *e)
{
    size_t picked = nouns_pick(scene);
    if (picked > 1 && scene->facing)
        scene->motion = MOTION_COLLIDE;
    things_choose(scene, e, picked);
    motion_fit(scene, e);
    if (scene->motion == OPEN)
        motion_choose(scene, e);
    if (scene->floor == OPEN)
        floor_choose(scene, e);
    colors_choose(scene, e);
    if (scene->sky == OPEN) {
        scene->sky = SKY_DAY;
        note_add(e->notes, PROMPT_NOTE_FILLED, "the time of day was left open: a sunny day was chosen");
    }
    if (motion_has_direction(scene->motion) && scene->direction == OPEN) {
        scene->direction = (int)choice(e, "direction", 2);
        note_add(e->notes, PROMPT_NOTE_FILLED, "the direction was left open: %s was chosen",
                 scene->direction == DIRECTION_LEFT ? "left" : "right");
    }
    stand_ins_note(scene, e, picked);
}

/* ---- writing ---- */

static int thing_write(const struct scene *scene, int i, struct buf *out, conch_error *err)
{
    const char *size = scene->sizes[i] == OPEN ? "" : size_names[scene->sizes[i]];
    const char *color = color_names[scene->colors[i]];
    return buf_append_format(out, err, "%s %s%s%s %s", article(*size ? size : color), size, *size ? " " : "", color,
                             thing_names[scene->things[i]]);
}

static const char *verb(const struct scene *scene)
{
    static const char *const of_one[] = {
        "falls and bounces", "rolls", "flies through the air", "bounces", "swings on a rope", "rises into the sky",
        "lies still",        ""};
    static const char *const of_two[] = {"fall and bounce",   "",          "",       "", "",
                                         "rise into the sky", "lie still", "collide"};
    if (scene->motion == MOTION_ROLL && scene->things[0] == THING_CUBE)
        return "slides";
    return (scene->thing_count == 2 ? of_two : of_one)[scene->motion];
}

static int scene_write(const struct scene *scene, struct buf *out, conch_error *err)
{
    bool above = scene->motion == MOTION_SWING || scene->motion == MOTION_RISE || scene->motion == MOTION_THROW;
    int rc = thing_write(scene, 0, out, err);
    if (rc == 0 && scene->thing_count == 2)
        rc = buf_append_text(out, " and ", err);
    if (rc == 0 && scene->thing_count == 2)
        rc = thing_write(scene, 1, out, err);
    if (rc == 0)
        rc = buf_append_format(out, err, " %s", verb(scene));
    if (rc == 0 && motion_has_direction(scene->motion))
        rc = buf_append_format(out, err, " to the %s", scene->direction == DIRECTION_LEFT ? "left" : "right");
    if (rc == 0)
        rc = buf_append_format(out, err, " %s the %s %s", above ? "over" : "on", floor_names[scene->floor],
                               sky_names[scene->sky]);
    if (rc == 0 && scene->camera != OPEN)
        rc = buf_append_format(out, err, ", %s", camera_names[scene->camera]);
    return rc;
}

int expand_tiny(const struct expansion *expansion, struct buf *out, conch_error *err)
{
    struct scene scene = {
        .loose = no_noun, .motion = OPEN, .direction = OPEN, .sky = OPEN, .floor = OPEN, .camera = OPEN};
    struct hits hits;
    hits.count = lexicon_find(&tiny_lexicon, expansion->folded, hits.list, ARRAY_LEN(hits.list));
    scene_read(&scene, expansion, &hits);
    commands_read(&scene, expansion);
    scene_complete_tiny(&scene, expansion);
    assert(scene.motion != OPEN && scene.floor != OPEN && scene.sky != OPEN && scene.colors[0] != OPEN);
    return scene_write(&scene, out, err);
}
