/* What a fuzz target is: one function that takes bytes from anywhere and must neither crash, leak nor hang. */
#ifndef FUZZ_FUZZ_H
#define FUZZ_FUZZ_H

#include <stddef.h>
#include <stdint.h>

/* Always returns 0. libFuzzer calls it with ever new data; replay.c with each file of fuzz/corpus/TARGET. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#endif
