/* Physics of the toy world.  Free flight is integrated exactly (constant acceleration within a step), so that the
 * acceleration of a falling object can be measured in a clip and compared with `gravity`. */
#include "world.h"

#include <math.h>

enum { SUBSTEPS = 64, MOST_BODIES = 4 };
static const float RESTING_SPEED = 0.10f; /* slower than this at the floor, a body stops bouncing */
static const float COLLISION_RESTITUTION = 0.85f;

static void step_free(struct body *b, float ground, float gravity, float dt)
{
    float low = ground + b->radius;
    if (b->y <= low + 1e-5f && fabsf(b->vy) < RESTING_SPEED) {
        float loss = b->drag * dt;
        b->y = low;
        b->vy = 0;
        b->x += b->vx * dt;
        b->vx = fabsf(b->vx) <= loss ? 0 : b->vx - copysignf(loss, b->vx);
        return;
    }
    b->x += b->vx * dt;
    b->y += b->vy * dt - 0.5f * gravity * dt * dt;
    b->vy -= gravity * dt;
    if (b->y < low && b->vy < 0) {
        b->y = low;
        b->vy *= -b->restitution;
        b->vx *= 1 - b->grip;
    }
}

/* vx holds the angular speed of a pendulum. */
static void step_pendulum(struct body *b, float gravity, float dt)
{
    b->vx -= gravity / b->length * sinf(b->angle) * dt;
    b->angle += b->vx * dt;
    b->x = b->pivot_x + b->length * sinf(b->angle);
    b->y = b->pivot_y - b->length * cosf(b->angle);
}

/* Horizontal impact of two bodies on the floor; masses go with the square of the radius. */
static void collide(struct body *a, struct body *b)
{
    float reach = a->kind == BALL && b->kind == BALL ? 2 * sqrtf(a->radius * b->radius) : a->radius + b->radius;
    if (fabsf(a->x - b->x) > reach || (a->vx - b->vx) * (a->x - b->x) >= 0)
        return;
    float ma = a->radius * a->radius, mb = b->radius * b->radius;
    float ua = a->vx, ub = b->vx, centre = (ma * ua + mb * ub) / (ma + mb);
    a->vx = centre + COLLISION_RESTITUTION * mb * (ub - ua) / (ma + mb);
    b->vx = centre + COLLISION_RESTITUTION * ma * (ua - ub) / (ma + mb);
}

void world_simulate(const struct body *start, int count, float ground, float gravity, float fps, int frames,
                    float *track)
{
    struct body bodies[MOST_BODIES];
    float dt = 1 / (fps * SUBSTEPS), time = 0, drift[MOST_BODIES];

    if (count > MOST_BODIES)
        count = MOST_BODIES;
    for (int i = 0; i < count; i++) {
        bodies[i] = start[i];
        drift[i] = start[i].x;
        if (bodies[i].drive == PENDULUM)
            step_pendulum(&bodies[i], gravity, 0);
    }
    for (int frame = 0; frame < frames; frame++) {
        for (int i = 0; i < count; i++) {
            track[(frame * count + i) * 2] = bodies[i].x;
            track[(frame * count + i) * 2 + 1] = bodies[i].y;
        }
        for (int step = 0; step < SUBSTEPS; step++) {
            time += dt;
            for (int i = 0; i < count; i++) {
                struct body *b = &bodies[i];
                if (b->drive == FREE) {
                    step_free(b, ground, gravity, dt);
                } else if (b->drive == PENDULUM) {
                    step_pendulum(b, gravity, dt);
                } else if (b->drive == BUOYANT) {
                    b->y += b->vy * dt;
                    b->x = drift[i] + b->sway * (sinf(2.2f * time + b->phase) - sinf(b->phase));
                }
            }
            if (count == 2 && bodies[0].drive == FREE && bodies[1].drive == FREE)
                collide(&bodies[0], &bodies[1]);
        }
    }
}
