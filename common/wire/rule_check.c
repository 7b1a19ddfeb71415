/*
 * The walk through a message by its rules. Where it is, is a chain of steps on the stack; it becomes text only when a rule is
 * broken, so that a good message costs its comparisons and no more. As deep as messages nest, which unpacking bounds.
 */
#include "wire/rule.h"

#include "base/bytes.h"
#include "wire/message.h"
#include "wire/rule_inside.h"

#include <inttypes.h>
#include <stdio.h>

#define PATH_SIZE 256

/* One step into a message: a field, perhaps with an item's place or a pair's key. */
typedef struct step {
    const struct step *up;
    const char *name;
    size_t index;
    const furrow_rule_value *key; /* of a pair of a map; or NULL */
    bool indexed;
} step;

typedef struct walk {
    furrow_violation_fn *found;
    void *user;
    furrow_error *err;
    furrow_status status;
    bool enough; /* @found has heard enough, or memory ran out */
} walk;

/* A path as it grows; what has no more room is cut. */
typedef struct path {
    char text[PATH_SIZE];
    size_t len;
} path;

static void append_part(path *to, const char *text, size_t len)
{
    size_t room = PATH_SIZE - 1 - to->len;
    if (len > room) len = room;
    memcpy(to->text + to->len, text, len);
    to->len += len;
}

/* As Go's strconv.Quote does the ones that a path would be broken by. */
static void append_quoted(path *to, furrow_bytes text)
{
    const char *at = text.data;
    append_part(to, "\"", 1);
    for (size_t i = 0; i < text.len; i++) {
        char hex[8];
        if (at[i] == '"' || at[i] == '\\')
            append_part(to, "\\", 1);
        else if ((uint8_t)at[i] < 0x20 || at[i] == 0x7f) {
            append_part(to, hex, (size_t)snprintf(hex, sizeof hex, "\\x%02x", (uint8_t)at[i]));
            continue;
        }
        append_part(to, &at[i], 1);
    }
    append_part(to, "\"", 1);
}

static void append_subscript(path *to, const step *at)
{
    char number[32];
    int len = 0;
    append_part(to, "[", 1);
    if (!at->key)
        len = snprintf(number, sizeof number, "%zu", at->index);
    else if (at->key->form == FURROW_FORM_TEXT)
        append_quoted(to, (furrow_bytes){at->key->operand.text, (size_t)at->key->operand.more});
    else if (at->key->type->type == PROTOBUF_C_TYPE_BOOL)
        len = snprintf(number, sizeof number, "%s", at->key->operand.u ? "true" : "false");
    else if (at->key->form == FURROW_FORM_INT)
        len = snprintf(number, sizeof number, "%" PRId64, at->key->operand.i);
    else
        len = snprintf(number, sizeof number, "%" PRIu64, at->key->operand.u);
    append_part(to, number, (size_t)len);
    append_part(to, "]", 1);
}

static void append_steps(path *to, const step *at)
{
    if (at->up) {
        append_steps(to, at->up);
        append_part(to, ".", 1);
    }
    append_part(to, at->name, strlen(at->name));
    if (at->indexed || at->key) append_subscript(to, at);
}

/* A character that the cut went through goes whole. */
static void finish_path(path *to)
{
    size_t len = to->len;
    while (len > 0 && len + 4 > to->len && !furrow_utf8_valid(to->text, len)) len--;
    to->text[len] = '\0';
}

static void tell_violation(walk *in, const step *at, const char *rule, const char *text, bool of_key)
{
    path where = {.len = 0};
    append_steps(&where, at);
    finish_path(&where);
    const furrow_violation violation = {where.text, rule, text, of_key};
    if (!in->found(in->user, &violation)) in->enough = true;
}

static void walk_message(walk *in, const furrow_rule_message *rules, const ProtobufCMessage *message, const step *up);

static void walk_rules(walk *in, const furrow_rule_set *set, const furrow_rule_value *value, const step *at,
                       bool of_key)
{
    for (size_t i = 0; i < set->count; i++) {
        const furrow_rule *rule = &set->rules[i];
        if (furrow_rule_holds(rule, value)) continue;
        tell_violation(in, at, rule->id, rule->text, of_key);
        if (in->enough) return;
    }
    if (set->message) walk_message(in, set->message, *(const ProtobufCMessage *const *)value->at, at);
}

static void walk_value(walk *in, const furrow_rule_set *set, const furrow_rule_value *value, const step *at,
                       bool of_key)
{
    if (set->ignore != FURROW_IGNORE_ZERO || !furrow_rule_is_zero(value)) walk_rules(in, set, value, at, of_key);
}

static void walk_list(walk *in, const furrow_rule_set *set, const ProtobufCFieldDescriptor *type, const void *items,
                      size_t count, const step *at)
{
    for (size_t i = 0; i < set->count && !in->enough; i++) {
        const furrow_rule *rule = &set->rules[i];
        bool holds = count >= rule->least && count <= rule->most;
        if (rule->kind == FURROW_RULE_UNIQUE) {
            in->status = furrow_rule_unique(type, items, count, &holds, in->err);
            if (in->status != FURROW_OK) {
                in->enough = true;
                return;
            }
        }
        if (!holds) tell_violation(in, at, rule->id, rule->text, false);
    }
}

/* A pair that came without its value's message has an empty one, which no rule says anything of. */
static void walk_pair(walk *in, const furrow_rule_set *set, const ProtobufCMessage *pair, const step *of)
{
    const ProtobufCFieldDescriptor *fields = pair->descriptor->fields;
    const char *value_at = (const char *)pair + fields[1].offset;
    furrow_rule_value key = furrow_rule_read(&fields[0], (const char *)pair + fields[0].offset);
    const step at = {.up = of->up, .name = of->name, .key = &key};
    if (set->keys) walk_value(in, set->keys, &key, &at, true);
    if (!set->items || in->enough) return;
    if (fields[1].type == PROTOBUF_C_TYPE_MESSAGE && !*(const ProtobufCMessage *const *)value_at) return;
    furrow_rule_value value = furrow_rule_read(&fields[1], value_at);
    walk_value(in, set->items, &value, &at, false);
}

static void walk_items(walk *in, const furrow_rule_field *rules, const ProtobufCFieldDescriptor *type,
                       const void *items, size_t count, const step *at)
{
    step item = *at;
    size_t size = furrow_rule_item_size(type);
    for (size_t i = 0; i < count && !in->enough; i++) {
        const void *here = (const char *)items + i * size;
        if (rules->map) {
            walk_pair(in, &rules->set, *(const ProtobufCMessage *const *)here, &item);
            continue;
        }
        item.indexed = true;
        item.index = i;
        furrow_rule_value value = furrow_rule_read(type, here);
        walk_value(in, rules->set.items, &value, &item, false);
    }
}

static void walk_repeated(walk *in, const furrow_rule_field *rules, const ProtobufCFieldDescriptor *type,
                          const ProtobufCMessage *message, const step *at)
{
    size_t count = *(const size_t *)(const void *)((const char *)message + type->quantifier_offset);
    const void *items = *(void *const *)(const void *)((const char *)message + type->offset);
    if (count == 0 && rules->required) tell_violation(in, at, "required", "is required", false);
    if (count == 0 && (rules->required || rules->set.ignore == FURROW_IGNORE_ZERO)) return;
    walk_list(in, &rules->set, type, items, count, at);
    if (rules->set.items || rules->set.keys) walk_items(in, rules, type, items, count, at);
}

/* Whether a field that has presence is there; the others always are. */
static bool field_is_set(const ProtobufCFieldDescriptor *type, const ProtobufCMessage *message)
{
    if (type->flags & PROTOBUF_C_FIELD_FLAG_ONEOF)
        return *(const uint32_t *)(const void *)((const char *)message + type->quantifier_offset) == type->id;
    return type->type != PROTOBUF_C_TYPE_MESSAGE ||
           *(const ProtobufCMessage *const *)(const void *)((const char *)message + type->offset);
}

static void walk_singular(walk *in, const furrow_rule_field *rules, const ProtobufCFieldDescriptor *type,
                          const ProtobufCMessage *message, const step *at)
{
    if (!field_is_set(type, message)) {
        if (rules->required) tell_violation(in, at, "required", "is required", false);
        return;
    }
    const void *member = (const char *)message + type->offset;
    if (rules->set.count == 0 && rules->set.message) { /* no value of a known type to read */
        walk_message(in, rules->set.message, *(const ProtobufCMessage *const *)member, at);
        return;
    }
    const furrow_rule_value value = furrow_rule_read(type, member);
    /* Where there is presence, a zero was sent on purpose. */
    bool presence = type->type == PROTOBUF_C_TYPE_MESSAGE || (type->flags & PROTOBUF_C_FIELD_FLAG_ONEOF);
    bool zero_tells = !presence && (rules->required || rules->set.ignore == FURROW_IGNORE_ZERO);
    if (!zero_tells || !furrow_rule_is_zero(&value))
        walk_rules(in, &rules->set, &value, at, false);
    else if (rules->required)
        tell_violation(in, at, "required", "is required", false);
}

/* The first field, from @i on, that has to be asked rule by rule. */
static size_t next_field(const furrow_rule_message *rules, const ProtobufCMessage *message, size_t i)
{
    const ProtobufCFieldDescriptor *types = rules->descriptor->fields;
    for (; i < rules->field_count && rules->fields[i].fit; i++) {
        const void *member = (const char *)message + types[rules->fields[i].at].offset;
        const char *text = *(const char *const *)member;
        if (!furrow_rule_fits(rules->fields[i].fit, text, text ? strlen(text) : 0)) break;
    }
    return i;
}

static void walk_message(walk *in, const furrow_rule_message *rules, const ProtobufCMessage *message, const step *up)
{
    for (size_t i = 0; (i = next_field(rules, message, i)) < rules->field_count && !in->enough; i++) {
        const furrow_rule_field *field = &rules->fields[i];
        const ProtobufCFieldDescriptor *type = &rules->descriptor->fields[field->at];
        step at = {.up = up, .name = type->name};
        (type->label == PROTOBUF_C_LABEL_REPEATED ? walk_repeated : walk_singular)(in, field, type, message, &at);
    }
    for (size_t i = 0; i < rules->oneof_count && !in->enough; i++) {
        const ProtobufCFieldDescriptor *any = &rules->descriptor->fields[rules->oneofs[i].at];
        step at = {.up = up, .name = rules->oneofs[i].name};
        if (*(const uint32_t *)(const void *)((const char *)message + any->quantifier_offset) == 0)
            tell_violation(in, &at, "required", "exactly one of its fields is required", false);
    }
}

furrow_status furrow_rule_check(const furrow_rule_message *rules, const ProtobufCMessage *message,
                                furrow_violation_fn *found, void *user, furrow_error *err)
{
    walk in = {.found = found, .user = user, .err = err, .status = FURROW_OK};
    walk_message(&in, rules, message, NULL);
    return in.status;
}

static bool take_first(void *user, const furrow_violation *violation)
{
    furrow_fail_field(user, violation->path, "%s%s", violation->of_key ? "its key " : "", violation->text);
    return false;
}

furrow_status furrow_rule_first(const furrow_rule_message *rules, const ProtobufCMessage *message, furrow_error *err)
{
    furrow_error first = {.code = FURROW_OK};
    if (!rules) return FURROW_OK;
    furrow_status status = furrow_rule_check(rules, message, take_first, &first, err);
    if (status != FURROW_OK || first.code == FURROW_OK) return status;
    if (err) *err = first;
    return first.code;
}
