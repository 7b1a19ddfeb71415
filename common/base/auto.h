/**
 * Scope-bound ownership: FURROW_AUTO(furrow_arena) arena = furrow_arena_create(…) is destroyed when it leaves scope;
 * FURROW_TAKE(arena) hands it out instead. A type takes part by FURROW_AUTO_DEFINE(type, destroy) in its header, where
 * destroy takes NULL.
 */
#ifndef FURROW_BASE_AUTO_H
#define FURROW_BASE_AUTO_H

#include <stddef.h>

#define FURROW_AUTO_DEFINE(type, destroy)                                                                              \
    static inline void type##_auto(type **held)                                                                        \
    {                                                                                                                  \
        destroy(*held);                                                                                                \
    }                                                                                                                  \
    struct type##_auto_needs_semicolon

#define FURROW_AUTO(type) __attribute__((cleanup(type##_auto))) type *

#define FURROW_TAKE(held)                                                                                              \
    __extension__({                                                                                                    \
        __typeof__(held) furrow_taken = (held);                                                                        \
        (held) = NULL;                                                                                                 \
        furrow_taken;                                                                                                  \
    })

#endif
