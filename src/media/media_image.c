#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/file.h"
#include "media/media.h"
#include "media/media_link.h"

struct media_png_writer {
    struct link link;
};

static int answer_take(struct link *link, struct media_image *ret_image, conch_error *err)
{
    uint8_t *payload;
    size_t size;
    const uint8_t *rgb;
    int rc = link_expect(link, WIRE_IMAGE, &payload, &size, err);
    if (rc < 0)
        return rc;
    struct media_image image;
    rc = wire_image_parse(payload, size, &image.width, &image.height, &rgb, err);
    if (rc < 0) {
        free(payload);
        return rc;
    }
    memmove(payload, rgb, size - WIRE_IMAGE_HEAD_BYTES); /* the pixels move to the front of their own memory */
    image.rgb = payload;
    *ret_image = image;
    return 0;
}

int media_image_decode(const void *data, size_t size, struct media_image *ret_image, conch_error *err)
{
    struct link link;
    if (size == 0)
        return conch_error_set(err, CONCH_ERR_MEDIA, "the picture is empty (0 bytes)");
    if (size > MEDIA_INPUT_BYTES_MAX)
        return conch_error_set(err, CONCH_ERR_LIMIT, "a picture file of %zu bytes is not allowed (at most %llu)", size,
                               (unsigned long long)MEDIA_INPUT_BYTES_MAX);
    int rc = link_open(&link, "image", -1, err);
    if (rc < 0)
        return rc;
    link_deadline(&link, MEDIA_IMAGE_WALL_MS);
    rc = link_send(&link, WIRE_IMAGE_DECODE, NULL, 0, data, size, err);
    if (rc == 0)
        rc = answer_take(&link, ret_image, err);
    link_close(&link);
    return rc;
}

int media_image_read(const char *path, struct media_image *ret_image, conch_error *err)
{
    struct buf file;
    buf_init(&file, MEDIA_INPUT_BYTES_MAX);
    int rc = file_read(&file, path, err);
    if (rc == 0)
        rc = error_name(err, media_image_decode(file.data, file.size, ret_image, err), path);
    buf_finish(&file);
    return rc;
}

void media_image_finish(struct media_image *image)
{
    free(image->rgb);
    *image = (struct media_image){0};
}

int media_png_writer_open(struct media_png_writer **ret_writer, conch_error *err)
{
    struct media_png_writer *writer = calloc(1, sizeof *writer);
    if (!writer)
        return conch_error_set(err, CONCH_ERR_NOMEM, "no memory to write pictures");
    int rc = link_open(&writer->link, "png", -1, err);
    if (rc < 0)
        free(writer);
    else
        *ret_writer = writer;
    return rc;
}

void media_png_writer_close(struct media_png_writer *writer)
{
    if (writer)
        link_close(&writer->link);
    free(writer);
}

static int pack(struct media_png_writer *writer, struct media_rgb picture, uint8_t **ret_png, size_t *ret_size,
                conch_error *err)
{
    uint8_t head[WIRE_IMAGE_HEAD_BYTES];
    uint64_t width = picture.width > 0 ? (uint64_t)picture.width : 0;
    uint64_t height = picture.height > 0 ? (uint64_t)picture.height : 0;
    int rc = wire_image_size_check(width, height, err);
    if (rc < 0)
        return rc;
    link_deadline(&writer->link, MEDIA_CLIP_SILENCE_MS);
    wire_image_head_pack(head, (uint32_t)width, (uint32_t)height);
    rc = link_send(&writer->link, WIRE_PNG_ENCODE, head, sizeof head, picture.rgb, width * height * 3, err);
    return rc < 0 ? rc : link_expect(&writer->link, WIRE_PNG, ret_png, ret_size, err);
}

int media_png_writer_write(struct media_png_writer *writer, const char *path, struct media_rgb picture,
                           conch_error *err)
{
    uint8_t *png;
    size_t size;
    int rc = error_name(err, pack(writer, picture, &png, &size, err), path);
    if (rc < 0)
        return rc;
    rc = file_write_atomic(path, png, size, err);
    free(png);
    return rc;
}

int media_png_pack(struct media_rgb picture, uint8_t **ret_png, size_t *ret_size, conch_error *err)
{
    struct media_png_writer *writer = NULL;
    int rc = media_png_writer_open(&writer, err);
    if (rc < 0)
        return rc;
    rc = pack(writer, picture, ret_png, ret_size, err);
    media_png_writer_close(writer);
    return rc;
}

int media_image_write_png(const char *path, struct media_rgb picture, conch_error *err)
{
    struct media_png_writer *writer = NULL;
    int rc = media_png_writer_open(&writer, err);
    if (rc < 0)
        return rc;
    rc = media_png_writer_write(writer, path, picture, err);
    media_png_writer_close(writer);
    return rc;
}
