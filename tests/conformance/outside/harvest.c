/* The harvest service: bins picked, by people that employee tells of. Built against an installed Furrow only. */
#include "harvest/v1/harvest.domain.h"
#include "harvest/v1/harvest.server.h"
#include "runtime/input.h"

#include <string.h>

#define GRAMS_MAX 2000000

/* What every state of a bin satisfies, whoever put it into the log: nothing else is ever used here. */
furrow_status harvest_check_bin(const Harvest__V1__Bin *bin, furrow_error *err)
{
    furrow_status status = furrow_subject_check_id(bin->employee_id, strlen(bin->employee_id), "employee_id", err);
    return status == FURROW_OK ? furrow_input_range("grams", bin->grams, 1, GRAMS_MAX, err) : status;
}

static furrow_entity *bins(furrow_call *call)
{
    return furrow_service_entity(furrow_service_of(call), &harvest_v1_bin_entity);
}

/* What this service keeps of an employee; nobody is asked. *out NULL: not known here. */
static furrow_status picker(furrow_call *call, const char *id, furrow_arena *arena, Harvest__V1__Employee **out,
                            furrow_error *err)
{
    furrow_replica *replica = furrow_service_replica(furrow_service_of(call), &harvest_v1_employee_replica);
    ProtobufCMessage *message = NULL;
    furrow_status status = furrow_replica_get(replica, id, arena, &message, NULL, err);
    if (status == FURROW_OK) *out = (Harvest__V1__Employee *)message;
    return status;
}

static furrow_status answer(furrow_call *call, const furrow_state *state, Harvest__V1__BinState *response,
                            furrow_error *err)
{
    Harvest__V1__Employee *who = NULL;
    response->bin = (Harvest__V1__Bin *)state->message;
    response->version = (int64_t)state->version;
    furrow_status status = picker(call, response->bin->employee_id, furrow_call_arena(call), &who, err);
    if (status == FURROW_OK && who) response->employee_name = who->display_name;
    return status;
}

typedef struct picking {
    furrow_call *call;
    const Harvest__V1__PickBinRequest *request;
} picking;

static furrow_status decide(void *arg, const furrow_state *current, furrow_arena *arena, furrow_decision *out,
                            furrow_error *err)
{
    picking *context = arg;
    const Harvest__V1__PickBinRequest *request = context->request;
    Harvest__V1__Employee *who = NULL;
    if (current->message) return furrow_fail(err, FURROW_ALREADY_EXISTS, "bin %s is recorded", request->id);
    furrow_status status = picker(context->call, request->employee_id, arena, &who, err);
    if (status != FURROW_OK) return status;
    if (!who || who->status != EMPLOYEE__V1__EMPLOYMENT_STATUS__EMPLOYMENT_STATUS_ACTIVE)
        return furrow_fail(err, FURROW_FAILED_PRECONDITION, "employee %s is %s", request->employee_id,
                           who ? "not employed" : "not known here");
    Harvest__V1__Bin fresh = HARVEST__V1__BIN__INIT;
    fresh.id = request->id;
    fresh.employee_id = request->employee_id;
    fresh.grams = request->grams;
    Harvest__V1__Bin *next = furrow_arena_memdup(arena, &fresh, sizeof fresh);
    if (!next) return furrow_fail(err, FURROW_RESOURCE_EXHAUSTED, "the request needs more memory than it may use");
    *out = (furrow_decision){.next = &next->base, .event = "picked"};
    return FURROW_OK;
}

furrow_status harvest_pick_bin(furrow_call *call, const Harvest__V1__PickBinRequest *request,
                               Harvest__V1__BinState *response, furrow_error *err)
{
    furrow_status status = furrow_subject_check_id(request->id, strlen(request->id), "id", err);
    if (status == FURROW_OK)
        status = furrow_subject_check_id(request->employee_id, strlen(request->employee_id), "employee_id", err);
    if (status == FURROW_OK) status = furrow_input_range("grams", request->grams, 1, GRAMS_MAX, err);
    if (status != FURROW_OK) return status;
    picking context = {call, request};
    furrow_write write = {.id = request->id, .command = furrow_call_command(call), .decide = decide, .arg = &context};
    furrow_written written;
    status = furrow_entity_write(bins(call), &write, furrow_call_arena(call), &written, err);
    if (status != FURROW_OK) return status;
    furrow_call_wrote(call, written.subject, written.state.version);
    return answer(call, &written.state, response, err);
}
