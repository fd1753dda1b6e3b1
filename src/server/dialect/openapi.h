/* docs/api/openapi.json as part of the program: the build makes openapi.c from it, without white space. */
#ifndef SERVER_DIALECT_OPENAPI_H
#define SERVER_DIALECT_OPENAPI_H

#include <stddef.h>

extern const char openapi_json[];
extern const size_t openapi_json_size;

#endif
