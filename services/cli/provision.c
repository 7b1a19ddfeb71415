/*
 * furrow provision: what every contract asks of JetStream, and the functions that services call in Redis. Streams
 * first, so that replicas find them.
 */
#include "cli/cli.h"
#include "cli/contracts.h"

#include "base/clock.h"
#include "link/provision.h"
#include "store/functions.h"

#include <stdlib.h>
#include <string.h>

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

static int provision_nats(cli *tool, uint32_t replicas, int64_t wait_s)
{
    furrow_error err;
    furrow_provisioner *provisioner = connect_within(tool, wait_s, &err);
    if (!provisioner) return cli_fail_error(tool, "connect", &err);
    if (provision_streams(provisioner, replicas, &err) != FURROW_OK ||
        provision_replicas(provisioner, &err) != FURROW_OK)
        cli_fail_error(tool, "provision", &err);
    furrow_provisioner_destroy(provisioner);
    return tool->exit_code;
}

static int load_functions(cli *tool, const char *url, int64_t wait_s)
{
    furrow_error err;
    bool loaded = false;
    uint64_t wait_ms = wait_s > 0 ? (uint64_t)wait_s * 1000 : CONNECT_MS;
    furrow_store *store = furrow_store_create(
        tool->loop,
        &(furrow_store_options){
            .url = url, .user = tool->config.redis_user, .password = tool->config.redis_password, .provisioning = true},
        &err);
    if (!store) return cli_fail_error(tool, "FURROW_REDIS_URL", &err);
    if (!furrow_store_wait_connected(store, furrow_clock_now_ns() + wait_ms * FURROW_NS_PER_MS))
        cli_fail(tool, 1, "no Redis at %s: %s (FURROW_REDIS_URL says where it is)", url,
                 furrow_store_last_error(store));
    else if (furrow_functions_load(store, &loaded, &err) != FURROW_OK)
        cli_fail_error(tool, url, &err);
    else
        printf("functions %s in %s%s\n", furrow_functions_library(), url, loaded ? "" : " already");
    furrow_store_destroy(store);
    return tool->exit_code;
}

/* Services may have a Redis each: the URLs are separated by commas. */
static int provision_redis(cli *tool, int64_t wait_s)
{
    char *urls = strdup(tool->config.redis_url), *rest = NULL;
    FURROW_REQUIRE(urls);
    for (char *url = strtok_r(urls, ", ", &rest); url && !tool->exit_code; url = strtok_r(NULL, ", ", &rest))
        load_functions(tool, url, wait_s);
    free(urls);
    return tool->exit_code;
}

int cli_provision(cli *tool)
{
    uint32_t replicas = (uint32_t)cli_option_number(tool, "--replicas", 1, 1, 5);
    int64_t wait_s = cli_option_number(tool, "--wait", 0, 0, 3600);
    const char *only = cli_option(tool, "--only", "");
    if (tool->exit_code) return tool->exit_code;
    if (only[0] && strcmp(only, "nats") != 0 && strcmp(only, "redis") != 0)
        return cli_fail(tool, 2, "--only is \"%s\": use nats or redis", only);
    if (strcmp(only, "redis") != 0) provision_nats(tool, replicas, wait_s);
    if (strcmp(only, "nats") != 0 && !tool->exit_code) provision_redis(tool, wait_s);
    return tool->exit_code;
}
