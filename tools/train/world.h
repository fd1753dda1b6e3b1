/* The toy world: what a scene is made of, in C structs that world.py mirrors field by field.
 *
 * Lengths are in frame heights, x to the right, y up, (0, 0) the lower left corner of the unmoved picture; times are in
 * seconds.  Every field is a 4-byte float (or int32), so numpy can describe the same layout. */
#ifndef CONCH_TRAIN_WORLD_H
#define CONCH_TRAIN_WORLD_H

#include <stdint.h>

enum thing_kind { BALL = 1, CUBE = 2, BALLOON = 3 };
enum drive { FREE = 0, PENDULUM = 1, BUOYANT = 2, FIXED = 3 };
enum floor_kind { GRASS = 0, SAND = 1, SNOW = 2, STONE = 3, WOOD = 4 };

/* One body at the start of the simulation. */
struct body {
    int32_t drive; /* which law moves it */
    int32_t kind;
    float x, y, vx, vy;
    float radius;           /* half the side, for a cube */
    float restitution;      /* share of the vertical speed kept in a bounce */
    float grip;             /* share of the horizontal speed lost in a bounce */
    float drag;             /* deceleration on the floor, heights/s^2 */
    float pivot_x, pivot_y; /* PENDULUM: where the rope hangs from */
    float length, angle;    /* PENDULUM: rope, and starting angle from the vertical */
    float sway, phase;      /* BUOYANT: width and phase of the sideways drift */
};

struct scenery {
    float sky_top[3], sky_low[3], hill[3], floor_far[3], floor_near[3], disc[3];
    float horizon;
    float disc_x, disc_y, disc_radius;
    float hill_height, hill_phase[2];
    float ground;   /* y of the line that objects stand on */
    float light;    /* brightness of lit surfaces */
    float shadow;   /* darkness of the contact shadow */
    float vanish_x; /* where floor lines run together */
    float stars;    /* 1 at night */
    int32_t floor;
};

struct camera {
    float x, y, zoom;
};

/* One object in one frame. */
struct thing {
    int32_t kind; /* 0: absent */
    float x, y, radius;
    float rgb[3];
    int32_t rope; /* 1: draw a rope to the pivot */
    float pivot_x, pivot_y;
};

/* Moves `count` bodies for `frames` frames; writes x, y per frame and body to `track` [frames][count][2]. */
void world_simulate(const struct body *start, int count, float ground, float gravity, float fps, int frames,
                    float *track);

/* Draws `frames` frames of the window (left, top, width, height) of a full_width x full_height picture.
 * `rgb` [frames][height][width][3] receives the picture, `mask` [frames][height][width] the coverage by objects. */
void world_render(const struct scenery *scenery, const struct camera *cameras, const struct thing *things, int count,
                  int frames, int full_width, int full_height, int left, int top, int width, int height, uint8_t *rgb,
                  uint8_t *mask);

#endif
