/**
 * Mutators that know how an input is framed: they change its values, lengths, nesting and order and keep the framing
 * valid, mostly, so that what stands behind a parser's first check is reached too. About one change in eight is left to
 * libFuzzer's own mutator, which knows no framing.
 *
 * All have the form of a LLVMFuzzerCustomMutator and are as repeatable: one seed, one result.
 */
#ifndef FURROW_TEST_MUTATE_H
#define FURROW_TEST_MUTATE_H

#include "fuzz.h"

#include <protobuf-c/protobuf-c.h>

/* What is being changed. */
typedef struct mutate_text {
    uint8_t *data;
    size_t size, max;
} mutate_text;

/* Numbers that follow from a seed. */
typedef struct mutate_dice {
    uint64_t state;
} mutate_dice;
mutate_dice mutate_dice_of(unsigned seed);
uint64_t mutate_roll(mutate_dice *dice);
size_t mutate_below(mutate_dice *dice, size_t limit); /* 0 when @limit is 0 */
uint64_t mutate_number(mutate_dice *dice);            /* at the edge of something, as a rule */
/* One of @texts, of which NULL is the last, or "". */
const char *mutate_pick(mutate_dice *dice, const char *const texts[]);

/* @len bytes at @with in place of @old bytes at @at; nothing happens when there is no room. */
void mutate_splice(mutate_text *text, size_t at, size_t old, const void *with, size_t len);
/* libFuzzer's mutator on @len bytes at @at. */
void mutate_raw(mutate_text *text, size_t at, size_t len);

/* A protobuf message of type @type: known fields come, go, move and change, nested ones too. */
void mutate_wire(mutate_text *text, const ProtobufCMessageDescriptor *type, mutate_dice *dice);

/* A reply of Redis (RESP2): items come and go, counts and lengths follow, or lie. */
void mutate_resp(mutate_text *text, mutate_dice *dice);

/* JSON: members of @keys, values of every type, nesting. @keys and @values end with NULL. */
void mutate_json(mutate_text *text, const char *const keys[], const char *const values[], mutate_dice *dice);

/* Lines that end in CR LF, "name: value": a block of headers. @names and @values end with NULL. */
void mutate_headers(mutate_text *text, const char *const names[], const char *const values[], mutate_dice *dice);

#endif
