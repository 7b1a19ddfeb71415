/**
 * What every fuzz target has. A target checks properties with FURROW_REQUIRE, which stays on in every build. One whose
 * input has a structure also has a LLVMFuzzerCustomMutator, made of what mutate.h offers.
 */
#ifndef FURROW_TEST_FUZZ_H
#define FURROW_TEST_FUZZ_H

#include "base/bytes.h"
#include "base/status.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Optional. Changes @size bytes at @data, where there is room for @max_size, and returns how many there are then. */
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed);

#endif
