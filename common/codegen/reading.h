/**
 * What the options get and list of a method stand for: the fields and messages that their names lead to, in the entity, the
 * request and the response. The judge and the emitter both ask here, so they cannot disagree. May depend on: base,
 * protobuf-c.
 */
#ifndef FURROW_CODEGEN_READING_H
#define FURROW_CODEGEN_READING_H

#include "codegen/model.h"

/* What is answered of one entity. */
typedef struct furrow_reading_item {
    const furrow_model_message *message; /* that is shown: the entity, or what holds it */
    const furrow_model_field *entity;    /* in it; NULL: it is the entity itself */
    const furrow_model_field *version;   /* in it; NULL: there is none */
} furrow_reading_item;

/* A method with get or list. NULL: the option names nothing that fits. */
typedef struct furrow_reading {
    const furrow_query_options *options;
    const furrow_model_message *entity;
    const furrow_model_field *id;    /* get: of the request */
    bool many;                       /* the response has lists: list, or get with a repeated id */
    const furrow_model_field *items; /* many: of the response */
    furrow_reading_item item;        /* message NULL: the response has no place for the entity */
    const furrow_model_field *missing_ids, *damaged_ids;
    const furrow_model_field *page_size, *page_token, *next_page_token;
} furrow_reading;

/* @method has one of the two options. */
furrow_reading furrow_reading_of(const furrow_model *model, const furrow_model_file *file,
                                 const furrow_model_method *method);

/* A field of a list's request, and the entity's that it is compared to; NULL where there is none. */
typedef struct furrow_reading_by {
    const furrow_model_field *field, *of;
    bool prefix;
} furrow_reading_by;
furrow_reading_by furrow_reading_by_of(const furrow_model *model, const furrow_reading *reading,
                                       const furrow_model_method *method, const char *name);

/* One join's fields; NULL where there is none. */
typedef struct furrow_reading_join {
    const furrow_model_message *replica;
    const furrow_model_field *id, *field, *as;
} furrow_reading_join;
furrow_reading_join furrow_reading_join_of(const furrow_model *model, const furrow_model_file *file,
                                           const furrow_reading *reading, const furrow_join_options *join);

/* Can the store compare it to what a request says: text, an enum, a bool or a signed or 32-bit integer? */
bool furrow_reading_comparable(const furrow_model_field *field);

#endif
