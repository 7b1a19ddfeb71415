/* The list of contracts, and look-ups over it. */
#include "cli/contracts.h"

#include "employee/v1/employee.furrow.h"
#include "job/v1/job.furrow.h"
#include "location/v1/location.furrow.h"
#include "timesheet/v1/timesheet.furrow.h"

#include <stdio.h>
#include <string.h>

const furrow_file_contract *const cli_contracts[] = {&employee_v1_employee_file, &location_v1_location_file,
                                                     &job_v1_job_file, &timesheet_v1_timesheet_file};
const size_t cli_contract_count = sizeof cli_contracts / sizeof *cli_contracts;

static const ProtobufCMessageDescriptor *find_in_service(const furrow_service_contract *service, const char *name)
{
    for (size_t i = 0; i < service->method_count; i++) {
        if (strcmp(service->methods[i].input->name, name) == 0) return service->methods[i].input;
        if (strcmp(service->methods[i].output->name, name) == 0) return service->methods[i].output;
    }
    return NULL;
}

static const ProtobufCMessageDescriptor *find_in_file(const furrow_file_contract *file, const char *name)
{
    const ProtobufCMessageDescriptor *found = NULL;
    for (size_t i = 0; i < file->entity_count; i++)
        if (strcmp(file->entities[i]->descriptor->name, name) == 0) return file->entities[i]->descriptor;
    for (size_t i = 0; i < file->replica_count; i++)
        if (strcmp(file->replicas[i]->descriptor->name, name) == 0) return file->replicas[i]->descriptor;
    for (size_t i = 0; !found && i < file->service_count; i++) found = find_in_service(file->services[i], name);
    return found;
}

const ProtobufCMessageDescriptor *cli_find_message(const char *name)
{
    const ProtobufCMessageDescriptor *found = NULL;
    for (size_t i = 0; !found && i < cli_contract_count; i++) found = find_in_file(cli_contracts[i], name);
    return found;
}

size_t cli_services(const char *names[CLI_SERVICES_MAX])
{
    size_t count = 0;
    for (size_t f = 0; f < cli_contract_count; f++)
        for (size_t s = 0; s < cli_contracts[f]->service_count && count < CLI_SERVICES_MAX; s++) {
            const char *name = cli_contracts[f]->services[s]->short_name;
            size_t known = 0;
            while (known < count && strcmp(names[known], name) != 0) known++;
            if (known == count) names[count++] = name;
        }
    return count;
}

bool cli_seals(const char *service)
{
    for (size_t f = 0; f < cli_contract_count; f++)
        for (size_t i = 0; i < cli_contracts[f]->entity_count; i++) {
            const furrow_entity_contract *entity = cli_contracts[f]->entities[i];
            if (entity->private_field && strcmp(entity->owner, service) == 0) return true;
        }
    return false;
}

void cli_key_path(char out[CLI_PATH_MAX], const char *folder, const char *user, const char *kind)
{
    snprintf(out, CLI_PATH_MAX, "%s/%s.%s", folder, user, kind);
}
