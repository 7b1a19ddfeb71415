/*
 * One function per method. A block's place is won in the ranch's Tree first (one compare-and-set, so two moves at once
 * cannot make a cycle together), then written to the location; a command that died in between is mended by repeating
 * it.
 */
#include "location/domain.h"
#include "location/v1/location.furrow.h"
#include "location/v1/location.server.h"

#include "base/clock.h"
#include "runtime/listing.h"
#include "runtime/lookup.h"
#include "runtime/service.h"

#define BLOCK LOCATION__V1__LOCATION_KIND__LOCATION_KIND_BLOCK

typedef struct command_context {
    furrow_call *call;
    const Location__V1__CreateLocationRequest *create;
    const char *id;
    const Location__V1__Location *parent;
    Location__V1__LocationStatus status;
    const char *event;
} command_context;

static furrow_entity *locations(furrow_call *call)
{
    return furrow_service_entity(furrow_service_of(call), &location_v1_location_entity);
}

static const Location__V1__Location *location_of(const furrow_state *state)
{
    return (const Location__V1__Location *)state->message;
}

static void answer(const furrow_state *state, Location__V1__LocationState *response)
{
    state->message->n_unknown_fields = 0; /* the log's own bookkeeping is not the caller's */
    response->location = (Location__V1__Location *)state->message;
    response->version = (int64_t)state->version;
}

static furrow_status write_location(command_context *context, furrow_decide_fn *decide,
                                    Location__V1__LocationState *response, furrow_error *err)
{
    furrow_call *call = context->call;
    furrow_write write = {.id = context->id, .command = furrow_call_command(call), .decide = decide, .arg = context};
    furrow_written written;
    furrow_status status = furrow_entity_write(locations(call), &write, furrow_call_arena(call), &written, err);
    if (status != FURROW_OK) return status;
    furrow_call_wrote(call, written.subject, written.state.version);
    answer(&written.state, response);
    return FURROW_OK;
}

/* *location NULL when there is none. */
static furrow_status find(furrow_call *call, const char *id, const char *field, furrow_state *state, furrow_error *err)
{
    furrow_status status = furrow_subject_check_id(id, strlen(id), field, err);
    return status == FURROW_OK ? furrow_entity_load(locations(call), id, furrow_call_arena(call), state, err) : status;
}

static furrow_status decide_tree(void *arg, const furrow_state *current, furrow_arena *arena, furrow_decision *out,
                                 furrow_error *err)
{
    command_context *context = arg;
    Location__V1__Tree *next;
    furrow_status status = location_tree_put((const Location__V1__Tree *)current->message, context->parent->ranch_id,
                                             context->id, context->parent->id, arena, &next, err);
    if (status == FURROW_OK && next) *out = (furrow_decision){.next = &next->base, .event = "changed"};
    return status;
}

/* The tree's write is part of a command that has a key of its own: it goes without one, and is idempotent by its
 * nature. */
static furrow_status put_in_tree(command_context *context, furrow_error *err)
{
    furrow_entity *trees = furrow_service_entity(furrow_service_of(context->call), &location_v1_tree_entity);
    furrow_command command = {.deadline_ns = furrow_call_deadline(context->call)};
    furrow_write write = {
        .id = context->parent->ranch_id, .command = &command, .from_log = true, .decide = decide_tree, .arg = context};
    furrow_written written;
    return furrow_entity_write(trees, &write, furrow_call_arena(context->call), &written, err);
}

static furrow_status decide_create(void *arg, const furrow_state *current, furrow_arena *arena, furrow_decision *out,
                                   furrow_error *err)
{
    command_context *context = arg;
    Location__V1__Location *next;
    furrow_status status = location_create(location_of(current), context->create, context->id, context->parent,
                                           furrow_clock_wall_ns(), arena, &next, err);
    if (status == FURROW_OK && context->create->kind == BLOCK) status = put_in_tree(context, err);
    if (status == FURROW_OK) *out = (furrow_decision){.next = &next->base, .event = "created"};
    return status;
}

furrow_status location_create_location(furrow_call *call, const Location__V1__CreateLocationRequest *request,
                                       Location__V1__LocationState *response, furrow_error *err)
{
    char made[FURROW_ID_SIZE];
    furrow_state parent = {0};
    furrow_status status = location_check_create(request, err);
    if (status == FURROW_OK && request->parent_id[0])
        status = find(call, request->parent_id, "parent_id", &parent, err);
    if (status == FURROW_OK)
        status = location_check_parent(request->kind, request->parent_id, location_of(&parent), err);
    if (status != FURROW_OK) return status;
    if (request->id[0] == '\0') furrow_entity_new_id(furrow_call_command(call), made);
    command_context context = {
        .call = call, .create = request, .id = request->id[0] ? request->id : made, .parent = location_of(&parent)};
    return write_location(&context, decide_create, response, err);
}

furrow_status location_get_location(furrow_call *call, const Location__V1__GetLocationRequest *request,
                                    Location__V1__LocationState *response, furrow_error *err)
{
    furrow_state state;
    furrow_status status = find(call, request->id, "id", &state, err);
    if (status != FURROW_OK) return status;
    if (!state.message) return furrow_fail(err, FURROW_NOT_FOUND, "no location %s", request->id);
    answer(&state, response);
    return FURROW_OK;
}

furrow_status location_batch_get_locations(furrow_call *call, const Location__V1__BatchGetLocationsRequest *request,
                                           Location__V1__BatchGetLocationsResponse *response, furrow_error *err)
{
    furrow_arena *arena = furrow_call_arena(call);
    furrow_lookup found;
    furrow_status status = furrow_lookup_read(locations(call), request->ids, request->n_ids, arena, &found, err);
    if (status != FURROW_OK) return status;
    Location__V1__LocationState *all = furrow_arena_alloc(arena, (found.count + 1) * sizeof *all);
    response->locations = furrow_arena_alloc(arena, (found.count + 1) * sizeof(*response->locations));
    if (!all || !response->locations)
        return furrow_fail(err, FURROW_RESOURCE_EXHAUSTED, "the answer is too large; ask for fewer at once");
    for (size_t i = 0; i < found.count; i++) {
        location__v1__location_state__init(&all[i]);
        answer(&found.states[i], &all[i]);
        response->locations[response->n_locations++] = &all[i];
    }
    response->missing_ids = found.missing_ids;
    response->n_missing_ids = found.missing_count;
    response->damaged_ids = found.damaged_ids;
    response->n_damaged_ids = found.damaged_count;
    return FURROW_OK;
}

static bool matches(const ProtobufCMessage *message, const void *arg)
{
    const Location__V1__Location *location = (const Location__V1__Location *)message;
    const Location__V1__ListLocationsRequest *request = arg;
    if (request->status != LOCATION__V1__LOCATION_STATUS__LOCATION_STATUS_UNSPECIFIED &&
        location->status != request->status)
        return false;
    if (request->parent_id[0] && strcmp(location->parent_id, request->parent_id) != 0) return false;
    return !request->ranch_id[0] || strcmp(location->ranch_id, request->ranch_id) == 0;
}

/* The narrowest index there is for the request; what it does not cover is filtered. */
static furrow_record_query query_of(const Location__V1__ListLocationsRequest *request, furrow_arena *arena)
{
    if (request->parent_id[0])
        return (furrow_record_query){.index = "parent_id", .value = furrow_bytes_of(request->parent_id)};
    if (request->ranch_id[0])
        return (furrow_record_query){.index = "ranch_id", .value = furrow_bytes_of(request->ranch_id)};
    if (request->status != LOCATION__V1__LOCATION_STATUS__LOCATION_STATUS_UNSPECIFIED)
        return (furrow_record_query){.index = "status", .value = furrow_record_index_integer(request->status, arena)};
    return (furrow_record_query){.index = "ranch_id", .prefix = true};
}

furrow_status location_list_locations(furrow_call *call, const Location__V1__ListLocationsRequest *request,
                                      Location__V1__ListLocationsResponse *response, furrow_error *err)
{
    furrow_listing listing = {.entity = locations(call),
                              .query = query_of(request, furrow_call_arena(call)),
                              .page_size = request->page_size,
                              .page_token = request->page_token,
                              .matches = matches,
                              .request = request};
    furrow_page page;
    furrow_status status = furrow_listing_read(&listing, furrow_call_arena(call), &page, err);
    if (status != FURROW_OK) return status;
    response->locations = (Location__V1__Location **)page.messages;
    response->n_locations = page.count;
    response->damaged_ids = page.damaged_ids;
    response->n_damaged_ids = page.damaged_count;
    response->next_page_token = page.next;
    return FURROW_OK;
}

static furrow_status decide_move(void *arg, const furrow_state *current, furrow_arena *arena, furrow_decision *out,
                                 furrow_error *err)
{
    command_context *context = arg;
    Location__V1__Location *next;
    furrow_status status =
        location_move(location_of(current), context->id, context->parent, furrow_clock_wall_ns(), arena, &next, err);
    if (status == FURROW_OK)
        status = location_check_parent(location_of(current)->kind, context->parent->id, context->parent, err);
    if (status == FURROW_OK && location_of(current)->kind == BLOCK) status = put_in_tree(context, err);
    if (status == FURROW_OK && next) *out = (furrow_decision){.next = &next->base, .event = "moved"};
    return status;
}

furrow_status location_move_location(furrow_call *call, const Location__V1__MoveLocationRequest *request,
                                     Location__V1__LocationState *response, furrow_error *err)
{
    furrow_state parent;
    furrow_status status = furrow_subject_check_id(request->id, strlen(request->id), "id", err);
    if (status == FURROW_OK) status = find(call, request->parent_id, "parent_id", &parent, err);
    if (status != FURROW_OK) return status;
    if (!parent.message)
        return furrow_fail(err, FURROW_FAILED_PRECONDITION, "the parent %s does not exist", request->parent_id);
    command_context context = {.call = call, .id = request->id, .parent = location_of(&parent)};
    return write_location(&context, decide_move, response, err);
}

static furrow_status decide_status(void *arg, const furrow_state *current, furrow_arena *arena, furrow_decision *out,
                                   furrow_error *err)
{
    command_context *context = arg;
    Location__V1__Location *next;
    furrow_status status = location_set_status(location_of(current), context->id, context->status,
                                               furrow_clock_wall_ns(), arena, &next, err);
    if (status == FURROW_OK && next) *out = (furrow_decision){.next = &next->base, .event = context->event};
    return status;
}

static furrow_status change_status(furrow_call *call, const char *id, Location__V1__LocationStatus to,
                                   const char *event, Location__V1__LocationState *response, furrow_error *err)
{
    furrow_status status = furrow_subject_check_id(id, strlen(id), "id", err);
    if (status != FURROW_OK) return status;
    command_context context = {.call = call, .id = id, .status = to, .event = event};
    return write_location(&context, decide_status, response, err);
}

furrow_status location_close_location(furrow_call *call, const Location__V1__CloseLocationRequest *request,
                                      Location__V1__LocationState *response, furrow_error *err)
{
    return change_status(call, request->id, LOCATION__V1__LOCATION_STATUS__LOCATION_STATUS_CLOSED, "closed", response,
                         err);
}

furrow_status location_reopen_location(furrow_call *call, const Location__V1__ReopenLocationRequest *request,
                                       Location__V1__LocationState *response, furrow_error *err)
{
    return change_status(call, request->id, LOCATION__V1__LOCATION_STATUS__LOCATION_STATUS_OPEN, "reopened", response,
                         err);
}
