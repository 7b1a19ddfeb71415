/* The job service: what is done. */
#include "job/domain.h"
#include "job/v1/job.furrow.h"
#include "job/v1/job.server.h"
#include "runtime/service.h"

static const furrow_handlers *const handlers[] = {&job_v1_job_service_handlers, NULL};

static const furrow_service_entity_definition entities[] = {{.contract = &job_v1_job_entity, .rules = job_check_state},
                                                            {0}};

static const furrow_service_replica_definition replicas[] = {
    {.contract = &job_v1_location_replica, .rules = job_check_location}, {0}};

static const furrow_service_definition definition = {
    .name = "job",
    .version = "0.1.0",
    .description = "Jobs that people clock in on",
    .handlers = handlers,
    .entities = entities,
    .replicas = replicas,
};

int main(int argc, char **argv)
{
    return furrow_service_main(argc, argv, &definition);
}
