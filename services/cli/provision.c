/* furrow provision: what every contract asks of JetStream. Streams first, so that replicas find them. */
#include "cli/cli.h"
#include "cli/contracts.h"

#include "base/clock.h"
#include "link/provision.h"

#define CONNECT_MS 5000
#define AGAIN_MS   500

static furrow_status provision_streams(furrow_provisioner *provisioner, uint32_t replicas, furrow_error *err)
{
    furrow_status status = furrow_provision_deadletter(provisioner, replicas, err);
    for (size_t f = 0; f < cli_contract_count; f++)
        for (size_t i = 0; status == FURROW_OK && i < cli_contracts[f]->entity_count; i++) {
            const furrow_entity_contract *entity = cli_contracts[f]->entities[i];
            status = furrow_provision_entity(provisioner, entity, replicas, err);
            if (status == FURROW_OK)
                printf("stream %-12s %s (owner %s)\n", entity->stream, entity->subjects, entity->owner);
        }
    return status;
}

static furrow_status provision_replicas(furrow_provisioner *provisioner, furrow_error *err)
{
    furrow_status status = FURROW_OK;
    for (size_t f = 0; f < cli_contract_count; f++)
        for (size_t i = 0; status == FURROW_OK && i < cli_contracts[f]->replica_count; i++) {
            const furrow_replica_contract *replica = cli_contracts[f]->replicas[i];
            status = furrow_provision_replica(provisioner, replica, err);
            if (status == FURROW_OK)
                printf("consumer %-10s %s keeps %s\n", replica->service, replica->entity, replica->keeps);
        }
    return status;
}

/* Again until @wait_s are over while there is no server. */
static furrow_provisioner *connect_within(cli *tool, int64_t wait_s, furrow_error *err)
{
    furrow_link_options options = furrow_config_link(&tool->config, "furrow provision", "_INBOX_furrow");
    uint64_t until = furrow_clock_now_ns() + (uint64_t)wait_s * FURROW_NS_PER_S;
    furrow_provisioner *provisioner;
    while (!(provisioner = furrow_provisioner_create(&options, CONNECT_MS, err)) && err->code == FURROW_UNAVAILABLE &&
           furrow_clock_now_ns() < until)
        furrow_task_sleep_ms(AGAIN_MS);
    return provisioner;
}

int cli_provision(cli *tool)
{
    furrow_error err;
    uint32_t replicas = (uint32_t)cli_option_number(tool, "--replicas", 1, 1, 5);
    int64_t wait_s = cli_option_number(tool, "--wait", 0, 0, 3600);
    if (tool->exit_code) return tool->exit_code;
    furrow_provisioner *provisioner = connect_within(tool, wait_s, &err);
    if (!provisioner) return cli_fail_error(tool, "connect", &err);
    if (provision_streams(provisioner, replicas, &err) != FURROW_OK ||
        provision_replicas(provisioner, &err) != FURROW_OK)
        cli_fail_error(tool, "provision", &err);
    furrow_provisioner_destroy(provisioner);
    return tool->exit_code;
}
