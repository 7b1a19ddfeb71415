/** Texts of others for people: nothing in them may steer a terminal. Pure but for what is printed. */
#ifndef FURROW_CLI_TEXT_H
#define FURROW_CLI_TEXT_H

#include "base/buffer.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#define TEXT_TIME_SIZE 32

/* Prints @text with '?' for control characters, and for all but ASCII when it is not UTF-8. */
void text_print(FILE *out, const char *text);

/* "2026-11-23T06:00:00.123Z". */
void text_time(int64_t wall_ns, char out[TEXT_TIME_SIZE]);

/* ,"name":"value", as a member of a JSON object that is not its first. */
void text_json(furrow_buffer *out, const char *name, const char *value);

/* {"NAME":"value","dry_run":false} on standard output, a line. */
void text_json_line(const char *name, const char *value, bool dry_run);

/* Two members of an object of their own, a line. */
void text_json_pair(const char *name, const char *value, const char *second, const char *second_value);

#endif
