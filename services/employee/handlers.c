/*
 * One function per method: reads what the rule needs, lets the domain decide, writes through the entity log. A badge is
 * claimed inside of the decision, so whenever the decision is made again (somebody wrote in between) the claim is
 * proven again too.
 */
#include "employee/domain.h"
#include "employee/v1/employee.furrow.h"
#include "employee/v1/employee.server.h"

#include "base/clock.h"
#include "runtime/input.h"
#include "runtime/listing.h"
#include "runtime/lookup.h"
#include "runtime/service.h"
#include "runtime/timestamp.h"
#include "wire/message.h"
#include "wire/unicode.h"

typedef struct command_context {
    furrow_call *call;
    const void *request;
    const char *id;
    furrow_bytes private_fields; /* packed; to be sealed by the decision */
    bool replaces_private;       /* what was sealed before is not to be accepted any more */
    char today[FURROW_DATE_SIZE];
    char released[64]; /* badge to give back once the state is written */
} command_context;

static furrow_entity *employees(furrow_call *call)
{
    return furrow_service_entity(furrow_service_of(call), &employee_v1_employee_entity);
}

static command_context begin(furrow_call *call, const void *request, const char *id)
{
    command_context context = {.call = call, .request = request, .id = id};
    furrow_today(context.today);
    return context;
}

static employee_moment moment_of(const command_context *context)
{
    return (employee_moment){.today = context->today, .now_ns = furrow_clock_wall_ns()};
}

static const Employee__V1__Employee *employee_of(const furrow_state *state)
{
    return (const Employee__V1__Employee *)state->message;
}

static bool holds(const furrow_state *state, const char *badge)
{
    return employee_holds_badge(employee_of(state), badge);
}

static furrow_claim_request claim_of(furrow_call *call, const char *badge, const char *holder)
{
    return (furrow_claim_request){.claims =
                                      furrow_service_entity(furrow_service_of(call), &employee_v1_badge_claim_entity),
                                  .holders = employees(call),
                                  .value = badge,
                                  .holder = holder,
                                  .command = furrow_call_command(call),
                                  .holds = holds};
}

static furrow_status take_badge(command_context *context, const char *badge, furrow_arena *arena, furrow_error *err)
{
    furrow_claim_request claim = claim_of(context->call, badge, context->id);
    furrow_status status = furrow_claim_take(&claim, arena, err);
    return status == FURROW_OK ? status : furrow_wrap(err, "badge %s", badge);
}

/* Best effort: a claim whose holder no longer holds the badge is taken over by whoever wants it next. */
static void release_badge(command_context *context)
{
    if (context->released[0] == '\0') return;
    furrow_error ignored;
    furrow_claim_request claim = claim_of(context->call, context->released, context->id);
    (void)!furrow_claim_release(&claim, furrow_call_arena(context->call), &ignored);
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

static furrow_seal_target seal_target_of(furrow_call *call, const char *id)
{
    return (furrow_seal_target){.entity = employees(call), .id = id, .command = furrow_call_command(call)};
}

static furrow_status pack_private(command_context *context, const Employee__V1__EmployeePrivate *private_fields,
                                  furrow_error *err)
{
    return furrow_message_pack(&private_fields->base, furrow_call_arena(context->call), &context->private_fields, err);
}

static furrow_status seal_private(const command_context *context, const furrow_state *current, furrow_arena *arena,
                                  ProtobufCBinaryData *out, furrow_error *err)
{
    furrow_bytes sealed;
    furrow_seal_target target = seal_target_of(context->call, context->id);
    furrow_status status = furrow_seal(furrow_service_sealer(furrow_service_of(context->call)), &target, current,
                                       context->private_fields, arena, &sealed, err);
    if (status != FURROW_OK) return furrow_wrap(err, "seal private fields");
    *out = (ProtobufCBinaryData){.data = (uint8_t *)(uintptr_t)sealed.data, .len = sealed.len};
    return FURROW_OK;
}

/* A repeated command too: the first may have ended between the two writes. */
static furrow_status confirm_private(const command_context *context, const furrow_state *written, furrow_error *err)
{
    furrow_seal_target target = seal_target_of(context->call, context->id);
    furrow_status status = furrow_seal_confirm(furrow_service_sealer(furrow_service_of(context->call)), &target,
                                               written, furrow_call_arena(context->call), err);
    return status == FURROW_OK
               ? status
               : furrow_wrap(err, "the private fields are changed, but those before still count too: ask again");
}

static furrow_status write_state(command_context *context, furrow_decide_fn *decide,
                                 Employee__V1__EmployeeState *response, furrow_error *err)
{
    furrow_call *call = context->call;
    furrow_arena *arena = furrow_call_arena(call);
    furrow_write write = {.id = context->id, .command = furrow_call_command(call), .decide = decide, .arg = context};
    furrow_written written;
    furrow_status status = furrow_entity_write(employees(call), &write, arena, &written, err);
    if (status != FURROW_OK) return status;
    furrow_call_wrote(call, written.subject, written.state.version);
    if (written.wrote) release_badge(context);
    if (context->replaces_private) status = confirm_private(context, &written.state, err);
    if (status != FURROW_OK) return status;
    return answer(&written.state, arena, response, err);
}

static furrow_status decide_hire(void *arg, const furrow_state *current, furrow_arena *arena, furrow_decision *out,
                                 furrow_error *err)
{
    command_context *context = arg;
    if (current->deleted)
        return furrow_fail(err, FURROW_FAILED_PRECONDITION,
                           "the id %s belonged to an employee who was erased; hire under another", context->id);
    Employee__V1__Employee *next;
    furrow_status status =
        employee_hire(employee_of(current), context->request, context->id, moment_of(context), arena, &next, err);
    if (status == FURROW_OK && context->private_fields.data)
        status = seal_private(context, current, arena, &next->private_, err);
    if (status == FURROW_OK) status = take_badge(context, next->badge, arena, err);
    if (status == FURROW_OK) *out = (furrow_decision){.next = &next->base, .event = "hired"};
    return status;
}

furrow_status employee_hire_employee(furrow_call *call, const Employee__V1__HireEmployeeRequest *request,
                                     Employee__V1__EmployeeState *response, furrow_error *err)
{
    char made[FURROW_ID_SIZE];
    furrow_status status = employee_check_hire(request, err);
    if (status != FURROW_OK) return status;
    if (request->id[0] == '\0') furrow_entity_new_id(furrow_call_command(call), made);
    command_context context = begin(call, request, request->id[0] ? request->id : made);
    if (request->private_) status = pack_private(&context, request->private_, err);
    return status == FURROW_OK ? write_state(&context, decide_hire, response, err) : status;
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

static furrow_status decide_update(void *arg, const furrow_state *current, furrow_arena *arena, furrow_decision *out,
                                   furrow_error *err)
{
    command_context *context = arg;
    const Employee__V1__UpdateEmployeeRequest *request = context->request;
    Employee__V1__Employee *next;
    if (current->message && request->version > 0 && (uint64_t)request->version != current->version)
        return furrow_fail(err, FURROW_ABORTED,
                           "employee %s is at version %llu, the change was made for %lld: read it again", context->id,
                           (unsigned long long)current->version, (long long)request->version);
    furrow_status status = employee_update(employee_of(current), request, moment_of(context), arena, &next, err);
    if (status != FURROW_OK) return status;
    context->released[0] = '\0';
    const char *before = employee_of(current)->badge;
    if (employee_holds_badge(next, next->badge) && strcmp(next->badge, before) != 0) {
        status = take_badge(context, next->badge, arena, err);
        snprintf(context->released, sizeof context->released, "%s", before);
    }
    if (status == FURROW_OK) *out = (furrow_decision){.next = &next->base, .event = "updated"};
    return status;
}

furrow_status employee_update_employee(furrow_call *call, const Employee__V1__UpdateEmployeeRequest *request,
                                       Employee__V1__EmployeeState *response, furrow_error *err)
{
    if (!request->employee) return furrow_fail_field(err, "employee", "is required");
    const char *id = request->employee->id;
    furrow_status status = furrow_subject_check_id(id, strlen(id), "employee.id", err);
    if (status == FURROW_OK) status = furrow_input_range("version", request->version, 0, INT64_MAX, err);
    if (status != FURROW_OK) return status;
    command_context context = begin(call, request, id);
    return write_state(&context, decide_update, response, err);
}

static furrow_status decide_terminate(void *arg, const furrow_state *current, furrow_arena *arena, furrow_decision *out,
                                      furrow_error *err)
{
    command_context *context = arg;
    const Employee__V1__TerminateEmployeeRequest *request = context->request;
    Employee__V1__Employee *next;
    furrow_status status =
        employee_terminate(employee_of(current), context->id, request->date, moment_of(context), arena, &next, err);
    if (status != FURROW_OK) return status;
    if (next) {
        *out = (furrow_decision){.next = &next->base, .event = "terminated"};
        snprintf(context->released, sizeof context->released, "%s", next->badge);
    }
    return FURROW_OK;
}

furrow_status employee_terminate_employee(furrow_call *call, const Employee__V1__TerminateEmployeeRequest *request,
                                          Employee__V1__EmployeeState *response, furrow_error *err)
{
    furrow_status status = furrow_subject_check_id(request->id, strlen(request->id), "id", err);
    if (status != FURROW_OK) return status;
    command_context context = begin(call, request, request->id);
    return write_state(&context, decide_terminate, response, err);
}

static furrow_status decide_rehire(void *arg, const furrow_state *current, furrow_arena *arena, furrow_decision *out,
                                   furrow_error *err)
{
    command_context *context = arg;
    Employee__V1__Employee *next;
    furrow_status status =
        employee_rehire(employee_of(current), context->request, moment_of(context), arena, &next, err);
    if (status == FURROW_OK) status = take_badge(context, next->badge, arena, err);
    if (status == FURROW_OK) *out = (furrow_decision){.next = &next->base, .event = "rehired"};
    return status;
}

furrow_status employee_rehire_employee(furrow_call *call, const Employee__V1__RehireEmployeeRequest *request,
                                       Employee__V1__EmployeeState *response, furrow_error *err)
{
    furrow_status status = furrow_subject_check_id(request->id, strlen(request->id), "id", err);
    if (status != FURROW_OK) return status;
    command_context context = begin(call, request, request->id);
    return write_state(&context, decide_rehire, response, err);
}

static furrow_status decide_erase(void *arg, const furrow_state *current, furrow_arena *arena, furrow_decision *out,
                                  furrow_error *err)
{
    command_context *context = arg;
    if (current->version == 0) return furrow_fail(err, FURROW_NOT_FOUND, "no employee %s", context->id);
    furrow_status status = employee_check_erase(employee_of(current), context->id, err);
    if (status != FURROW_OK || current->deleted) return status;
    status = furrow_seal_erase(furrow_service_sealer(furrow_service_of(context->call)), context->id,
                               furrow_call_command(context->call), arena, err);
    if (status == FURROW_OK) *out = (furrow_decision){.remove = true, .event = "deleted"};
    return status;
}

/* Claims are given back when a badge is given up; what was left over then is found by its holder. */
static furrow_status erase_badges(command_context *context, furrow_error *err)
{
    furrow_arena *arena = furrow_call_arena(context->call);
    furrow_listing listing = {
        .entity = furrow_service_entity(furrow_service_of(context->call), &employee_v1_badge_claim_entity),
        .query = {.index = "holder", .value = furrow_bytes_of(context->id)},
        .page_token = ""};
    furrow_status status = FURROW_OK;
    do {
        furrow_page page;
        status = furrow_listing_read(&listing, arena, &page, err);
        for (size_t i = 0; status == FURROW_OK && i < page.count; i++) {
            const char *badge = ((const Employee__V1__BadgeClaim *)page.messages[i])->value;
            furrow_claim_request claim = claim_of(context->call, badge, context->id);
            status = furrow_claim_release(&claim, arena, err);
        }
        if (status == FURROW_OK) listing.page_token = page.next;
    } while (status == FURROW_OK && listing.page_token[0]);
    return status == FURROW_OK
               ? status
               : furrow_wrap(err, "employee %s is erased, but for a badge's claim: ask again", context->id);
}

furrow_status employee_erase_employee(furrow_call *call, const Employee__V1__EraseEmployeeRequest *request,
                                      Employee__V1__EraseEmployeeResponse *response, furrow_error *err)
{
    furrow_status status = furrow_subject_check_id(request->id, strlen(request->id), "id", err);
    if (status != FURROW_OK) return status;
    command_context context = begin(call, request, request->id);
    furrow_write write = {.id = request->id,
                          .command = furrow_call_command(call),
                          .from_log = true,
                          .decide = decide_erase,
                          .arg = &context};
    furrow_erased erased;
    status = furrow_entity_erase(employees(call), &write, furrow_call_arena(call), &erased, err);
    if (status == FURROW_OK && erased.written.state.deleted) status = erase_badges(&context, err);
    if (status != FURROW_OK) return status;
    furrow_call_wrote(call, erased.written.subject, erased.written.state.version);
    response->states = (int32_t)erased.states;
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
    furrow_seal_target target = seal_target_of(call, request->id);
    status = furrow_unseal(furrow_service_sealer(furrow_service_of(call)), &target, &state, arena, &plain, err);
    if (status == FURROW_OK) status = furrow_message_unpack(response->base.descriptor, plain, arena, &message, err);
    if (status == FURROW_OK) *response = *(const Employee__V1__EmployeePrivate *)message;
    return status;
}

static furrow_status decide_private(void *arg, const furrow_state *current, furrow_arena *arena, furrow_decision *out,
                                    furrow_error *err)
{
    command_context *context = arg;
    if (!current->message) return furrow_fail(err, FURROW_NOT_FOUND, "no employee %s", context->id);
    Employee__V1__Employee *next = furrow_arena_memdup(arena, current->message, sizeof *next);
    if (next) next->updated_at = furrow_timestamp_after(next->updated_at, furrow_clock_wall_ns(), arena);
    if (!next || !next->updated_at)
        return furrow_fail(err, FURROW_RESOURCE_EXHAUSTED, "the request needs more memory than it may use");
    furrow_status status = seal_private(context, current, arena, &next->private_, err);
    if (status == FURROW_OK) *out = (furrow_decision){.next = &next->base, .event = "private_updated"};
    return status;
}

furrow_status employee_update_employee_private(furrow_call *call,
                                               const Employee__V1__UpdateEmployeePrivateRequest *request,
                                               Employee__V1__EmployeePrivate *response, furrow_error *err)
{
    furrow_state state;
    furrow_status status = request->private_ ? employee_check_private(request->private_, err)
                                             : furrow_fail_field(err, "private", "is required");
    if (status == FURROW_OK) status = load(call, request->id, &state, err);
    if (status != FURROW_OK) return status;
    command_context context = begin(call, request, request->id);
    context.replaces_private = true;
    status = pack_private(&context, request->private_, err);
    Employee__V1__EmployeeState written = EMPLOYEE__V1__EMPLOYEE_STATE__INIT;
    if (status == FURROW_OK) status = write_state(&context, decide_private, &written, err);
    if (status == FURROW_OK) *response = *request->private_;
    return status;
}
