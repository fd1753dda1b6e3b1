/* The prompt's words as a scene. */
#include <string.h>

#include "server/prompt/tiny_scene.h"

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

/* The words that sky and floor were taken from. */
struct places {
    const struct lexicon_hit *sky, *floor;
};

/* The first word counts, but one that is only near this world gives way to one of it. */
static void place_take(int *value, const struct lexicon_hit **from, const struct lexicon_hit *hit)
{
    if (*value == OPEN || ((*from)->row->extra && !hit->row->extra)) {
        *value = hit->row->value;
        *from = hit;
    }
}

static void hit_take(struct scene *scene, struct places *places, const struct expansion *e, const struct hits *hits,
                     size_t i)
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
    case TINY_SKY: place_take(&scene->sky, &places->sky, hit); break;
    case TINY_FLOOR: place_take(&scene->floor, &places->floor, hit); break;
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
    if (!hit || !hit->row->extra)
        return;
    if (kind_of(hit) == TINY_SKY)
        note_add(e->notes, PROMPT_NOTE_REPLACED, "\"" HIT_FORMAT "\" is shown as a scene %s", HIT_ARGS(e, hit),
                 tiny_sky_names[hit->row->value]);
    else
        note_add(e->notes, PROMPT_NOTE_REPLACED, "\"" HIT_FORMAT "\" is shown as a scene on the %s", HIT_ARGS(e, hit),
                 tiny_floor_names[hit->row->value]);
}

static void scene_read(struct scene *scene, const struct expansion *e, const struct hits *hits)
{
    struct places places = {NULL, NULL};
    bool about_camera = false;
    for (size_t i = 0; i < hits->count; i++) {
        const struct lexicon_hit *hit = &hits->list[i];
        if (kind_of(hit) == TINY_CAMERA_NOUN || kind_of(hit) == TINY_CAMERA)
            about_camera = true;
        if (about_camera && camera_hit_take(scene, hit))
            continue;
        about_camera = false;
        hit_take(scene, &places, e, hits, i);
    }
    near_place_note(e, places.sky);
    near_place_note(e, places.floor);
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

void tiny_scene_read(struct scene *ret, struct hits *hits, const struct expansion *expansion)
{
    *ret = (struct scene){
        .loose = no_noun, .motion = OPEN, .direction = OPEN, .sky = OPEN, .floor = OPEN, .camera = OPEN};
    hits->count = lexicon_find(&tiny_lexicon, expansion->folded, hits->list, ARRAY_LEN(hits->list));
    scene_read(ret, expansion, hits);
    commands_read(ret, expansion);
}
