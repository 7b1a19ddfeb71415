/**
 * What every fuzz target has. A target checks properties with FURROW_REQUIRE, which stays on in every build.
 */
#ifndef FURROW_TEST_FUZZ_H
#define FURROW_TEST_FUZZ_H

#include "base/bytes.h"
#include "base/status.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#endif
