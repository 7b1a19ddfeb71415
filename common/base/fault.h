/**
 * Fault points: places where the code does something wrong on purpose, so that the tests which must notice can be tested
 * themselves (tests/chaos/run --self-test). Only a build with the CMake option FURROW_FAULTS has them; in any other the
 * condition is a constant and nothing of it is left, not even the name.
 *
 * The environment variable FURROW_FAULTS names those that are on: "name" always, "name:20" every twentieth time, several
 * with commas between. What each does stands where it is asked for, and in tests/chaos/README.md.
 *
 * Threads: the loop's.
 */
#ifndef FURROW_BASE_FAULT_H
#define FURROW_BASE_FAULT_H

#include <stdbool.h>

#ifdef FURROW_FAULT_POINTS
bool furrow_fault(const char *name);
#else
#define furrow_fault(name) false
#endif

#endif
