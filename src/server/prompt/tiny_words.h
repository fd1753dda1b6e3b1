/* The toy world of conch/tiny and the words that people use for it. The world is that of tools/train/captions.py; a
 * word that the model was trained on is not enough to be here as such: sentences are made of the commonest ones only.
 */
#ifndef SERVER_PROMPT_TINY_WORDS_H
#define SERVER_PROMPT_TINY_WORDS_H

#include "server/prompt/lexicon.h"

enum tiny_thing { THING_BALL, THING_CUBE, THING_BALLOON };
enum tiny_color {
    COLOR_RED,
    COLOR_ORANGE,
    COLOR_YELLOW,
    COLOR_GREEN,
    COLOR_BLUE,
    COLOR_PURPLE,
    COLOR_PINK,
    COLOR_WHITE
};
enum tiny_size { SIZE_SMALL, SIZE_MEDIUM, SIZE_LARGE };
enum tiny_motion {
    MOTION_DROP,
    MOTION_ROLL, /* a cube slides */
    MOTION_THROW,
    MOTION_BOUNCE,
    MOTION_SWING,
    MOTION_RISE,
    MOTION_REST,
    MOTION_COLLIDE
};
enum tiny_direction { DIRECTION_LEFT, DIRECTION_RIGHT };
enum tiny_sky { SKY_DAY, SKY_SUNSET, SKY_NIGHT };
enum tiny_floor { FLOOR_GRASS, FLOOR_SAND, FLOOR_SNOW, FLOOR_STONE, FLOOR_WOOD };
enum tiny_camera { VIEW_STILL, VIEW_PAN_LEFT, VIEW_PAN_RIGHT, VIEW_ZOOM_IN, VIEW_ZOOM_OUT };
enum { TINY_THINGS = 3, TINY_COLORS = 8, TINY_MOTIONS = 8, TINY_SKIES = 3, TINY_FLOORS = 5, TINY_VIEWS = 5 };

enum tiny_kind {
    TINY_BREAK,       /* a camera's sentence ends here */
    TINY_CAMERA,      /* says all of a camera move; value: tiny_camera */
    TINY_CAMERA_NOUN, /* what follows is about the camera */
    TINY_CAMERA_WAY,  /* of those, what the camera does; elsewhere nothing; value: tiny_camera */
    TINY_OBJECT,      /* value: tiny_thing */
    TINY_STAND_IN,    /* not of this world; value: the nearest thing, extra: TINY_NATURE */
    TINY_PERSON,      /* the same, of somebody who may also do something to a thing */
    TINY_COLOR,       /* value: tiny_color; extra: one of enum tiny_color_extra */
    TINY_SIZE,        /* value: tiny_size */
    TINY_MOTION,      /* value: tiny_motion; extra 1: so general that a better word is looked for */
    TINY_DIRECTION,   /* value: tiny_direction */
    TINY_SKY,         /* value: tiny_sky; extra 1: near it only */
    TINY_FLOOR,       /* value: tiny_floor; extra 1: near it only */
    TINY_NUMBER,      /* value: 1, 2, or 3 for more */
    TINY_FACING,      /* two things come together */
    TINY_NOTHING      /* words that mean nothing here, though a part of them would */
};
enum tiny_color_extra { COLOR_PLAIN, COLOR_BESIDE_NOUN, COLOR_NEAREST };

/* What a thing that is not of this world is like: its colour and how it moves when the prompt says neither. */
#define TINY_NATURE(color, motion) ((uint8_t)((color) << 4 | (motion)))
enum { TINY_NATURE_NONE = 15 };
#define TINY_NATURE_COLOR(extra)  ((extra) >> 4)
#define TINY_NATURE_MOTION(extra) ((extra)&15)

extern const struct lexicon tiny_lexicon;

#endif
