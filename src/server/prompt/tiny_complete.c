/* From what a prompt says to a scene that this world can show. */
#include <stdio.h>
#include <string.h>

#include "server/prompt/tiny_scene.h"

static const char *const motion_names[] = {"fall", "roll", "throw", "bounce", "swing", "rise", "rest", "collide"};
_Static_assert(ARRAY_LEN(motion_names) == TINY_MOTIONS, "a name for each");

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
    if (scene->colors[i] == OPEN && nature != TINY_NATURE_NONE && !is_pictured(e))
        scene->colors[i] = nature;
    if (noun->color_is_near)
        note_add(e->notes, PROMPT_NOTE_REPLACED, "\"" HIT_FORMAT "\" is no colour of this model: %s stands in for it",
                 HIT_ARGS(e, noun->color_hit), tiny_color_names[noun->color]);
}

static void things_choose(struct scene *scene, const struct expansion *e, size_t picked)
{
    if (!picked) { /* nothing known was named */
        static const struct lexicon_row ball = {"", TINY_OBJECT, THING_BALL, 0};
        static const struct lexicon_row balloon = {"", TINY_OBJECT, THING_BALLOON, 0};
        static const struct lexicon_hit ball_hit = {&ball, 0, 0, false}, balloon_hit = {&balloon, 0, 0, false};
        scene->nouns[0] = scene->loose;
        scene->nouns[0].hit = scene->motion == MOTION_RISE ? &balloon_hit : &ball_hit;
        scene->unnamed = is_pictured(e) && scene->loose.color == OPEN;
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
                 tiny_thing_names[scene->things[1]]);
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
                 tiny_thing_names[*thing]);
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

/* "a red", "a" */
static struct note_words {
    char text[16];
} thing_words(const struct scene *scene, int i)
{
    struct note_words words = {"a "};
    const char *color = scene->colors[i] == OPEN ? "" : tiny_color_names[scene->colors[i]];
    if (*color)
        snprintf(words.text, sizeof words.text, "%s %s ", article(color), color);
    return words;
}

static void stand_ins_note(const struct scene *scene, const struct expansion *e, size_t picked)
{
    if (!picked && !scene->unnamed)
        note_add(e->notes, PROMPT_NOTE_FILLED, "no object this model knows was named: %s%s stands in for it",
                 thing_words(scene, 0).text, tiny_thing_names[scene->things[0]]);
    if (!picked)
        return;
    for (int i = 0; i < scene->thing_count; i++) {
        const struct noun *noun = &scene->nouns[picked > 1 ? i : 0];
        if (is_stand_in(noun->hit) && (i == 0 || picked > 1))
            note_add(e->notes, PROMPT_NOTE_REPLACED,
                     "this model does not know \"" HIT_FORMAT "\": %s%s stands in for it", HIT_ARGS(e, noun->hit),
                     thing_words(scene, i).text, tiny_thing_names[scene->things[i]]);
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
                 tiny_color_names[bold[at]]);
    }
}

static void floor_choose(struct scene *scene, const struct expansion *e)
{
    size_t floor = choice(e, "floor", TINY_FLOORS);
    while ((scene->colors[0] != OPEN && color_drowns(scene->colors[0], (int)floor)) ||
           (scene->thing_count == 2 && scene->colors[1] != OPEN && color_drowns(scene->colors[1], (int)floor)))
        floor = (floor + 1) % TINY_FLOORS;
    scene->floor = (int)floor;
    note_add(e->notes, PROMPT_NOTE_FILLED, "the ground was left open: the %s was chosen", tiny_floor_names[floor]);
}

static void look_choose(struct scene *scene, const struct expansion *e)
{
    if (scene->floor == OPEN)
        floor_choose(scene, e);
    colors_choose(scene, e);
    if (scene->sky == OPEN) {
        scene->sky = SKY_DAY;
        note_add(e->notes, PROMPT_NOTE_FILLED, "the time of day was left open: a sunny day was chosen");
    }
}

bool tiny_motion_has_direction(int motion)
{
    return motion == MOTION_ROLL || motion == MOTION_THROW || motion == MOTION_BOUNCE;
}

void tiny_scene_complete(struct scene *scene, const struct expansion *e)
{
    size_t picked = nouns_pick(scene);
    if (picked > 1 && scene->facing)
        scene->motion = MOTION_COLLIDE;
    things_choose(scene, e, picked);
    motion_fit(scene, e);
    if (scene->motion == OPEN)
        motion_choose(scene, e);
    if (is_pictured(e))
        note_add(e->notes, PROMPT_NOTE_FILLED, "what the prompt leaves open is as the picture shows it");
    else
        look_choose(scene, e);
    if (tiny_motion_has_direction(scene->motion) && scene->direction == OPEN && !e->request->last_frame) {
        scene->direction = (int)choice(e, "direction", 2);
        note_add(e->notes, PROMPT_NOTE_FILLED, "the direction was left open: %s was chosen",
                 scene->direction == DIRECTION_LEFT ? "left" : "right");
    }
    scene->unnamed &= scene->thing_count == 1;
    stand_ins_note(scene, e, picked);
}
