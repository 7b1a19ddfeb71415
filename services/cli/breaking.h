/**
 * What a change of contracts breaks: two pools of descriptors, before and after, compared by rules of two kinds.
 *
 *   as Buf's category WIRE_JSON names and judges them (https://buf.build/docs/breaking/rules): who reads the bytes or the
 *   JSON of the one with the other gets something else, or nothing. Without the rules of editions.
 *   ENTITY_…, FIELD_KEPT_…, FIELD_SAME_INDEX, …_PRIVATE, …_UNIQUE, METHOD_NO_DELETE: what follows from Furrow's options,
 *   and from who keeps what of whose.
 *
 * What is only there before is gone, and what is only there after, new. Files of google/ and furrow/ are nobody's contract.
 */
#ifndef FURROW_CLI_BREAKING_H
#define FURROW_CLI_BREAKING_H

#include "cli/descriptor.h"

#include <stdio.h>

#define BREAKING_TEXT_MAX 640

typedef struct breaking_finding {
    const char *rule;   /* "FIELD_WIRE_JSON_COMPATIBLE_TYPE" */
    const char *owner;  /* whose contract it is: "picking" */
    const char *file;   /* and in which file, after the change if it is still there */
    int line, column;   /* from 1; 0: not known, or gone */
    const char *what;   /* "field grams = 4 of picking.v1.Bin was int64 and is sint64: …" */
    const char *remedy; /* what to do instead */
} breaking_finding;

/* Lent for the call. */
typedef void breaking_fn(void *arg, const breaking_finding *finding);

/* Hands over every finding, file by file; returns how many. */
size_t breaking_compare(const descriptor_pool *before, const descriptor_pool *after, breaking_fn *fn, void *arg);

/* As compilers tell, so that editors find the place; or an object a line, with the names that Buf gives its members. */
void breaking_print(const breaking_finding *finding, bool json, FILE *out);

/* ---- between the files of this module: breaking.c, breaking_field.c, breaking_mesh.c ---- */

typedef struct breaking {
    const descriptor_pool *before, *after;
    breaking_fn *fn;
    void *arg;
    size_t count;
} breaking;

/* At @at, a declaration after the change, or before it for what is gone. */
void breaking_report(breaking *judge, const char *rule, const descriptor_path *at, const char *remedy,
                     const char *format, ...) FURROW_PRINTF(5, 6);

/* All rules about fields of a message that is in both, and about what of it is reserved. */
void breaking_fields(breaking *judge, const descriptor_message *before, const descriptor_message *after);
/* Rules of Furrow's about a message of before; @after NULL: it is gone. */
void breaking_entity(breaking *judge, const descriptor_message *before, const descriptor_message *after);
/* And about a field that is in both. */
void breaking_field_options(breaking *judge, const descriptor_message *message, const descriptor_field *before,
                            const descriptor_field *after, const descriptor_path *at);

#endif
