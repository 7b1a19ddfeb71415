/**
 * The problems found in a run: all of them are collected, so one build shows everything there is to mend. Each is one
 * `file:line:column: text` line, as compilers write it. May depend on: base.
 */
#ifndef FURROW_CODEGEN_REPORT_H
#define FURROW_CODEGEN_REPORT_H

#include "base/buffer.h"

#include <stddef.h>

/* Where a thing stands in its .proto; line and column count from 1, 0 when unknown. */
typedef struct furrow_place {
    const char *file;
    int line, column;
} furrow_place;

typedef struct furrow_report {
    furrow_buffer text;
    size_t count;
} furrow_report;

void furrow_report_init(furrow_report *report);
void furrow_report_fini(furrow_report *report);
void furrow_report_add(furrow_report *report, furrow_place place, const char *format, ...) FURROW_PRINTF(3, 4);

#endif
