/* What is read: one function per method. Commands are decided in domain.c. */
#include "employee/domain.h"
#include "employee/v1/employee.furrow.h"
#include "employee/v1/employee.server.h"

#include "runtime/listing.h"
#include "runtime/lookup.h"
#include "runtime/service.h"
#include "wire/message.h"
#include "wire/unicode.h"

static furrow_entity *employees(furrow_call *call)
{
    return furrow_service_entity(furrow_service_of(call), &employee_v1_employee_entity);
}

/* The state as callers see it: neither sealed fields nor the log's own bookkeeping. */
static furrow_status answer(const furrow_state *state, furrow_arena *arena, Employee__V1__EmployeeState *response,
                            furrow_error *err)
{
    Employee__V1__Employee *shown = furrow_arena_memdup(arena, state->message, sizeof *shown);
    if (!shown) return furrow_fail(err, FURROW_RESOURCE_EXHAUSTED, "the answer needs more memory than it may use");
    shown->private_ = (ProtobufCBinaryData){0};
    shown->base.n_unknown_fields = 0;
    response->employee = shown;
    response->version = (int64_t)state->version;
    return FURROW_OK;
}

/* The state in Redis, or NOT_FOUND. */
static furrow_status load(furrow_call *call, const char *id, furrow_state *state, furrow_error *err)
{
    furrow_status status = furrow_subject_check_id(id, strlen(id), "id", err);
    if (status == FURROW_OK) status = furrow_entity_load(employees(call), id, furrow_call_arena(call), state, err);
    if (status == FURROW_OK && !state->message) status = furrow_fail(err, FURROW_NOT_FOUND, "no employee %s", id);
    return status;
}

furrow_status employee_get_employee(furrow_call *call, const Employee__V1__GetEmployeeRequest *request,
                                    Employee__V1__EmployeeState *response, furrow_error *err)
{
    furrow_state state;
    furrow_status status = load(call, request->id, &state, err);
    return status == FURROW_OK ? answer(&state, furrow_call_arena(call), response, err) : status;
}

furrow_status employee_batch_get_employees(furrow_call *call, const Employee__V1__BatchGetEmployeesRequest *request,
                                           Employee__V1__BatchGetEmployeesResponse *response, furrow_error *err)
{
    furrow_arena *arena = furrow_call_arena(call);
    furrow_lookup found;
    furrow_status status = furrow_lookup_read(employees(call), request->ids, request->n_ids, arena, &found, err);
    if (status != FURROW_OK) return status;
    Employee__V1__EmployeeState *all = furrow_arena_alloc(arena, (found.count + 1) * sizeof *all);
    response->employees = furrow_arena_alloc(arena, (found.count + 1) * sizeof(*response->employees));
    if (!all || !response->employees)
        return furrow_fail(err, FURROW_RESOURCE_EXHAUSTED, "the answer is too large; ask for fewer at once");
    for (size_t i = 0; status == FURROW_OK && i < found.count; i++) {
        employee__v1__employee_state__init(&all[i]);
        status = answer(&found.states[i], furrow_call_arena(call), &all[i], err);
        response->employees[response->n_employees++] = &all[i];
    }
    response->missing_ids = found.missing_ids;
    response->n_missing_ids = found.missing_count;
    response->damaged_ids = found.damaged_ids;
    response->n_damaged_ids = found.damaged_count;
    return status;
}

static bool matches(const ProtobufCMessage *employee, const void *request)
{
    return employee_matches((const Employee__V1__Employee *)employee, request);
}

/* The narrowest index there is for the request; what it does not cover is filtered. */
static furrow_record_query query_of(const Employee__V1__ListEmployeesRequest *request, furrow_arena *arena)
{
    bool any_status = request->status == EMPLOYEE__V1__EMPLOYMENT_STATUS__EMPLOYMENT_STATUS_UNSPECIFIED;
    if (request->crew[0]) return (furrow_record_query){.index = "crew", .value = furrow_bytes_of(request->crew)};
    if (request->name_prefix[0] || any_status)
        return (furrow_record_query){
            .index = "display_name", .value = furrow_bytes_of(request->name_prefix), .prefix = true};
    return (furrow_record_query){.index = "status", .value = furrow_record_index_integer(request->status, arena)};
}

furrow_status employee_list_employees(furrow_call *call, const Employee__V1__ListEmployeesRequest *request,
                                      Employee__V1__ListEmployeesResponse *response, furrow_error *err)
{
    Employee__V1__ListEmployeesRequest normal = *request;
    normal.crew = furrow_unicode_nfc(request->crew, furrow_call_arena(call)); /* as crews are stored */
    if (!normal.crew)
        return furrow_fail(err, FURROW_RESOURCE_EXHAUSTED, "the request needs more memory than it may use");
    request = &normal;
    furrow_listing listing = {.entity = employees(call),
                              .query = query_of(request, furrow_call_arena(call)),
                              .page_size = request->page_size,
                              .page_token = request->page_token,
                              .matches = matches,
                              .request = request};
    furrow_page page;
    furrow_status status = furrow_listing_read(&listing, furrow_call_arena(call), &page, err);
    if (status != FURROW_OK) return status;
    response->employees = (Employee__V1__Employee **)page.messages;
    response->n_employees = page.count;
    response->damaged_ids = page.damaged_ids;
    response->n_damaged_ids = page.damaged_count;
    response->next_page_token = page.next;
    for (size_t i = 0; i < response->n_employees; i++) response->employees[i]->private_ = (ProtobufCBinaryData){0};
    return FURROW_OK;
}

furrow_status employee_get_employee_private(furrow_call *call, const Employee__V1__GetEmployeePrivateRequest *request,
                                            Employee__V1__EmployeePrivate *response, furrow_error *err)
{
    furrow_state state;
    furrow_arena *arena = furrow_call_arena(call);
    furrow_status status = load(call, request->id, &state, err);
    if (status != FURROW_OK) return status;
    furrow_bytes plain;
    ProtobufCMessage *message;
    furrow_seal_target target = {.entity = employees(call), .id = request->id, .command = furrow_call_command(call)};
    status = furrow_unseal(furrow_service_sealer(furrow_service_of(call)), &target, &state, arena, &plain, err);
    if (status == FURROW_OK) status = furrow_message_unpack(response->base.descriptor, plain, arena, &message, err);
    if (status == FURROW_OK) *response = *(const Employee__V1__EmployeePrivate *)message;
    return status;
}
