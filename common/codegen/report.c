/** The problems found in a run, as text: bounded, the number goes on being counted when the text is full. */
#include "codegen/report.h"

#include <stdio.h>

enum { REPORT_BYTES = 1 << 20, PROBLEM_BYTES = 2048 };

void furrow_report_init(furrow_report *report)
{
    *report = (furrow_report){0};
    furrow_buffer_init(&report->text, REPORT_BYTES);
}

void furrow_report_fini(furrow_report *report)
{
    furrow_buffer_fini(&report->text);
}

void furrow_report_add(furrow_report *report, furrow_place place, const char *format, ...)
{
    char text[PROBLEM_BYTES];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    furrow_buffer_printf(&report->text, "%s:%d:%d: %s\n", place.file, place.line, place.column, text);
    report->count++;
}
