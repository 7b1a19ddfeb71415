/**
 * What the names in options stand for: messages of the file's package, fields of a message, also inside of one of its
 * messages. Pure. May depend on: base, protobuf-c.
 */
#ifndef FURROW_CODEGEN_REFER_H
#define FURROW_CODEGEN_REFER_H

#include "codegen/model.h"

/* "Bin" of the file's package, or a full name; NULL when there is none, or @name is NULL. */
const furrow_model_message *furrow_refer_message(const furrow_model *model, const furrow_model_file *file,
                                                 const char *name);

/* A field of a message, or of a message that it holds: "employee.id". */
typedef struct furrow_refer_path {
    const char *name;
    const furrow_model_field *outer; /* NULL: the field stands in the message itself */
    const furrow_model_field *field;
} furrow_refer_path;

/* False when there is no such field, or @name is NULL. */
bool furrow_refer_field(const furrow_model *model, const furrow_model_message *message, const char *name,
                        furrow_refer_path *out);

/* The field called @name; NULL: none. */
const furrow_model_field *furrow_refer_own_field(const furrow_model_message *message, const char *name);

/* The one field, of no list and no oneof, whose type is @type; NULL: none, or several. */
const furrow_model_field *furrow_refer_field_of_type(const furrow_model_message *message,
                                                     const furrow_model_message *type);

/* Is it a single field of that scalar type, in no oneof? */
bool furrow_refer_is(const furrow_model_field *field, Google__Protobuf__FieldDescriptorProto__Type type);

/* *number: of the value called @name of @field's enum. False: it has none, or is no single enum field. */
bool furrow_refer_value(const furrow_model_field *field, const char *name, int32_t *number);

/* A single google.protobuf.Timestamp called "updated_at"; NULL: none. */
const furrow_model_field *furrow_refer_updated_at(const furrow_model_message *entity);

#endif
