/* See query.h. A message is only ever touched at the offsets of the description, which come of the same .proto as its struct. */
#include "runtime/query.h"

#include "base/clock.h"
#include "runtime/listing.h"
#include "runtime/lookup.h"
#include "wire/detail.h"
#include "wire/message.h"
#include "wire/subject.h"
#include "wire/unicode.h"

#include <string.h>

#define WHOLE_TEXT 64 /* no longer text grows past what an index has of it when it is folded */

static furrow_status no_room_for_answer(furrow_error *err)
{
    return furrow_fail(err, FURROW_RESOURCE_EXHAUSTED, "the answer is too large; ask for less at once");
}

static void *message_member(void *message, size_t at)
{
    return (char *)message + at;
}

static const void *member(const void *message, size_t at)
{
    return (const char *)message + at;
}

static const char *text(const void *message, size_t at)
{
    return *(char *const *)member(message, at);
}

static void set_list(ProtobufCMessage *message, const furrow_query_places *list, void *values, size_t count)
{
    *(void **)message_member(message, list->at) = values;
    *(size_t *)message_member(message, list->count_at) = count;
}

/* ---- of one entity ---- */

/* The state as callers see it, in @item: neither sealed fields nor the log's own bookkeeping. */
static void show_state(const furrow_query_item *about, ProtobufCMessage *state, uint64_t version,
                       ProtobufCMessage *item)
{
    const ProtobufCFieldDescriptor *sealed = about->entity->private_field;
    state->n_unknown_fields = 0;
    if (sealed) *(ProtobufCBinaryData *)message_member(state, sealed->offset) = (ProtobufCBinaryData){0};
    if (!about->message) return;
    *(ProtobufCMessage **)message_member(item, about->entity_at) = state;
    if (about->version_at) *(int64_t *)message_member(item, about->version_at) = (int64_t)version;
}

static const ProtobufCMessage *state_in(const furrow_query_item *about, const ProtobufCMessage *item)
{
    return *(ProtobufCMessage *const *)member(item, about->entity_at);
}

/* An id that is none, as an optional one that is not given, is not looked up. */
static size_t gather_joins(const furrow_query_item *about, furrow_service *service, ProtobufCMessage *const items[],
                           size_t count, furrow_record_read reads[])
{
    size_t gathered = 0;
    for (size_t i = 0; i < count; i++) {
        for (size_t k = 0; k < about->join_count; k++) {
            const char *id = text(state_in(about, items[i]), about->joins[k].id_at);
            if (!furrow_id_valid(id, strlen(id))) continue;
            furrow_replica *replica = furrow_service_replica(service, about->joins[k].replica);
            reads[gathered++] = (furrow_record_read){.table = furrow_replica_table(replica), .id = id};
        }
    }
    return gathered;
}

/* Damaged or unknown: the entity is good, and of the other nothing is known here. */
static furrow_status show_join(const furrow_query_join *join, furrow_service *service, const furrow_record_read *read,
                               furrow_arena *arena, ProtobufCMessage *item, furrow_error *err)
{
    ProtobufCMessage *kept = NULL;
    furrow_status status = furrow_replica_unpack(furrow_service_replica(service, join->replica), read->id,
                                                 &read->record, arena, &kept, err);
    if (status == FURROW_DATA_LOSS) return FURROW_OK;
    if (status == FURROW_OK && kept)
        memcpy(message_member(item, join->into_at), member(kept, join->from_at), join->size);
    return status;
}

static furrow_status join_items(const furrow_query_item *about, furrow_service *service,
                                ProtobufCMessage *const items[], size_t count, furrow_arena *arena, furrow_error *err)
{
    if (count == 0 || about->join_count == 0) return FURROW_OK;
    furrow_record_read *reads = furrow_arena_alloc(arena, count * about->join_count * sizeof *reads);
    if (!reads) return no_room_for_answer(err);
    size_t gathered = gather_joins(about, service, items, count, reads), next = 0;
    if (gathered == 0) return FURROW_OK;
    furrow_status status = furrow_record_read_many(furrow_service_store(service), reads, gathered, arena, err);
    for (size_t i = 0; i < count; i++) {
        for (size_t k = 0; status == FURROW_OK && k < about->join_count; k++) {
            /* The same walk as gathered them: the next read is this join's, or it has none. */
            if (next == gathered || reads[next].id != text(state_in(about, items[i]), about->joins[k].id_at)) continue;
            status = show_join(&about->joins[k], service, &reads[next++], arena, items[i], err);
        }
    }
    return status;
}

/* What is beside the states that @items hold already. */
static furrow_status complete_items(const furrow_query_item *about, furrow_service *service,
                                    ProtobufCMessage *const items[], size_t count, furrow_arena *arena,
                                    furrow_error *err)
{
    furrow_status status = join_items(about, service, items, count, arena, err);
    for (size_t i = 0; status == FURROW_OK && about->show && i < count; i++)
        status = about->show(items[i], furrow_clock_wall_ns(), arena, err);
    return status;
}

/* Room in @arena for the items of @count states, which hold them unless they are them; NULL past its limit. */
static ProtobufCMessage **make_items(const furrow_query_item *about, size_t count, furrow_arena *arena)
{
    ProtobufCMessage **items = furrow_arena_alloc(arena, (count + 1) * sizeof(ProtobufCMessage *));
    for (size_t i = 0; items && about->message && i < count; i++) {
        items[i] = furrow_message_new(about->message, arena);
        if (!items[i]) return NULL;
    }
    return items;
}

/* ---- get ---- */

/* The state in Redis; NOT_FOUND where there is none. */
static furrow_status load_one(const furrow_query_get_contract *get, furrow_service *service, const char *id,
                              furrow_arena *arena, furrow_state *state, furrow_error *err)
{
    furrow_entity *entity = furrow_service_entity(service, get->item.entity);
    furrow_status status = furrow_subject_check_id(id, strlen(id), get->id, err);
    if (status == FURROW_OK) status = furrow_entity_load(entity, id, arena, state, err);
    if (status != FURROW_OK || state->message) return status;
    furrow_fail(err, FURROW_NOT_FOUND, "no %s %s", get->item.noun, id);
    (void)furrow_detail_add_resource(err, get->item.entity->name, id);
    return FURROW_NOT_FOUND;
}

static furrow_status unseal_one(const furrow_query_get_contract *get, furrow_call *call, const char *id,
                                const furrow_state *state, ProtobufCMessage *response, furrow_error *err)
{
    furrow_service *service = furrow_service_of(call);
    furrow_arena *arena = furrow_call_arena(call);
    furrow_seal_target target = {
        .entity = furrow_service_entity(service, get->item.entity), .id = id, .command = furrow_call_command(call)};
    furrow_bytes plain;
    ProtobufCMessage *message;
    furrow_status status = furrow_unseal(furrow_service_sealer(service), &target, state, arena, &plain, err);
    if (status == FURROW_OK) status = furrow_message_unpack(response->descriptor, plain, arena, &message, err);
    if (status == FURROW_OK) memcpy(response, message, response->descriptor->sizeof_message);
    return status;
}

static furrow_status get_one(const furrow_query_get_contract *get, furrow_call *call, const ProtobufCMessage *request,
                             ProtobufCMessage *response, furrow_error *err)
{
    const char *id = text(request, get->id_at);
    furrow_service *service = furrow_service_of(call);
    furrow_arena *arena = furrow_call_arena(call);
    furrow_state state;
    furrow_status status = load_one(get, service, id, arena, &state, err);
    if (status != FURROW_OK) return status;
    if (get->unseals) return unseal_one(get, call, id, &state, response, err);
    show_state(&get->item, state.message, state.version, response);
    if (!get->item.message) memcpy(response, state.message, response->descriptor->sizeof_message);
    return complete_items(&get->item, service, &response, 1, arena, err);
}

static furrow_status get_many(const furrow_query_get_contract *get, furrow_call *call, const ProtobufCMessage *request,
                              ProtobufCMessage *response, furrow_error *err)
{
    const furrow_query_item *about = &get->item;
    char *const *ids = *(char *const *const *)member(request, get->id_at);
    furrow_service *service = furrow_service_of(call);
    furrow_arena *arena = furrow_call_arena(call);
    furrow_lookup found;
    furrow_status status = furrow_lookup_read(furrow_service_entity(service, about->entity), ids,
                                              *(const size_t *)member(request, get->id_count_at), arena, &found, err);
    if (status != FURROW_OK) return status;
    ProtobufCMessage **items = make_items(about, found.count, arena);
    if (!items) return no_room_for_answer(err);
    for (size_t i = 0; i < found.count; i++) {
        if (!about->message) items[i] = found.states[i].message;
        show_state(about, found.states[i].message, found.states[i].version, items[i]);
    }
    set_list(response, &get->items, items, found.count);
    set_list(response, &get->missing_ids, found.missing_ids, found.missing_count);
    set_list(response, &get->damaged_ids, found.damaged_ids, found.damaged_count);
    return complete_items(about, service, items, found.count, arena, err);
}

furrow_status furrow_query_get(const furrow_query_get_contract *get, furrow_call *call, const ProtobufCMessage *request,
                               ProtobufCMessage *response, furrow_error *err)
{
    furrow_status status = get->check ? get->check(request, err) : FURROW_OK;
    if (status != FURROW_OK) return status;
    return (get->id_count_at ? get_many : get_one)(get, call, request, response, err);
}

/* ---- list ---- */

/* What the request gives, of the list's `by`. */
typedef struct wanted {
    const furrow_query_by *by;
    const char *text; /* of a text, in the normal form in which texts are stored */
    int64_t number;   /* of any other */
} wanted;

typedef struct filter {
    wanted given[FURROW_QUERY_BY_MAX];
    size_t count;
} filter;

static int64_t number_at(ProtobufCType type, const void *at)
{
    switch (type) {
    case PROTOBUF_C_TYPE_INT64:
    case PROTOBUF_C_TYPE_SINT64:
    case PROTOBUF_C_TYPE_SFIXED64:
        return *(const int64_t *)at;
    case PROTOBUF_C_TYPE_UINT32:
    case PROTOBUF_C_TYPE_FIXED32:
        return *(const uint32_t *)at;
    default: /* the other integers, and enums and booleans, which are as large */
        return *(const int32_t *)at;
    }
}

static size_t size_of(ProtobufCType type)
{
    if (type == PROTOBUF_C_TYPE_STRING) return sizeof(char *);
    bool wide = type == PROTOBUF_C_TYPE_INT64 || type == PROTOBUF_C_TYPE_SINT64 || type == PROTOBUF_C_TYPE_SFIXED64;
    return wide ? sizeof(int64_t) : sizeof(int32_t);
}

static bool text_fits(const wanted *want, const char *value)
{
    const furrow_query_by *by = want->by;
    if (!by->fold) return by->prefix ? furrow_bytes_after(value, want->text) != NULL : strcmp(value, want->text) == 0;
    return furrow_unicode_begins(value, want->text) && (by->prefix || furrow_unicode_begins(want->text, value));
}

static bool value_fits(const wanted *want, const void *at)
{
    if (want->by->type == PROTOBUF_C_TYPE_STRING) return text_fits(want, *(char *const *)at);
    return number_at(want->by->type, at) == want->number;
}

static bool wanted_fits(const wanted *want, const ProtobufCMessage *entity)
{
    const furrow_query_by *by = want->by;
    const void *at = member(entity, by->of_at);
    if (!by->of_count_at) return value_fits(want, at);
    const char *values = *(char *const *)at;
    size_t count = *(const size_t *)member(entity, by->of_count_at);
    for (size_t i = 0; i < count; i++)
        if (value_fits(want, values + i * size_of(by->type))) return true;
    return false;
}

static bool filter_fits(const ProtobufCMessage *entity, const void *arg)
{
    const filter *all = arg;
    for (size_t i = 0; i < all->count; i++)
        if (!wanted_fits(&all->given[i], entity)) return false;
    return true;
}

static furrow_status read_filter(const furrow_query_list_contract *list, const ProtobufCMessage *request,
                                 furrow_arena *arena, filter *out, furrow_error *err)
{
    out->count = 0;
    for (size_t i = 0; i < list->by_count; i++) {
        wanted want = {.by = &list->by[i]};
        const void *at = member(request, want.by->at);
        if (want.by->type != PROTOBUF_C_TYPE_STRING) {
            want.number = number_at(want.by->type, at);
            if (want.number == 0) continue;
        } else {
            if ((*(char *const *)at)[0] == '\0') continue;
            want.text = furrow_unicode_nfc(*(char *const *)at, arena);
            if (!want.text) return no_room_for_answer(err);
        }
        out->given[out->count++] = want;
    }
    return FURROW_OK;
}

furrow_status furrow_query_match(const furrow_query_list_contract *list, const ProtobufCMessage *request,
                                 const ProtobufCMessage *entity, furrow_arena *arena, bool *out, furrow_error *err)
{
    filter all;
    furrow_status status = read_filter(list, request, arena, &all, err);
    if (status == FURROW_OK) *out = filter_fits(entity, &all);
    return status;
}

/* The index answers for what it was asked, as long as it has all of it (text: its first 256 bytes, folded). */
static bool is_answered(const wanted *want)
{
    return !want->text || strlen(want->text) <= WHOLE_TEXT;
}

/* What the index answers for leaves the filter. */
static furrow_status choose_query(const furrow_query_list_contract *list, filter *all, furrow_arena *arena,
                                  furrow_record_query *out, furrow_error *err)
{
    for (size_t i = 0; i < all->count; i++) {
        const wanted *want = &all->given[i];
        if (!want->by->indexed) continue;
        *out = (furrow_record_query){.index = want->by->of, .prefix = want->by->prefix};
        out->value = want->text ? furrow_bytes_of(want->text) : furrow_record_index_integer(want->number, arena);
        if (is_answered(want)) all->given[i] = all->given[--all->count];
        return out->value.data ? FURROW_OK : no_room_for_answer(err);
    }
    if (!list->order) return furrow_fail_field(err, list->by[0].field, "%s", list->needs);
    *out = (furrow_record_query){.index = list->order, .prefix = true};
    return FURROW_OK;
}

static furrow_status show_page(const furrow_query_list_contract *list, furrow_service *service, const furrow_page *page,
                               furrow_arena *arena, ProtobufCMessage *response, furrow_error *err)
{
    const furrow_query_item *about = &list->item;
    ProtobufCMessage **items = page->messages;
    if (about->message) items = make_items(about, page->count, arena);
    if (!items) return no_room_for_answer(err);
    for (size_t i = 0; i < page->count; i++) show_state(about, page->messages[i], page->versions[i], items[i]);
    set_list(response, &list->items, items, page->count);
    set_list(response, &list->damaged_ids, page->damaged_ids, page->damaged_count);
    *(char **)message_member(response, list->next_page_token_at) = page->next;
    return complete_items(about, service, items, page->count, arena, err);
}

furrow_status furrow_query_list(const furrow_query_list_contract *list, furrow_call *call,
                                const ProtobufCMessage *request, ProtobufCMessage *response, furrow_error *err)
{
    furrow_service *service = furrow_service_of(call);
    furrow_arena *arena = furrow_call_arena(call);
    filter all;
    furrow_page page;
    furrow_listing listing = {.entity = furrow_service_entity(service, list->item.entity),
                              .page_size = *(const int32_t *)member(request, list->page_size_at),
                              .page_token = text(request, list->page_token_at),
                              .matches = filter_fits,
                              .request = &all};
    furrow_status status = list->check ? list->check(request, err) : FURROW_OK;
    if (status == FURROW_OK) status = read_filter(list, request, arena, &all, err);
    if (status == FURROW_OK) status = choose_query(list, &all, arena, &listing.query, err);
    if (status == FURROW_OK) status = furrow_listing_read(&listing, arena, &page, err);
    return status == FURROW_OK ? show_page(list, service, &page, arena, response, err) : status;
}
