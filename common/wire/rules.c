/* See rules.h. May depend on base and wire/message. */
#include "wire/rules.h"

#include "wire/member.h"
#include "wire/message.h"

#include <inttypes.h>
#include <stdio.h>

#define REASON_MAX 400
#define HIDDEN     "\"...\""

const ProtobufCFieldDescriptor *furrow_rules_id(const ProtobufCMessageDescriptor *descriptor)
{
    const ProtobufCFieldDescriptor *id = protobuf_c_message_descriptor_get_field_by_name(descriptor, "id");

    return id && id->type == PROTOBUF_C_TYPE_STRING && id->label != PROTOBUF_C_LABEL_REPEATED ? id : NULL;
}

/*
 * "field: reason", without what the reason quotes of the state: it goes where the state's data may not, into logs, health
 * and statistics, and stays there when the entity has been erased.
 */
static void describe_rule(const furrow_error *why, char out[REASON_MAX])
{
    char *from, *to;

    snprintf(out, REASON_MAX - sizeof HIDDEN, "%s%s%s", why->field, why->field[0] ? ": " : "", why->text);
    from = strchr(out, '"');
    if (!from) return;
    to = strrchr(out, '"');
    if (to == from) to = out + strlen(out); /* cut */
    memmove(from + sizeof HIDDEN - 1, to + (*to == '"'), strlen(to + (*to == '"')) + 1);
    memcpy(from, HIDDEN, sizeof HIDDEN - 1);
}

/* The reason is cut rather than what to do. */
furrow_status furrow_rules_broken(const furrow_rules *rules, const char *id, uint64_t version, const furrow_error *why,
                                  furrow_error *err)
{
    char reason[REASON_MAX];

    describe_rule(why, reason);
    if (version == 0)
        return furrow_fail(err, FURROW_INTERNAL, "what was decided may not be written to %s.%s: %.100s", rules->entity,
                           id, reason);
    return furrow_fail(err, FURROW_DATA_LOSS,
                       "%s.%s version %" PRIu64 " is damaged: %.100s; put a good state over it, stream %s has those "
                       "of before",
                       rules->entity, id, version, reason, rules->stream);
}

static furrow_status check_state_id(const furrow_rules *rules, const char *id, const ProtobufCMessage *state,
                                    furrow_error *err)
{
    const char *inside = furrow_member_text(state, rules->id);

    if (inside && strcmp(inside, id) == 0) return FURROW_OK;
    return furrow_fail_field(err, "id", "is \"%.64s\", not its subject's", inside ? inside : "");
}

furrow_status furrow_rules_hold(const furrow_rules *rules, const ProtobufCMessage *state, furrow_error *err)
{
    furrow_status status = furrow_rule_first(rules->declared, state, err);

    return status == FURROW_OK && rules->check ? rules->check(state, err) : status;
}

furrow_status furrow_rules_check(const furrow_rules *rules, const char *id, uint64_t version,
                                 const ProtobufCMessage *state, furrow_error *err)
{
    furrow_error why = {0};
    furrow_status status = check_state_id(rules, id, state, &why);

    if (status == FURROW_OK) status = furrow_rules_hold(rules, state, &why);
    if (status == FURROW_RESOURCE_EXHAUSTED) return furrow_fail(err, status, "%s", why.text);
    return status == FURROW_OK ? status : furrow_rules_broken(rules, id, version, &why, err);
}

furrow_status furrow_rules_unpack(const furrow_rules *rules, const char *id, uint64_t version, furrow_bytes body,
                                  furrow_arena *arena, ProtobufCMessage **out, furrow_error *err)
{
    furrow_error why = {0};
    ProtobufCMessage *state;
    furrow_status status = furrow_message_unpack(rules->descriptor, body, arena, &state, &why);

    if (status == FURROW_RESOURCE_EXHAUSTED) return furrow_fail(err, status, "%s", why.text);
    if (status != FURROW_OK) return furrow_rules_broken(rules, id, version, &why, err);
    status = furrow_rules_check(rules, id, version, state, err);
    if (status == FURROW_OK) *out = state;
    return status;
}
