/* The location service: where work is done. */
#include "location/domain.h"
#include "location/v1/location.furrow.h"
#include "location/v1/location.server.h"
#include "runtime/service.h"

static const furrow_handlers *const handlers[] = {&location_v1_location_service_handlers, NULL};

static const furrow_service_entity_definition entities[] = {
    {.contract = &location_v1_location_entity, .rules = location_check_state},
    {.contract = &location_v1_tree_entity, .rules = location_check_tree},
    {0},
};

static const furrow_service_definition definition = {
    .name = "location",
    .version = "0.1.0",
    .description = "Ranches, blocks and rows",
    .handlers = handlers,
    .entities = entities,
};

int main(int argc, char **argv)
{
    return furrow_service_main(argc, argv, &definition);
}
