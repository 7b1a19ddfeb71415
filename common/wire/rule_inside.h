/** What the parts of the rules' check share. For common/wire only. Pure. */
#ifndef FURROW_WIRE_RULE_INSIDE_H
#define FURROW_WIRE_RULE_INSIDE_H

#include "wire/rule.h"

/* How a field's value stands in memory, and so how it is read and compared. */
typedef enum furrow_rule_form {
    FURROW_FORM_INT,
    FURROW_FORM_UINT,
    FURROW_FORM_DOUBLE,
    FURROW_FORM_TEXT,
    FURROW_FORM_BYTES,
    FURROW_FORM_TIME, /* a Timestamp or Duration */
    FURROW_FORM_MASK,
    FURROW_FORM_MESSAGE,
} furrow_rule_form;

/* A value and what it is: a field's, or one of its items. */
typedef struct furrow_rule_value {
    const ProtobufCFieldDescriptor *type; /* of a wrapper: its inner field */
    const void *at;                       /* where it stands in its message or array */
    furrow_rule_form form;
    furrow_rule_operand operand; /* of a message: unset */
} furrow_rule_value;

/* Reads the value that stands at @at. A wrapper is opened; a message that is not there must not be read. */
furrow_rule_value furrow_rule_read(const ProtobufCFieldDescriptor *type, const void *at);
bool furrow_rule_is_zero(const furrow_rule_value *value);
size_t furrow_rule_item_size(const ProtobufCFieldDescriptor *type);

/* Is @text such that it need not be asked rule by rule? */
bool furrow_rule_fits(const furrow_rule_fit *fit, const char *text, size_t len);
/* Does @value satisfy @rule? Of one value, not of lists. */
bool furrow_rule_holds(const furrow_rule *rule, const furrow_rule_value *value);
/* Is no value twice among @count items? */
furrow_status furrow_rule_unique(const ProtobufCFieldDescriptor *type, const void *items, size_t count, bool *unique,
                                 furrow_error *err) FURROW_MUST_USE;

bool furrow_rule_format_holds(furrow_rule_format format, const char *text, size_t len);
bool furrow_rule_is_ip(const char *text, size_t len, int version, bool zone_allowed);
bool furrow_rule_is_uri(const char *text, size_t len, bool reference);

#endif
