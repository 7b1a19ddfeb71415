/**
 * Memory and text of one run of the plugin. Memory comes from one arena that lives as long as the run; a build tool
 * that runs out of it can only say so and stop, so nothing here returns NULL. May depend on: base.
 */
#ifndef FURROW_CODEGEN_TEXT_H
#define FURROW_CODEGEN_TEXT_H

#include "base/arena.h"

#include <stddef.h>
#include <stdint.h>

void *furrow_text_zalloc(furrow_arena *arena, size_t size);
char *furrow_text_copy(furrow_arena *arena, const void *data, size_t len);
char *furrow_text_printf(furrow_arena *arena, const char *format, ...) FURROW_PRINTF(2, 3);

/* A C string literal, quotes included, that stands for exactly @text. */
const char *furrow_text_literal(furrow_arena *arena, const char *text);

/* @said as the beginning of a comment of C, at most 120 columns wide, and after it what is to follow; "" for "". */
const char *furrow_text_said(furrow_arena *arena, const char *said);

/* The first paragraph of a comment as one line of at most 250 bytes, cut between characters; "" for NULL. */
const char *furrow_text_summary(furrow_arena *arena, const char *comment);

#endif
