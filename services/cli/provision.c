/*
 * furrow provision: what every contract asks of JetStream, each service's in its own account, and the functions that
 * services call in Redis. Streams first, so that replicas find them. With --watch it then keeps looking and puts back
 * what is missing, quietly while nothing is. A stream that is gone it only names: what was in it somebody may have saved.
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

#define WATCH_MS 2000

typedef struct provisioning {
    furrow_provisioner *provisioner;
    uint32_t replicas;
    int64_t letter_bytes; /* room for dead letters, of each service */
    bool single;          /* one account for all */
    bool watching;        /* all has been made once: says only what it makes again */
} provisioning;

/* Said unless nothing was to be done for it, since @changes. */
static bool is_news(const provisioning *on, uint64_t changes)
{
    return !on->watching || furrow_provisioner_changes(on->provisioner) > changes;
}

/* What follows is made in the account of @service. */
static furrow_status turn_to(const provisioning *on, const char *service, furrow_error *err)
{
    return furrow_provisioner_use(on->provisioner, on->single ? NULL : service, err);
}

static furrow_status provision_dead_letters(const provisioning *on, furrow_error *err)
{
    const char *services[CLI_SERVICES_MAX];
    size_t count = cli_services(services);
    furrow_status status = FURROW_OK;
    for (size_t i = 0; status == FURROW_OK && i < count; i++) {
        status = turn_to(on, services[i], err);
        if (status == FURROW_OK)
            status = furrow_provision_deadletter(on->provisioner, on->replicas, on->letter_bytes, err);
        if (status != FURROW_OK) return furrow_wrap(err, "account of %s", services[i]);
    }
    return status;
}

static furrow_status provision_streams(const provisioning *on, furrow_error *err)
{
    furrow_status status = FURROW_OK;
    for (size_t f = 0; f < cli_contract_count; f++)
        for (size_t i = 0; status == FURROW_OK && i < cli_contracts[f]->entity_count; i++) {
            const furrow_entity_contract *entity = cli_contracts[f]->entities[i];
            uint64_t changes = furrow_provisioner_changes(on->provisioner);
            status = turn_to(on, entity->owner, err);
            if (status == FURROW_OK)
                status = on->watching ? furrow_provision_owner(on->provisioner, entity, err)
                                      : furrow_provision_entity(on->provisioner, entity, on->replicas, err);
            if (status == FURROW_OK && is_news(on, changes))
                printf("stream %-12s %s (owner %s)\n", entity->stream, entity->subjects, entity->owner);
        }
    return status;
}

static furrow_status provision_replicas(const provisioning *on, furrow_error *err)
{
    furrow_status status = FURROW_OK;
    for (size_t f = 0; f < cli_contract_count; f++)
        for (size_t i = 0; status == FURROW_OK && i < cli_contracts[f]->replica_count; i++) {
            const furrow_replica_contract *replica = cli_contracts[f]->replicas[i];
            uint64_t changes = furrow_provisioner_changes(on->provisioner);
            status = turn_to(on, replica->owner, err);
            if (status == FURROW_OK) status = furrow_provision_replica(on->provisioner, replica, err);
            if (status == FURROW_OK && is_news(on, changes))
                printf("consumer %-10s %s keeps %s\n", replica->service, replica->entity, replica->keeps);
        }
    return status;
}

/* What is there already is left alone, so it may be done again. */
static furrow_status provision_all(const provisioning *on, furrow_error *err)
{
    furrow_status status = provision_dead_letters(on, err);
    if (status == FURROW_OK) status = provision_streams(on, err);
    return status == FURROW_OK ? provision_replicas(on, err) : status;
}

/* Again until @wait_s are over while there is no server. */
static furrow_provisioner *connect_within(cli *tool, int64_t wait_s, furrow_error *err)
{
    char inbox[CLI_INBOX_MAX];
    furrow_link_options options = cli_link_options(tool, inbox);
    uint64_t until = furrow_clock_now_ns() + (uint64_t)wait_s * FURROW_NS_PER_S;
    furrow_provisioner *provisioner;
    while (!(provisioner = furrow_provisioner_create(&options, CONNECT_MS, err)) && err->code == FURROW_UNAVAILABLE &&
           furrow_clock_now_ns() < until)
        furrow_task_sleep_ms(AGAIN_MS);
    return provisioner;
}

static int provision_nats(cli *tool, provisioning *on, int64_t wait_s)
{
    furrow_error err;
    uint64_t until = furrow_clock_now_ns() + (uint64_t)wait_s * FURROW_NS_PER_S;
    furrow_status status;
    on->provisioner = connect_within(tool, wait_s, &err);
    if (!on->provisioner) return cli_fail_error(tool, "connect", &err);
    while ((status = provision_all(on, &err)) == FURROW_UNAVAILABLE && furrow_clock_now_ns() < until)
        furrow_task_sleep_ms(AGAIN_MS);
    if (status != FURROW_OK) cli_fail_error(tool, "provision", &err);
    furrow_provisioner_destroy(on->provisioner);
    on->provisioner = NULL;
    return tool->exit_code;
}

static furrow_status load_functions(cli *tool, const char *url, uint64_t wait_ms, bool quiet, furrow_error *err)
{
    bool loaded = false;
    furrow_store *store = furrow_store_create(
        tool->loop,
        &(furrow_store_options){
            .url = url, .user = tool->config.redis_user, .password = tool->config.redis_password, .provisioning = true},
        err);
    if (!store) return furrow_wrap(err, "FURROW_REDIS_URL");
    furrow_status status;
    if (!furrow_store_wait_connected(store, furrow_clock_in_ms(wait_ms)))
        status = furrow_fail(err, FURROW_UNAVAILABLE, "no Redis at %s: %s (FURROW_REDIS_URL says where it is)", url,
                             furrow_store_last_error(store));
    else if ((status = furrow_functions_load(store, &loaded, err)) != FURROW_OK)
        furrow_wrap(err, "%s", url);
    else if (loaded || !quiet)
        printf("functions %s in %s%s\n", furrow_functions_library(), url, loaded ? "" : " already");
    furrow_store_destroy(store);
    return status;
}

/* Services may have a Redis each: the URLs are separated by commas. */
static furrow_status provision_redis(cli *tool, uint64_t wait_ms, bool quiet, furrow_error *err)
{
    char *urls = strdup(tool->config.redis_url), *rest = NULL;
    furrow_status status = FURROW_OK;
    FURROW_REQUIRE(urls);
    for (char *url = strtok_r(urls, ", ", &rest); url && status == FURROW_OK; url = strtok_r(NULL, ", ", &rest))
        status = load_functions(tool, url, wait_ms, quiet, err);
    free(urls);
    return status;
}

/* ---- watching ---- */

static furrow_status watch_nats(cli *tool, provisioning *on, furrow_error *err)
{
    if (!on->provisioner) on->provisioner = connect_within(tool, 0, err);
    if (!on->provisioner) return err->code;
    furrow_status status = provision_streams(on, err);
    if (status == FURROW_OK) status = provision_replicas(on, err);
    if (status == FURROW_OK) return FURROW_OK;
    furrow_provisioner_destroy(on->provisioner); /* it may be the connection */
    on->provisioner = NULL;
    return status;
}

/* Until it is ended. The same trouble is told once. */
static void watch(cli *tool, provisioning *on, bool nats, bool redis)
{
    char told[sizeof((furrow_error *)0)->text] = "";
    on->watching = true;
    for (;; furrow_task_sleep_ms(WATCH_MS)) {
        furrow_error err = {0};
        furrow_status status = nats ? watch_nats(tool, on, &err) : FURROW_OK;
        if (redis && status == FURROW_OK) status = provision_redis(tool, CONNECT_MS, true, &err);
        const char *text = status == FURROW_OK ? "" : err.text;
        if (strcmp(text, told) != 0) fprintf(stderr, "furrow: %s\n", text[0] ? text : "all is well again");
        snprintf(told, sizeof told, "%s", text);
        fflush(stdout);
    }
}

int cli_provision(cli *tool)
{
    provisioning on = {.replicas = (uint32_t)cli_option_number(tool, "--replicas", 1, 1, 5),
                       .letter_bytes = tool->config.deadletter_mb << 20,
                       .single = cli_flag(tool, "--single-account")};
    int64_t wait_s = cli_option_number(tool, "--wait", 0, 0, 3600);
    bool watches = cli_flag(tool, "--watch");
    const char *only = cli_option(tool, "--only", "");
    furrow_error err;
    if (!cli_arguments(tool, 0, 0)) return tool->exit_code;
    if (only[0] && strcmp(only, "nats") != 0 && strcmp(only, "redis") != 0)
        return cli_fail(tool, 2, "--only is \"%s\": use nats or redis", only);
    bool nats = strcmp(only, "redis") != 0, redis = strcmp(only, "nats") != 0;
    if (nats) provision_nats(tool, &on, wait_s);
    if (redis && !tool->exit_code &&
        provision_redis(tool, wait_s > 0 ? (uint64_t)wait_s * 1000 : CONNECT_MS, false, &err) != FURROW_OK)
        cli_fail(tool, 1, "%s", err.text);
    fflush(stdout);
    if (watches && !tool->exit_code) watch(tool, &on, nats, redis);
    return tool->exit_code;
}
