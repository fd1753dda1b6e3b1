/* Under which other names a tensor may be stored.
 *
 * Model code asks for the names of the official Wan checkpoints. The same tensors are also published under the names of
 * Hugging Face diffusers (transformer and video VAE) and transformers (UMT5, CLIP), which Comfy uses too. The tables in
 * weights_names.c translate official to other, one row a module. A name is looked up as it is first, so an official
 * file needs no row. */
#ifndef ENGINE_TENSOR_WEIGHTS_NAMES_H
#define ENGINE_TENSOR_WEIGHTS_NAMES_H

#include <stdbool.h>
#include <stddef.h>

/* Longest name that is translated, NUL included; longer ones have no other name. */
#define WEIGHTS_NAME_BYTES 256
#define WEIGHTS_PARTS_MAX  3
#define WEIGHTS_OTHERS_MAX 4

enum {
    WEIGHTS_RESHAPED = 1 << 0,   /* stored with dimensions of size 1 left out or put in */
    WEIGHTS_TRANSPOSED = 1 << 1, /* a matrix stored as its transpose */
};

/* One way to store the tensor. */
struct weights_name {
    char part[WEIGHTS_PARTS_MAX][WEIGHTS_NAME_BYTES]; /* joined along the first dimension when there are several */
    int part_count;
    unsigned flags;
};

/* Writes the other names of official to ret and returns their number, at most WEIGHTS_OTHERS_MAX; 0 is common. */
size_t weights_names(const char *official, struct weights_name ret[WEIGHTS_OTHERS_MAX]);

/* What some files put before every name, the empty prefix first; ends with NULL. */
extern const char *const weights_prefixes[];

#endif
