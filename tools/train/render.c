/* Pictures of the toy world.  All edges are anti-aliased from signed distances; there is no fine texture, because a
 * small video autoencoder could not carry it. */
#include "world.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

struct rgb {
    float r, g, b;
};

static inline float clamp01(float x)
{
    return x < 0 ? 0 : x > 1 ? 1 : x;
}
static inline float mix(float a, float b, float t)
{
    return a + (b - a) * t;
}

/* Coverage of a pixel of size `px` whose centre lies `distance` outside an edge. */
static inline float cover(float distance, float px)
{
    return clamp01(0.5f - distance / px);
}

static inline float smooth(float from, float to, float x)
{
    x = clamp01((x - from) / (to - from));
    return x * x * (3 - 2 * x);
}

static inline void blend(struct rgb *p, float r, float g, float b, float alpha)
{
    p->r = mix(p->r, r, alpha);
    p->g = mix(p->g, g, alpha);
    p->b = mix(p->b, b, alpha);
}

/* ------------------------------------------------------------------------------------------ background */

/* The same few stars every night: x, y, radius in heights. */
static const float STARS[][3] = {
    {0.13f, 0.90f, 0.009f}, {0.38f, 0.71f, 0.007f}, {0.55f, 0.93f, 0.007f}, {0.80f, 0.79f, 0.009f},
    {0.99f, 0.95f, 0.007f}, {1.18f, 0.73f, 0.008f}, {1.36f, 0.91f, 0.009f}, {1.51f, 0.68f, 0.007f},
};

/* Brightness of the floor's pattern at `depth` = horizon - y below the horizon. */
static float floor_pattern(const struct scenery *s, float x, float depth, float px)
{
    if (s->floor == SAND)
        return 1 + 0.035f * sinf(5.0f * (x - s->vanish_x) + 40 * depth) * smooth(0, 0.15f, depth);
    if (s->floor != STONE && s->floor != WOOD)
        return 1;

    /* Lines that run to the vanishing point: u is constant along each. */
    static const float ROWS[] = {0.0f, 0.09f, 0.20f, 1e9f};
    float spacing = s->floor == WOOD ? 1.7f : 2.2f, line = 0;
    float u = (x - s->vanish_x) / (depth + 1e-4f) / spacing + 1000;
    int row = 0;
    if (s->floor == STONE) {
        while (depth > ROWS[row + 1])
            row++;
        u += 0.5f * row;
        for (int i = 1; i <= 2; i++)
            line = fmaxf(line, cover(fabsf(depth - ROWS[i]) - 0.8f * px, 1.5f * px));
    }
    float offset = u - floorf(u), tile = floorf(u);
    float distance = fminf(offset, 1 - offset) * spacing * depth;
    line = fmaxf(line, cover(distance - 0.8f * px, 1.5f * px));
    float tone = fmodf(tile + row, 2) < 1 ? 1.03f : 0.97f;
    float fade = smooth(0.04f, 0.12f, depth); /* too fine to draw near the horizon */
    return mix(1, tone * (1 - 0.24f * line), fade);
}

static struct rgb background(const struct scenery *s, float x, float y, float px)
{
    float height = sqrtf(clamp01((y - s->horizon) / (1 - s->horizon)));
    struct rgb p = {mix(s->sky_low[0], s->sky_top[0], height), mix(s->sky_low[1], s->sky_top[1], height),
                    mix(s->sky_low[2], s->sky_top[2], height)};

    if (y > s->horizon - px) {
        if (s->stars > 0)
            for (unsigned i = 0; i < sizeof STARS / sizeof *STARS; i++) {
                float d = hypotf(x - STARS[i][0], y - STARS[i][1]) - STARS[i][2];
                blend(&p, 0.85f, 0.87f, 0.95f, 0.8f * cover(d, 1.5f * px));
            }
        float dx = x - s->disc_x, dy = y - s->disc_y, d2 = dx * dx + dy * dy;
        float glow = 0.35f * expf(-d2 / (s->disc_radius * s->disc_radius * 6));
        float disc = cover(sqrtf(d2) - s->disc_radius, 1.5f * px);
        blend(&p, s->disc[0], s->disc[1], s->disc[2], disc + (1 - disc) * glow);
        float ridge = s->horizon + s->hill_height * (0.55f + 0.3f * sinf(5.3f * x + s->hill_phase[0]) +
                                                     0.15f * sinf(11.9f * x + s->hill_phase[1]));
        blend(&p, s->hill[0], s->hill[1], s->hill[2], cover(y - ridge, 1.5f * px));
    }
    float ground = cover(y - s->horizon, 1.5f * px);
    if (ground > 0) {
        float depth = fmaxf(s->horizon - y, 0), near = clamp01(depth / s->horizon);
        float tone = floor_pattern(s, x, depth, px);
        blend(&p, tone * mix(s->floor_far[0], s->floor_near[0], near),
              tone * mix(s->floor_far[1], s->floor_near[1], near), tone * mix(s->floor_far[2], s->floor_near[2], near),
              ground);
    }
    return p;
}

/* --------------------------------------------------------------------------------------------- objects */

static void draw_shadow(const struct scenery *s, const struct thing *t, float x, float y, float px, struct rgb *p)
{
    float lift = fmaxf(t->y - t->radius - s->ground, 0);
    float rx = t->radius * (1.05f + 0.7f * lift), ry = 0.22f * rx;
    float dark = s->shadow / (1 + 2.6f * lift);
    float d = hypotf((x - t->x) / rx, (y - s->ground) / ry);
    blend(p, 0, 0, 0, dark * smooth(1.35f, 0.45f, d) * cover(y - s->horizon, px));
}

static float draw_rope(const struct scenery *s, const struct thing *t, float x, float y, float px, struct rgb *p)
{
    float bx = t->x - t->pivot_x, by = t->y - t->pivot_y;
    float along = clamp01(((x - t->pivot_x) * bx + (y - t->pivot_y) * by) / (bx * bx + by * by));
    float d = hypotf(x - t->pivot_x - along * bx, y - t->pivot_y - along * by);
    float alpha = cover(d - 0.0115f, px);
    blend(p, 0.42f * s->light, 0.27f * s->light, 0.15f * s->light, alpha);
    return alpha;
}

/* Ball and balloon: a shaded ellipsoid with a highlight. */
static float draw_round(const struct scenery *s, const struct thing *t, float x, float y, float px, struct rgb *p)
{
    float stretch = t->kind == BALLOON ? 1.18f : 1, most = 0;
    float dx = (x - t->x) / t->radius, dy = (y - t->y) / (t->radius * stretch), d2 = dx * dx + dy * dy;

    if (t->kind == BALLOON) { /* string and knot first: the balloon covers their ends */
        float bottom = t->y - t->radius * stretch;
        float side = fabsf(x - t->x - 0.012f * sinf((y - bottom) * 24));
        if (y < bottom && y > bottom - 0.16f) {
            float alpha = 0.9f * cover(side - 0.006f, px);
            blend(p, 0.25f * s->light, 0.25f * s->light, 0.28f * s->light, alpha);
            most = fmaxf(most, alpha);
        }
        float knot = cover(fmaxf(fabsf(x - t->x) - (bottom + 0.02f - y) * 0.6f, fabsf(y - bottom) - 0.022f), px);
        blend(p, t->rgb[0] * 0.6f * s->light, t->rgb[1] * 0.6f * s->light, t->rgb[2] * 0.6f * s->light, knot);
        most = fmaxf(most, knot);
    }
    float alpha = cover((sqrtf(d2) - 1) * t->radius, px);
    float nz = sqrtf(fmaxf(0, 1 - d2)), lambert = fmaxf(0, -0.45f * dx + 0.62f * dy + 0.64f * nz);
    float tone = (0.42f + 0.68f * lambert) * s->light;
    float hx = dx + 0.32f, hy = dy - 0.42f, shine = 0.55f * expf(-(hx * hx + hy * hy) * 22) * s->light;
    blend(p, clamp01(t->rgb[0] * tone + shine), clamp01(t->rgb[1] * tone + shine), clamp01(t->rgb[2] * tone + shine),
          alpha);
    return fmaxf(most, alpha);
}

/* A cube seen from slightly above and to the right: front face, lit top, dark right side. */
static float draw_cube(const struct scenery *s, const struct thing *t, float x, float y, float px, struct rgb *p)
{
    float back = 0.32f * t->radius, half = t->radius - 0.5f * back;
    float fx = x - t->x + 0.5f * back, fy = y - t->y + 0.5f * back; /* relative to the front face's centre */
    float outline = 1e9f;
    for (int i = 0; i <= 6; i++) { /* the front face swept along the diagonal */
        float shift = back * i / 6;
        outline = fminf(outline, fmaxf(fabsf(fx - shift), fabsf(fy - shift)) - half);
    }
    float alpha = cover(outline, px);
    float front = cover(fmaxf(fabsf(fx), fabsf(fy)) - half, px), top = cover(fx - fy, px);
    float tone = mix(mix(0.50f, 1.13f, top), 0.84f + 0.07f * fy / half, front) * s->light;
    float white = (1 - front) * top * 0.12f * s->light;
    blend(p, clamp01(t->rgb[0] * tone + white), clamp01(t->rgb[1] * tone + white), clamp01(t->rgb[2] * tone + white),
          alpha);
    return alpha;
}

/* ---------------------------------------------------------------------------------------------- frames */

struct window {
    int full_width, full_height, left, top, width, height;
};

static float world_x(const struct camera *c, const struct window *w, int column)
{
    float aspect = (float)w->full_width / w->full_height;
    return c->x + ((column + w->left + 0.5f) / w->full_height - 0.5f * aspect) / c->zoom;
}

static float world_y(const struct camera *c, const struct window *w, int row)
{
    return c->y + (0.5f - (row + w->top + 0.5f) / w->full_height) / c->zoom;
}

static void draw_thing(const struct scenery *s, const struct camera *c, const struct window *w, const struct thing *t,
                       int shadows, struct rgb *picture, uint8_t *mask)
{
    float px = 1 / (w->full_height * c->zoom);
    float x0 = t->x - 1.8f * t->radius - 2 * px, x1 = t->x + 1.8f * t->radius + 2 * px; /* what it can touch */
    float y0 = t->y - t->radius * 1.25f - 0.19f, y1 = t->y + 1.3f * t->radius + 2 * px;
    if (shadows) {
        x0 -= t->radius, x1 += t->radius;
        y0 = s->ground - 0.5f * t->radius - 0.05f, y1 = s->ground + 0.5f * t->radius + 0.05f;
    } else if (t->rope) {
        x0 = fminf(x0, t->pivot_x - 0.03f), x1 = fmaxf(x1, t->pivot_x + 0.03f), y1 = fmaxf(y1, t->pivot_y);
    }
    for (int row = 0; row < w->height; row++) {
        float y = world_y(c, w, row);
        if (y < y0 || y > y1)
            continue;
        for (int column = 0; column < w->width; column++) {
            float x = world_x(c, w, column);
            if (x < x0 || x > x1)
                continue;
            struct rgb *p = &picture[row * w->width + column];
            if (shadows) {
                draw_shadow(s, t, x, y, px, p);
                continue;
            }
            float alpha = t->rope ? draw_rope(s, t, x, y, px, p) : 0;
            alpha = fmaxf(alpha, t->kind == CUBE ? draw_cube(s, t, x, y, px, p) : draw_round(s, t, x, y, px, p));
            uint8_t *m = &mask[row * w->width + column], level = (uint8_t)(clamp01(alpha) * 255 + 0.5f);
            if (level > *m)
                *m = level;
        }
    }
}

static uint8_t to_byte(float x)
{
    return (uint8_t)(clamp01(x) * 255 + 0.5f);
}

void world_render(const struct scenery *scenery, const struct camera *cameras, const struct thing *things, int count,
                  int frames, int full_width, int full_height, int left, int top, int width, int height, uint8_t *rgb,
                  uint8_t *mask)
{
    struct window w = {full_width, full_height, left, top, width, height};
    size_t pixels = (size_t)width * height;
    struct rgb *empty = malloc(pixels * sizeof *empty), *picture = malloc(pixels * sizeof *picture);

    memset(mask, 0, pixels * frames);
    for (int frame = 0; empty && picture && frame < frames; frame++) {
        const struct camera *c = &cameras[frame];
        if (frame == 0 || memcmp(c, c - 1, sizeof *c) != 0) /* a still camera needs it once */
            for (int row = 0; row < height; row++)
                for (int column = 0; column < width; column++)
                    empty[row * width + column] = background(scenery, world_x(c, &w, column), world_y(c, &w, row),
                                                             1 / (full_height * c->zoom));
        memcpy(picture, empty, pixels * sizeof *picture);
        for (int shadows = 1; shadows >= 0; shadows--)
            for (int i = 0; i < count; i++)
                if (things[frame * count + i].kind)
                    draw_thing(scenery, c, &w, &things[frame * count + i], shadows, picture, mask + frame * pixels);
        for (size_t i = 0; i < pixels; i++) {
            uint8_t *out = rgb + (frame * pixels + i) * 3;
            out[0] = to_byte(picture[i].r), out[1] = to_byte(picture[i].g), out[2] = to_byte(picture[i].b);
        }
    }
    free(empty);
    free(picture);
}
