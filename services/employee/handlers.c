/* What is unsealed. The other methods are of the contract, and decided in domain.c. */
#include "employee/domain.h"
#include "employee/v1/employee.furrow.h"
#include "employee/v1/employee.server.h"

#include "runtime/service.h"
#include "wire/message.h"

static furrow_entity *employees(furrow_call *call)
{
    return furrow_service_entity(furrow_service_of(call), &employee_v1_employee_entity);
}

/* The state in Redis, or NOT_FOUND. */
static furrow_status load(furrow_call *call, const char *id, furrow_state *state, furrow_error *err)
{
    furrow_status status = furrow_subject_check_id(id, strlen(id), "id", err);
    if (status == FURROW_OK) status = furrow_entity_load(employees(call), id, furrow_call_arena(call), state, err);
    if (status == FURROW_OK && !state->message) status = furrow_fail(err, FURROW_NOT_FOUND, "no employee %s", id);
    return status;
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
