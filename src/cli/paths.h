/* Where things live on this machine: the XDG folders, our own program, and the name of a clip that has none yet. */
#ifndef CLI_PATHS_H
#define CLI_PATHS_H

#include <stdbool.h>
#include <stdint.h>

#include "conch/error.h"

/* All results are malloc'ed. */

enum paths_kind { PATHS_STATE, PATHS_CACHE, PATHS_DATA };

/* $XDG_STATE_HOME/conch/NAME or ~/.local/state/conch/NAME (likewise cache and data); nothing is made.
 * CONCH_ERR_NOTFOUND when there is neither the variable nor a home. */
int paths_user(enum paths_kind kind, const char *name, char **ret_path, conch_error *err);

/* The folder of the running program. */
int paths_program(char **ret_folder, conch_error *err);

/* FOLDER/NAME. */
int paths_join(const char *folder, const char *name, char **ret_path, conch_error *err);

/* The folder part of path: "." when it has none. */
int paths_folder_of(const char *path, char **ret_folder, conch_error *err);

/* The first words of the prompt, in letters, digits and dashes of ASCII, at most 40 bytes; "clip" when none is left. */
struct paths_slug {
    char text[48];
};
struct paths_slug paths_slug(const char *prompt);

/* A name for a clip in the current folder, made of the prompt's words and the seed, that nothing has yet:
 * red-ball-bounces-7.mp4, red-ball-bounces-7-2.mp4, ... */
int paths_clip_name(const char *prompt, uint64_t seed, char **ret_path, conch_error *err);

/* Whether a file can be made at path: its folder is there and can be written, and path is no folder.
 * CONCH_ERR_NOTFOUND, CONCH_ERR_IO; option is the option that named path, for the text. */
int paths_check_writable(const char *path, const char *option, conch_error *err);

bool paths_is_folder(const char *path);

#endif
