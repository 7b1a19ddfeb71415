/** The syntax tree of a regular expression. For pattern.c only. May depend on: base. */
#ifndef FURROW_CODEGEN_PATTERN_PARSE_H
#define FURROW_CODEGEN_PATTERN_PARSE_H

#include "base/arena.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum furrow_node_kind {
    FURROW_NODE_EMPTY,
    FURROW_NODE_CHARACTERS, /* one of a set */
    FURROW_NODE_CONCAT,     /* left, then right */
    FURROW_NODE_EITHER,     /* left or right */
    FURROW_NODE_REPEAT,     /* left, min to max times; max FURROW_NODE_NO_MAX: without bound */
    FURROW_NODE_BEGIN,      /* nothing, at the beginning of the text */
    FURROW_NODE_END,        /* nothing, at its end */
} furrow_node_kind;

#define FURROW_NODE_NO_MAX UINT32_MAX

/* Characters from @low to @high. */
typedef struct furrow_node_range {
    uint32_t low, high;
} furrow_node_range;

typedef struct furrow_node {
    furrow_node_kind kind;
    const struct furrow_node *left, *right;
    uint32_t min, max;
    const furrow_node_range *ranges; /* in order, apart from one another */
    size_t range_count;
} furrow_node;

/* NULL: *why says what is wrong. */
const furrow_node *furrow_pattern_parse(const char *text, furrow_arena *arena, const char **why);

#endif
