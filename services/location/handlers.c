/* What is read: one function per method. Commands are decided in domain.c. */
#include "location/domain.h"
#include "location/v1/location.furrow.h"
#include "location/v1/location.server.h"

#include "runtime/listing.h"
#include "runtime/lookup.h"
#include "runtime/service.h"

static furrow_entity *locations(furrow_call *call)
{
    return furrow_service_entity(furrow_service_of(call), &location_v1_location_entity);
}

static void answer(const furrow_state *state, Location__V1__LocationState *response)
{
    state->message->n_unknown_fields = 0; /* the log's own bookkeeping is not the caller's */
    response->location = (Location__V1__Location *)state->message;
    response->version = (int64_t)state->version;
}

/* *location NULL when there is none. */
static furrow_status find(furrow_call *call, const char *id, const char *field, furrow_state *state, furrow_error *err)
{
    furrow_status status = furrow_subject_check_id(id, strlen(id), field, err);
    return status == FURROW_OK ? furrow_entity_load(locations(call), id, furrow_call_arena(call), state, err) : status;
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
