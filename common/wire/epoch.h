/**
 * The epoch of a log: which of the logs that a stream has been. A log that lost its end gives sequences away again, so a
 * sequence alone does not say which event is meant; with the epoch it does.
 *
 * An epoch is the time at which it began, in nanoseconds: the stream's creation, or, once an owner has restored its log
 * or accepted what was lost, what the newest message on <entity>.@epoch says. (No entity has that id.) It lies in the
 * log itself, so that the log cannot lose it separately:
 *
 *   <begun> <before> <kept> <since> restoring|whole|accepted
 *   1764196363000000000 1764190000000000000 812 812 restoring
 *
 * Pure.
 */
#ifndef FURROW_WIRE_EPOCH_H
#define FURROW_WIRE_EPOCH_H

#include "base/bytes.h"

#include <stdbool.h>
#include <stdint.h>

#define FURROW_EPOCH_ID       "@epoch"
#define FURROW_EPOCH_TEXT     112
#define FURROW_EPOCH_HEX_SIZE 17

typedef struct furrow_epoch {
    int64_t begun, before; /* itself, and the one that it follows */
    uint64_t kept;         /* up to this sequence the log is that of the one before */
    uint64_t since;        /* what comes after this sequence came in this epoch */
    bool whole;            /* else its owner is still restoring it */
    bool accepted;         /* whole without what was lost */
} furrow_epoch;

/* Is @subject that of @entity's epochs? */
bool furrow_epoch_is_subject(const char *subject, const char *entity);

void furrow_epoch_format(const furrow_epoch *epoch, char out[FURROW_EPOCH_TEXT]);
/* False, and *out untouched: no epoch. */
bool furrow_epoch_parse(furrow_bytes body, furrow_epoch *out);

/* As it stands in a version: lower-case hexadecimal digits without leading zeros; from 1 on. */
void furrow_epoch_hex(int64_t begun, char out[FURROW_EPOCH_HEX_SIZE]);
/* How many characters of @text are such digits, of a number up to INT64_MAX; 0: none. */
size_t furrow_epoch_hex_parse(const char *text, int64_t *begun);

#endif
