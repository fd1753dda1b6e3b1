#include <string.h>

#include "media/helper.h"

/* Every reader below is given a range and stays inside it. */
struct bytes {
    const uint8_t *data;
    size_t size;
};

static uint32_t be16(const uint8_t *b)
{
    return (uint32_t)b[0] << 8 | b[1];
}

static uint32_t be32(const uint8_t *b)
{
    return be16(b) << 16 | be16(b + 2);
}

static uint32_t le16(const uint8_t *b)
{
    return (uint32_t)b[1] << 8 | b[0];
}

static uint32_t le24(const uint8_t *b)
{
    return (uint32_t)b[2] << 16 | le16(b);
}

static uint32_t le32(const uint8_t *b)
{
    return le16(b + 2) << 16 | le16(b);
}

static bool starts_with(struct bytes bytes, const char *text, size_t size)
{
    return bytes.size >= size && memcmp(bytes.data, text, size) == 0;
}

static int damaged(conch_error *err, const char *kind)
{
    return conch_error_set(err, CONCH_ERR_MEDIA, "the %s picture is damaged or cut off in its header", kind);
}

/* The orientation in a block of EXIF data (a TIFF header and its first directory); 1 when it says nothing usable. */
static int exif_orientation(struct bytes exif)
{
    if (starts_with(exif, "Exif\0\0", 6))
        exif = (struct bytes){exif.data + 6, exif.size - 6};
    bool little = starts_with(exif, "II*\0", 4);
    if (exif.size < 8 || (!little && !starts_with(exif, "MM\0*", 4)))
        return 1;
    size_t at = little ? le32(exif.data + 4) : be32(exif.data + 4);
    if (at > exif.size - 2)
        return 1;
    size_t count = little ? le16(exif.data + at) : be16(exif.data + at);
    at += 2;
    for (size_t i = 0; i < count && exif.size - at >= 12; i++, at += 12) {
        const uint8_t *entry = exif.data + at;
        uint32_t tag = little ? le16(entry) : be16(entry), type = little ? le16(entry + 2) : be16(entry + 2);
        uint32_t value = little ? le16(entry + 8) : be16(entry + 8);
        if (tag == 0x0112 && type == 3)
            return value >= 1 && value <= 8 ? (int)value : 1;
    }
    return 1;
}

static int png_read(struct picture_head *head, struct bytes file, conch_error *err)
{
    if (file.size < 33 || memcmp(file.data + 12, "IHDR", 4))
        return damaged(err, "PNG");
    head->width = be32(file.data + 16);
    head->height = be32(file.data + 20);
    for (size_t at = 8; file.size - at >= 12;) {
        size_t size = be32(file.data + at);
        if (size > file.size - at - 12)
            break;
        if (!memcmp(file.data + at + 4, "eXIf", 4))
            head->orientation = exif_orientation((struct bytes){file.data + at + 8, size});
        at += 12 + size;
    }
    return 0;
}

static bool jpeg_is_frame(uint8_t marker)
{
    return marker >= 0xc0 && marker <= 0xcf && marker != 0xc4 && marker != 0xc8 && marker != 0xcc;
}

static int jpeg_read(struct picture_head *head, struct bytes file, conch_error *err)
{
    int components = 0;
    bool adobe = false, complete = false;
    for (size_t at = 2; file.size - at >= 4;) {
        const uint8_t *segment = file.data + at;
        if (segment[0] != 0xff)
            return damaged(err, "JPEG");
        if (segment[1] == 0xff) { /* fill byte */
            at++;
            continue;
        }
        if (segment[1] == 0xda) { /* the scan: only the end marker is of interest, which no coded pixels can contain */
            complete = memmem(segment, file.size - at, "\xff\xd9", 2) != NULL;
            break;
        }
        size_t size = be16(segment + 2);
        if (size < 2 || size > file.size - at - 2)
            return damaged(err, "JPEG");
        if (jpeg_is_frame(segment[1]) && size >= 8) {
            head->height = be16(segment + 5);
            head->width = be16(segment + 7);
            components = segment[9];
        } else if (segment[1] == 0xe1 && size >= 8 && !memcmp(segment + 4, "Exif\0\0", 6)) {
            head->orientation = exif_orientation((struct bytes){segment + 4, size - 2});
        } else if (segment[1] == 0xee && size >= 14 && !memcmp(segment + 4, "Adobe", 5)) {
            adobe = true;
        }
        at += 2 + size;
    }
    if (components == 0)
        return damaged(err, "JPEG");
    int rc = wire_image_size_check(head->width, head->height, err); /* first: the better reason of the two */
    if (rc < 0)
        return rc;
    if (!complete)
        return conch_error_set(err, CONCH_ERR_MEDIA, "the JPEG picture is cut off: its end is missing");
    if (components == 4 && !adobe)
        return conch_error_set(err, CONCH_ERR_UNSUPPORTED,
                               "a JPEG with four colours and no Adobe marker does not say how they are meant; save it "
                               "as RGB");
    return 0;
}

/* Where the data blocks (a length, so many bytes) that begin at at end; file.size + 1 when they do not. */
static size_t gif_blocks_end(struct bytes file, size_t at)
{
    while (at < file.size && file.data[at] != 0)
        at += 1 + file.data[at];
    return at < file.size ? at + 1 : file.size + 1;
}

static size_t gif_palette_bytes(uint8_t flags)
{
    return flags & 0x80 ? (size_t)6 << (flags & 7) : 0;
}

/* Walks to the end of the first picture, as the decoder does not mind when that is missing. */
static int gif_read(struct picture_head *head, struct bytes file, conch_error *err)
{
    if (file.size < 13)
        return damaged(err, "GIF");
    head->width = le16(file.data + 6);
    head->height = le16(file.data + 8);
    int rc = wire_image_size_check(head->width, head->height, err);
    if (rc < 0)
        return rc;
    for (size_t at = 13 + gif_palette_bytes(file.data[10]); at < file.size;) {
        bool picture = file.data[at] == 0x2c;
        if (picture && file.size - at > 10)
            at = gif_blocks_end(file, at + 11 + gif_palette_bytes(file.data[at + 9]));
        else if (file.data[at] == 0x21)
            at = gif_blocks_end(file, at + 2);
        else
            break;
        if (picture && at <= file.size)
            return 0;
    }
    return conch_error_set(err, CONCH_ERR_MEDIA, "the GIF holds no complete picture (damaged or cut off)");
}

static int webp_read(struct picture_head *head, struct bytes file, conch_error *err)
{
    bool sized = false;
    for (size_t at = 12; file.size - at >= 8;) {
        const uint8_t *chunk = file.data + at, *body = chunk + 8;
        size_t size = le32(chunk + 4), there = file.size - at - 8;
        if (size > there)
            size = there;
        if (!memcmp(chunk, "VP8X", 4) && size >= 10) {
            if (body[0] & 2)
                return conch_error_set(err, CONCH_ERR_UNSUPPORTED,
                                       "an animated WebP is not supported; save one picture of it");
            head->width = le24(body + 4) + 1;
            head->height = le24(body + 7) + 1;
            sized = true;
        } else if (!memcmp(chunk, "VP8 ", 4) && size >= 10 && !sized) {
            head->width = le16(body + 6) & 0x3fff;
            head->height = le16(body + 8) & 0x3fff;
            sized = true;
        } else if (!memcmp(chunk, "VP8L", 4) && size >= 5 && !sized) {
            head->width = (le32(body + 1) & 0x3fff) + 1;
            head->height = (le32(body + 1) >> 14 & 0x3fff) + 1;
            sized = true;
        } else if (!memcmp(chunk, "EXIF", 4)) {
            head->orientation = exif_orientation((struct bytes){body, size});
        }
        size += size & 1; /* chunks begin at even places */
        if (size > there)
            break;
        at += 8 + size;
    }
    return sized ? 0 : damaged(err, "WebP");
}

static bool is_heif(struct bytes file)
{
    static const char brands[][5] = {"avif", "avis", "heic", "heix", "mif1", "msf1", "heim", "heis"};
    if (file.size < 16 || memcmp(file.data + 4, "ftyp", 4))
        return false;
    for (size_t i = 0; i < sizeof brands / sizeof brands[0]; i++)
        if (!memcmp(file.data + 8, brands[i], 4))
            return true;
    return false;
}

/* Takes the next box off *rest: its four-letter type and its content. False at the end or at a box that does not fit.
 */
static bool box_next(struct bytes *rest, const uint8_t **ret_type, struct bytes *ret_content)
{
    if (rest->size < 8)
        return false;
    size_t size = be32(rest->data);
    if (size == 0) /* to the end */
        size = rest->size;
    if (size < 8 || size > rest->size)
        return false;
    *ret_type = rest->data + 4;
    *ret_content = (struct bytes){rest->data + 8, size - 8};
    *rest = (struct bytes){rest->data + size, rest->size - size};
    return true;
}

/* The content of the first box of this type, less the skip bytes it begins with; empty when there is none. */
static struct bytes box_find(struct bytes boxes, const char *wanted, size_t skip)
{
    const uint8_t *type;
    struct bytes content;
    while (box_next(&boxes, &type, &content))
        if (!memcmp(type, wanted, 4) && content.size >= skip)
            return (struct bytes){content.data + skip, content.size - skip};
    return (struct bytes){boxes.data, 0};
}

/* First a turn counter-clockwise by quarters, then a mirror (0: none, 1: top and bottom exchanged, 2: left and right),
 * as an EXIF orientation. */
static int heif_orientation(unsigned turn, unsigned mirror)
{
    static const int orientations[4][3] = {{1, 4, 2}, {8, 5, 7}, {3, 2, 4}, {6, 7, 5}};
    return orientations[turn & 3][mirror];
}

/* FFmpeg 5.1 hands out the coded picture alone: its size limit, its turn, and what it would lose are found here. */
static int heif_read(struct picture_head *head, struct bytes file, conch_error *err)
{
    struct bytes meta = box_find(file, "meta", 4), items = box_find(meta, "iinf", 4);
    struct bytes properties = box_find(box_find(meta, "iprp", 0), "ipco", 0), content;
    const uint8_t *type;
    unsigned turn = 0, mirror = 0;
    if (memmem(items.data, items.size, "grid", 4) || memmem(items.data, items.size, "iovl", 4))
        return conch_error_set(err, CONCH_ERR_UNSUPPORTED,
                               "a HEIC or AVIF put together from tiles is not supported; save it as JPEG or PNG");
    while (box_next(&properties, &type, &content)) {
        if (!memcmp(type, "irot", 4) && content.size >= 1) {
            turn = content.data[0] & 3;
        } else if (!memcmp(type, "imir", 4) && content.size >= 1) {
            mirror = 1 + (content.data[0] & 1);
        } else if (!memcmp(type, "auxC", 4) && memmem(content.data, content.size, "alpha", 5)) {
            return conch_error_set(err, CONCH_ERR_UNSUPPORTED,
                                   "a HEIC or AVIF with transparent parts is not supported; save it as PNG or WebP");
        } else if (!memcmp(type, "ispe", 4) && content.size >= 12) {
            int rc = wire_image_size_check(be32(content.data + 4), be32(content.data + 8), err);
            if (rc < 0)
                return rc;
        }
    }
    head->orientation = heif_orientation(turn, mirror);
    return 0;
}

int picture_head_read(struct picture_head *ret_head, const uint8_t *data, size_t size, conch_error *err)
{
    struct bytes file = {data, size};
    struct picture_head head = {.orientation = 1};
    int rc;
    if (size == 0)
        return conch_error_set(err, CONCH_ERR_MEDIA, "the picture is empty (0 bytes)");
    if (starts_with(file, "\x89PNG\r\n\x1a\n", 8)) {
        head.kind = PICTURE_PNG;
        rc = png_read(&head, file, err);
    } else if (starts_with(file, "\xff\xd8\xff", 3)) {
        head.kind = PICTURE_JPEG;
        rc = jpeg_read(&head, file, err);
    } else if (starts_with(file, "GIF87a", 6) || starts_with(file, "GIF89a", 6)) {
        head.kind = PICTURE_GIF;
        rc = gif_read(&head, file, err);
    } else if (size >= 12 && starts_with(file, "RIFF", 4) && !memcmp(data + 8, "WEBP", 4)) {
        head.kind = PICTURE_WEBP;
        rc = webp_read(&head, file, err);
    } else if (is_heif(file)) {
        head.kind = PICTURE_HEIF;
        rc = heif_read(&head, file, err);
        if (rc == 0)
            *ret_head = head;
        return rc;
    } else {
        return conch_error_set(err, CONCH_ERR_MEDIA, "not a picture that Conch reads (PNG, JPEG, WebP, GIF or AVIF)");
    }
    if (rc == 0)
        rc = wire_image_size_check(head.width, head.height, err);
    if (rc == 0)
        *ret_head = head;
    return rc;
}
