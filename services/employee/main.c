/* The employee service: who works on the farm. */
#include "employee/domain.h"
#include "employee/v1/employee.furrow.h"
#include "employee/v1/employee.server.h"
#include "runtime/service.h"

static const furrow_handlers *const handlers[] = {&employee_v1_employee_service_handlers, NULL};

static const furrow_service_entity_definition entities[] = {
    {.contract = &employee_v1_employee_entity, .rules = employee_check_state},
    {.contract = &employee_v1_badge_claim_entity, .rules = furrow_claim_check_state},
    {.contract = &employee_v1_employee_key_entity, .rules = employee_check_key},
    {0},
};

static const furrow_service_definition definition = {
    .name = "employee",
    .version = "0.1.0",
    .description = "People who work for the farm",
    .handlers = handlers,
    .entities = entities,
    .seal_keys = &employee_v1_employee_key_entity,
};

int main(int argc, char **argv)
{
    return furrow_service_main(argc, argv, &definition);
}
