/* From any prompt to a sentence of the toy world: read the words into a scene, complete it, write it. */
#include <assert.h>
#include <string.h>

#include "server/prompt/tiny_scene.h"

const char *const tiny_thing_names[] = {"ball", "cube", "balloon"};
const char *const tiny_color_names[] = {"red", "orange", "yellow", "green", "blue", "purple", "pink", "white"};
const char *const tiny_floor_names[] = {"grass", "sand", "snow", "stone floor", "wooden floor"};
const char *const tiny_sky_names[] = {"on a sunny day", "at sunset", "at night"};
static const char *const size_names[] = {"small", "", "big"};
static const char *const camera_names[] = {"static camera", "the camera pans left", "the camera pans right",
                                           "the camera zooms in", "the camera zooms out"};

static int thing_write(const struct scene *scene, int i, struct buf *out, conch_error *err)
{
    const char *size = scene->sizes[i] == OPEN ? "" : size_names[scene->sizes[i]];
    const char *color = scene->colors[i] == OPEN ? "" : tiny_color_names[scene->colors[i]];
    const char *thing = tiny_thing_names[scene->things[i]];
    if (scene->unnamed)
        return buf_append_text(out, "it", err);
    return buf_append_format(out, err, "%s %s%s%s%s%s",
                             article(*size    ? size
                                     : *color ? color
                                              : thing),
                             size, *size ? " " : "", color, *color ? " " : "", thing);
}

static int things_write(const struct scene *scene, struct buf *out, conch_error *err)
{
    /* "a ball and a ball" would be read as one that is spoken of twice */
    if (scene->thing_count == 2 && scene->things[0] == scene->things[1] && scene->colors[1] == OPEN)
        return buf_append_format(out, err, "two %ss", tiny_thing_names[scene->things[0]]);
    int rc = thing_write(scene, 0, out, err);
    if (rc == 0 && scene->thing_count == 2)
        rc = buf_append_text(out, " and ", err);
    if (rc == 0 && scene->thing_count == 2)
        rc = thing_write(scene, 1, out, err);
    return rc;
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
    int rc = things_write(scene, out, err);
    if (rc == 0)
        rc = buf_append_format(out, err, " %s", verb(scene));
    if (rc == 0 && tiny_motion_has_direction(scene->motion) && scene->direction != OPEN)
        rc = buf_append_format(out, err, " to the %s", scene->direction == DIRECTION_LEFT ? "left" : "right");
    if (rc == 0 && scene->floor != OPEN)
        rc = buf_append_format(out, err, " %s the %s", above ? "over" : "on", tiny_floor_names[scene->floor]);
    if (rc == 0 && scene->sky != OPEN)
        rc = buf_append_format(out, err, " %s", tiny_sky_names[scene->sky]);
    if (rc == 0 && scene->camera != OPEN)
        rc = buf_append_format(out, err, ", %s", camera_names[scene->camera]);
    return rc;
}

int expand_tiny(const struct expansion *expansion, struct buf *out, conch_error *err)
{
    struct scene scene;
    struct hits hits;
    tiny_scene_read(&scene, &hits, expansion);
    tiny_scene_complete(&scene, expansion);
    assert(scene.motion != OPEN);
    assert(is_pictured(expansion) || (scene.floor != OPEN && scene.sky != OPEN && scene.colors[0] != OPEN));
    return scene_write(&scene, out, err);
}
