/**
 * What `furrow new` makes of its templates (services/cli/new): text with "@name@" for values, and blocks.
 *
 *   @each LIST@ … @end LIST@        once for every element; its values count within
 *   @none LIST@ … @end none LIST@   if there is none
 *   @some LIST@ … @end some LIST@   if there is one
 *
 * A tag that has a line for itself takes the line along. Threads: any.
 */
#ifndef FURROW_CLI_NEW_H
#define FURROW_CLI_NEW_H

#include "base/arena.h"
#include "base/status.h"

#include <stdbool.h>
#include <stdio.h>

typedef struct new_value {
    const char *name, *text;
} new_value;

/* An element of a list: its values, and lists of its own. */
typedef struct new_element new_element;

typedef struct new_list {
    const char *name;
    const new_element *elements;
    size_t count;
} new_list;

struct new_element {
    const new_value *values; /* until one without a name */
    const new_list *lists;   /* the same; or NULL */
};

/* The files, in the order in which they are made; their names are templates too. */
typedef struct new_template {
    const char *name, *text;
} new_template;

extern const new_template new_templates[];
extern const size_t new_template_count;

/* Writes @text to @out. A tag that means nothing, or has no end, is our own mistake, and aborts. */
void new_render(FILE *out, const char *text, const new_element *of);

/* "BinLog" of "bin_log", "bin_log" of "BinLog", "BIN_LOG", "binLog"; "Berries" of "Berry". In @arena. */
char *new_camel(const char *text, furrow_arena *arena);
char *new_snake(const char *text, furrow_arena *arena);
char *new_upper(const char *text, furrow_arena *arena);
char *new_json(const char *text, furrow_arena *arena);
char *new_plural(const char *text, furrow_arena *arena);

#endif
