#include "base/sniff.h"

#include <assert.h>
#include <stdbool.h>
#include <string.h>

#include "base/base.h"

static const struct type_row {
    enum sniff_kind kind;
    const char *media_type, *extension, *name;
} types[] = {
    [SNIFF_UNKNOWN] = {SNIFF_OTHER, "application/octet-stream", "bin", "an unknown type"},
    [SNIFF_PNG] = {SNIFF_PICTURE, "image/png", "png", "PNG"},
    [SNIFF_JPEG] = {SNIFF_PICTURE, "image/jpeg", "jpg", "JPEG"},
    [SNIFF_WEBP] = {SNIFF_PICTURE, "image/webp", "webp", "WebP"},
    [SNIFF_GIF] = {SNIFF_PICTURE, "image/gif", "gif", "GIF"},
    [SNIFF_HEIC] = {SNIFF_PICTURE, "image/heic", "heic", "HEIC"},
    [SNIFF_HEIF] = {SNIFF_PICTURE, "image/heif", "heif", "HEIF"},
    [SNIFF_AVIF] = {SNIFF_PICTURE, "image/avif", "avif", "AVIF"},
    [SNIFF_MP4] = {SNIFF_VIDEO, "video/mp4", "mp4", "MP4"},
    [SNIFF_MOV] = {SNIFF_VIDEO, "video/quicktime", "mov", "QuickTime"},
    [SNIFF_WEBM] = {SNIFF_VIDEO, "video/webm", "webm", "WebM"},
    [SNIFF_WAV] = {SNIFF_AUDIO, "audio/wav", "wav", "WAV"},
    [SNIFF_MP3] = {SNIFF_AUDIO, "audio/mpeg", "mp3", "MP3"},
};
_Static_assert(ARRAY_LEN(types) == SNIFF_TYPES, "a row a type");

enum sniff_kind sniff_kind(enum sniff_type type)
{
    assert((unsigned)type < SNIFF_TYPES);
    return types[type].kind;
}

const char *sniff_media_type(enum sniff_type type)
{
    assert((unsigned)type < SNIFF_TYPES);
    return types[type].media_type;
}

const char *sniff_extension(enum sniff_type type)
{
    assert((unsigned)type < SNIFF_TYPES);
    return types[type].extension;
}

const char *sniff_name(enum sniff_type type)
{
    assert((unsigned)type < SNIFF_TYPES);
    return types[type].name;
}

static uint32_t big(const uint8_t *data, size_t bytes)
{
    uint32_t value = 0;
    for (size_t i = 0; i < bytes; i++)
        value = value << 8 | data[i];
    return value;
}

static uint32_t little(const uint8_t *data, size_t bytes)
{
    uint32_t value = 0;
    for (size_t i = bytes; i > 0; i--)
        value = value << 8 | data[i - 1];
    return value;
}

static bool has(const uint8_t *data, size_t size, size_t at, const char *word)
{
    const size_t length = strlen(word);
    return size >= at + length && memcmp(data + at, word, length) == 0;
}

/* Markers of a JPEG until the frame header (SOF: C0..CF without C4, C8, CC) tells the size. */
static struct sniff jpeg(const uint8_t *data, size_t size)
{
    struct sniff found = {SNIFF_JPEG, 0, 0};
    for (size_t at = 2; at + 9 <= size && data[at] == 0xff;) {
        const uint8_t marker = data[at + 1];
        if (marker == 0xff) { /* fill bytes may stand before a marker */
            at++;
            continue;
        }
        if (marker >= 0xc0 && marker <= 0xcf && marker != 0xc4 && marker != 0xc8 && marker != 0xcc) {
            found.height = big(data + at + 5, 2);
            found.width = big(data + at + 7, 2);
            break;
        }
        if (marker == 0xda || marker == 0xd9)
            break; /* picture data or the end, and no size before it */
        const uint32_t length = big(data + at + 2, 2);
        if (length < 2)
            break;
        at += 2 + length;
    }
    return found;
}

static struct sniff webp(const uint8_t *data, size_t size)
{
    struct sniff found = {SNIFF_WEBP, 0, 0};
    if (has(data, size, 12, "VP8X") && size >= 30) {
        found.width = little(data + 24, 3) + 1;
        found.height = little(data + 27, 3) + 1;
    } else if (has(data, size, 12, "VP8L") && size >= 25 && data[20] == 0x2f) {
        const uint32_t bits = little(data + 21, 4);
        found.width = (bits & 0x3fff) + 1;
        found.height = (bits >> 14 & 0x3fff) + 1;
    } else if (has(data, size, 12, "VP8 ") && size >= 30 && memcmp(data + 23, "\x9d\x01\x2a", 3) == 0) {
        found.width = little(data + 26, 2) & 0x3fff;
        found.height = little(data + 28, 2) & 0x3fff;
    }
    return found;
}

/* The brands of an ISO file's ftyp box: the major one counts first, then the compatible ones; a HEIF whose major brand
 * is the general "mif1" is told by what follows. */
static enum sniff_type iso(const uint8_t *data, size_t size)
{
    static const struct brand_row {
        char brand[5];
        enum sniff_type type;
    } brands[] = {
        {"avif", SNIFF_AVIF}, {"avis", SNIFF_AVIF}, {"heic", SNIFF_HEIC}, {"heix", SNIFF_HEIC}, {"heim", SNIFF_HEIC},
        {"heis", SNIFF_HEIC}, {"hevc", SNIFF_HEIC}, {"hevx", SNIFF_HEIC}, {"mif1", SNIFF_HEIF}, {"msf1", SNIFF_HEIF},
        {"qt  ", SNIFF_MOV},  {"isom", SNIFF_MP4},  {"iso2", SNIFF_MP4},  {"iso4", SNIFF_MP4},  {"iso5", SNIFF_MP4},
        {"iso6", SNIFF_MP4},  {"mp41", SNIFF_MP4},  {"mp42", SNIFF_MP4},  {"avc1", SNIFF_MP4},  {"M4V ", SNIFF_MP4},
        {"M4VP", SNIFF_MP4},  {"dash", SNIFF_MP4},  {"MSNV", SNIFF_MP4},  {"3gp4", SNIFF_MP4},  {"3gp5", SNIFF_MP4}};
    const size_t end = size_min(size_min(big(data, 4), size), 256);
    enum sniff_type found = SNIFF_UNKNOWN;
    for (size_t at = 8; at + 4 <= end; at += at == 8 ? 8 : 4) /* after the major brand stands its version */
        for (size_t i = 0; i < ARRAY_LEN(brands); i++) {
            if (memcmp(data + at, brands[i].brand, 4) != 0)
                continue;
            if (brands[i].type != SNIFF_HEIF && (found == SNIFF_UNKNOWN || sniff_kind(brands[i].type) == SNIFF_PICTURE))
                return brands[i].type;
            found = SNIFF_HEIF;
        }
    return found;
}

/* Two frame headers that agree where they must: one alone (11 bits) stands in too many other files. */
static bool mp3_frame(const uint8_t *data, size_t size)
{
    static const uint16_t kbit[2][16] = {{0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 0},
                                         {0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160, 0}};
    static const uint16_t rates[] = {44100, 48000, 32000};
    if (size < 4 || data[0] != 0xff || (data[1] & 0xe0) != 0xe0)
        return false;
    const unsigned version = data[1] >> 3 & 3, layer = data[1] >> 1 & 3, rate = data[2] >> 2 & 3;
    const bool lower = version != 3; /* MPEG 2 and 2.5 */
    const unsigned bits = kbit[lower][data[2] >> 4];
    if (version == 1 || layer != 1 || rate == 3 || bits == 0)
        return false;
    const unsigned hertz = rates[rate] >> (version == 3 ? 0 : version == 2 ? 1 : 2);
    const size_t length = (lower ? 72u : 144u) * bits * 1000 / hertz + (data[2] >> 1 & 1);
    return length + 2 <= size && data[length] == 0xff && (data[length + 1] & 0xfe) == (data[1] & 0xfe);
}

struct sniff sniff(const void *data, size_t size)
{
    const uint8_t *d = data;
    size = size_min(size, SNIFF_BYTES);
    if (has(d, size, 0, "\x89PNG\r\n\x1a\n")) {
        const bool head = size >= 24 && has(d, size, 12, "IHDR");
        return (struct sniff){SNIFF_PNG, head ? big(d + 16, 4) : 0, head ? big(d + 20, 4) : 0};
    }
    if (has(d, size, 0, "\xff\xd8\xff"))
        return jpeg(d, size);
    if (has(d, size, 0, "RIFF") && has(d, size, 8, "WEBP"))
        return webp(d, size);
    if (has(d, size, 0, "GIF87a") || has(d, size, 0, "GIF89a"))
        return (struct sniff){SNIFF_GIF, size >= 10 ? little(d + 6, 2) : 0, size >= 10 ? little(d + 8, 2) : 0};
    if (has(d, size, 4, "ftyp"))
        return (struct sniff){iso(d, size), 0, 0};
    if (has(d, size, 4, "moov") || has(d, size, 4, "wide") || has(d, size, 4, "mdat"))
        return (struct sniff){SNIFF_MOV, 0, 0}; /* QuickTime from before there was an ftyp box */
    if (has(d, size, 0, "\x1a\x45\xdf\xa3"))
        return (struct sniff){SNIFF_WEBM, 0, 0};
    if ((has(d, size, 0, "RIFF") || has(d, size, 0, "RF64")) && has(d, size, 8, "WAVE"))
        return (struct sniff){SNIFF_WAV, 0, 0};
    if (has(d, size, 0, "ID3") || mp3_frame(d, size))
        return (struct sniff){SNIFF_MP3, 0, 0};
    return (struct sniff){SNIFF_UNKNOWN, 0, 0};
}
