/**
 * Regular expressions of rules, made into automata when a contract is compiled: a subset of RE2's syntax
 * (https://github.com/google/re2/wiki/Syntax) into one deterministic automaton over the bytes of UTF-8, small enough to be
 * a table beside the contract (wire/rule.h). Without \b, \B, \p{…}, \C and (?m); (?i) is for ASCII.
 * May depend on: base, wire/rule.h.
 */
#ifndef FURROW_CODEGEN_PATTERN_H
#define FURROW_CODEGEN_PATTERN_H

#include "base/arena.h"
#include "wire/rule.h"

#define FURROW_PATTERN_TABLE_MAX 32768 /* states times classes */

typedef struct furrow_pattern {
    furrow_rule_pattern table;
    size_t state_count, class_count; /* rows of table.next, and how long one is */
} furrow_pattern;

/* All of it lives in the arena. False: *why says what is wrong with @text, as the end of a sentence about it. */
bool furrow_pattern_compile(const char *text, furrow_arena *arena, furrow_pattern *out, const char **why);

#endif
