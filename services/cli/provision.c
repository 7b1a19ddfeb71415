/*
 * furrow provision: what every contract asks of JetStream, each service's in its own account, and the functions that
 * services call in Redis. Streams first, so that replicas find them. With --watch it then keeps looking and puts back
 * what is missing, quietly while nothing is. A stream that is gone it only names: what was in it somebody may have saved.
 *
 * Before anything is touched each contract is held against what it was when it was provisioned last, and refused where
 * it breaks something; once all is made, the mesh remembers it.
 */
#include "cli/cli.h"
#include "cli/contract_memory.h"
#include "cli/contracts.h"
#include "cli/server.h"

#include "base/clock.h"
#include "link/provision.h"
#include "store/functions.h"

#include <stdlib.h>
#include <string.h>

#define CONNECT_MS 5000
#define AGAIN_MS   500

#define WATCH_MS 2000
#define COLUMN   18 /* where what is said of a stream or a consumer begins */

typedef struct provisioning {
    furrow_provisioner *provisioner;
    uint32_t replicas;
    int64_t letter_bytes; /* room for dead letters, of each service */
    bool single;          /* one account for all */
    const char *leaver;   /* the service that is to leave; NULL: all are made */
    bool json, dry_run;
    bool watching; /* all has been made once: says only what it makes again */
    const cli *tool;
    size_t refused; /* changes that break something, of services that are not to be accepted */
} provisioning;

/* Said unless nothing was to be done for it, since @changes, while we watch or try. */
static void tell_provisioned(const provisioning *on, uint64_t changes, const char *kind, const char *name,
                             const char *text)
{
    bool changed = furrow_provisioner_changes(on->provisioner) > changes;
    if (on->json && (changed || !on->watching))
        printf("{\"kind\":\"%s\",\"name\":\"%s\",\"changed\":%s,\"dry_run\":%s,\"what\":\"%s\"}\n", kind, name,
               changed ? "true" : "false", on->dry_run ? "true" : "false", text);
    else if (on->dry_run || changed || !on->watching)
        printf("%s %-*s %s%s\n", kind, COLUMN - (int)strlen(kind), name, text,
               !on->dry_run ? ""
               : !changed   ? ": is as it should be"
               : on->leaver ? ": would be taken away"
                            : ": would be made or changed");
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
            char text[2 * FURROW_SUBJECT_MAX];
            snprintf(text, sizeof text, "%s (owner %s)", entity->subjects, entity->owner);
            if (status == FURROW_OK) tell_provisioned(on, changes, "stream", entity->stream, text);
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
            char text[1024];
            snprintf(text, sizeof text, "%s keeps %s", replica->entity, replica->keeps);
            if (status == FURROW_OK) tell_provisioned(on, changes, "consumer", replica->service, text);
        }
    return status;
}

/* ---- contracts ---- */

static bool is_accepted(const cli *tool, const char *service)
{
    const char *name;
    for (size_t i = 0; (name = cli_option_nth(tool, "--accept", i)) != NULL; i++)
        if (strcmp(name, service) == 0) return true;
    return false;
}

static void on_breaking(void *arg, const breaking_finding *finding)
{
    provisioning *on = arg;
    bool accepted = is_accepted(on->tool, finding->owner);
    if (!accepted) on->refused++;
    fprintf(stderr, "furrow: %s: ", accepted ? "accepted" : "refused");
    breaking_print(finding, false, stderr);
}

/* FAILED_PRECONDITION: a change breaks something. All of them were printed. */
static furrow_status check_contracts(provisioning *on, const contract_memory *memory, furrow_error *err)
{
    size_t count;
    on->refused = 0;
    furrow_status status = contract_memory_judge(memory, on_breaking, on, &count, err);
    if (status != FURROW_OK || on->refused == 0) return status;
    return furrow_fail(err, FURROW_FAILED_PRECONDITION,
                       "%zu change%s of contracts would break what is stored, or who listens or calls; nothing was "
                       "done. Mend it, or, once nothing of before is needed any more: --accept SERVICE",
                       on->refused, on->refused == 1 ? "" : "s");
}

static furrow_status remember_contracts(const provisioning *on, const contract_memory *memory, furrow_error *err)
{
    furrow_status status = FURROW_OK;
    for (size_t i = 0; status == FURROW_OK && i < memory->count; i++) {
        const contract_memory_entry *entry = &memory->entries[i];
        furrow_bytes after = {entry->after.data, entry->after.len};
        uint64_t changes = furrow_provisioner_changes(on->provisioner);
        status = turn_to(on, entry->service, err);
        if (status == FURROW_OK) status = furrow_provision_descriptors(on->provisioner, on->replicas, err);
        if (status == FURROW_OK && !furrow_bytes_equal(entry->before, after))
            status = furrow_provisioner_remember(on->provisioner, entry->service, after, entry->sequence, err);
        if (status == FURROW_OK)
            tell_provisioned(on, changes, "contract", entry->service, "what the next one is held against");
    }
    return status;
}

/* ---- the other way ---- */

static furrow_status retire_replica(const provisioning *on, const furrow_replica_contract *replica, furrow_error *err)
{
    uint64_t changes = furrow_provisioner_changes(on->provisioner);
    furrow_status status = turn_to(on, replica->owner, err);
    if (status == FURROW_OK) status = furrow_provision_remove_replica(on->provisioner, replica, err);
    if (status == FURROW_OK) tell_provisioned(on, changes, "consumer", replica->service, replica->entity);
    return status;
}

static furrow_status retire_entity(const provisioning *on, const furrow_entity_contract *entity, bool empty,
                                   furrow_error *err)
{
    uint64_t changes = furrow_provisioner_changes(on->provisioner);
    furrow_status status = turn_to(on, entity->owner, err);
    if (status == FURROW_OK && empty) status = furrow_provision_remove_entity(on->provisioner, entity, err);
    if (status == FURROW_OK)
        tell_provisioned(on, changes, "stream", entity->stream, empty ? entity->subjects : "stays, with what is in it");
    return status;
}

/* Has the leaver never written anything? One stream made anew beside others that are not would be a loss to it. */
static furrow_status look_all_empty(const provisioning *on, bool *empty, furrow_error *err)
{
    furrow_status status = FURROW_OK;
    *empty = true;
    for (size_t f = 0; f < cli_contract_count; f++)
        for (size_t i = 0; status == FURROW_OK && *empty && i < cli_contracts[f]->entity_count; i++) {
            const furrow_entity_contract *entity = cli_contracts[f]->entities[i];
            if (strcmp(entity->owner, on->leaver) != 0) continue;
            status = turn_to(on, entity->owner, err);
            if (status == FURROW_OK) status = furrow_provision_look_empty(on->provisioner, entity, empty, err);
        }
    return status;
}

/* What was made for the leaver, and what nobody needs without it; what it wrote stays. */
static furrow_status retire_leaver(const provisioning *on, furrow_error *err)
{
    bool empty;
    furrow_status status = look_all_empty(on, &empty, err);
    for (size_t f = 0; f < cli_contract_count; f++) {
        const furrow_file_contract *file = cli_contracts[f];
        for (size_t i = 0; status == FURROW_OK && i < file->replica_count; i++)
            if (strcmp(file->replicas[i]->service, on->leaver) == 0)
                status = retire_replica(on, file->replicas[i], err);
        for (size_t i = 0; status == FURROW_OK && i < file->entity_count; i++)
            if (strcmp(file->entities[i]->owner, on->leaver) == 0)
                status = retire_entity(on, file->entities[i], empty, err);
    }
    if (status != FURROW_OK || !empty) return status; /* what stays is read by its contract */
    uint64_t changes = furrow_provisioner_changes(on->provisioner);
    status = turn_to(on, on->leaver, err);
    if (status == FURROW_OK) status = furrow_provisioner_forget(on->provisioner, on->leaver, err);
    if (status == FURROW_OK) tell_provisioned(on, changes, "contract", on->leaver, "what the next one is held against");
    return status;
}

/* What is there already is left alone, so it may be done again. */
static furrow_status provision_all(provisioning *on, furrow_error *err)
{
    static contract_memory memory; /* more than a task's stack likes; one at a time */
    furrow_status status = contract_memory_init(&memory, on->provisioner, on->single, err);
    if (status == FURROW_OK) status = check_contracts(on, &memory, err);
    if (status == FURROW_OK) status = provision_dead_letters(on, err);
    if (status == FURROW_OK) status = provision_streams(on, err);
    if (status == FURROW_OK) status = provision_replicas(on, err);
    if (status == FURROW_OK) status = remember_contracts(on, &memory, err);
    contract_memory_fini(&memory);
    return status;
}

furrow_provisioner *cli_provisioner(cli *tool, furrow_error *err)
{
    char inbox[CLI_INBOX_MAX];
    if (!server_find(tool)) return furrow_fail(err, FURROW_INVALID_ARGUMENT, "no server"), NULL;
    furrow_link_options options = cli_link_options(tool, inbox);
    return furrow_provisioner_create(&options, CONNECT_MS, err);
}

static int fail_connect(cli *tool, const furrow_error *err)
{
    char server[SERVER_TEXT_MAX];
    server_describe(tool, server);
    return cli_fail(tool, 1, "connect: %s: %s; %s (by %s)", furrow_status_name(err->code), err->text, server,
                    tool->server_from);
}

/* One attempt, over a connection of its own: the server that an earlier one was to may be gone. */
static furrow_status provision_once(cli *tool, provisioning *on, bool *connected, furrow_error *err)
{
    on->provisioner = cli_provisioner(tool, err);
    *connected = on->provisioner != NULL;
    if (!*connected) return err->code;
    if (on->dry_run) furrow_provisioner_only_look(on->provisioner);
    furrow_status status = on->leaver ? retire_leaver(on, err) : provision_all(on, err);
    furrow_provisioner_destroy(on->provisioner);
    on->provisioner = NULL;
    return status;
}

/* Of what is not there yet: a server, its JetStream, a cluster's leader, as many nodes as a stream is to have copies. */
static bool may_come(furrow_status status)
{
    return status == FURROW_UNAVAILABLE || status == FURROW_DEADLINE_EXCEEDED;
}

/* Again until @wait_s are over, saying once each what it waits for. */
static int provision_nats(cli *tool, provisioning *on, int64_t wait_s)
{
    char told[sizeof((furrow_error *)0)->text] = "";
    uint64_t until = furrow_clock_now_ns() + (uint64_t)wait_s * FURROW_NS_PER_S;
    bool connected;
    furrow_status status;
    furrow_error err = {0};
    while (may_come(status = provision_once(tool, on, &connected, &err)) && furrow_clock_now_ns() < until) {
        if (strcmp(told, err.text) != 0) fprintf(stderr, "furrow: waiting for NATS: %s\n", err.text);
        snprintf(told, sizeof told, "%s", err.text);
        furrow_task_sleep_ms(AGAIN_MS);
    }
    if (status == FURROW_OK || tool->exit_code) return tool->exit_code; /* told, where no server is named */
    return connected ? cli_fail_error(tool, "provision", &err) : fail_connect(tool, &err);
}

/* *missing: they would be loaded. */
static furrow_status look_for_functions(furrow_store *store, bool *missing, furrow_error *err)
{
    bool there;
    furrow_status status = furrow_functions_look(store, &there, err);
    if (status == FURROW_OK) *missing = !there;
    return status;
}

static furrow_status load_functions(cli *tool, const char *url, uint64_t wait_ms, bool quiet, furrow_error *err)
{
    bool loaded = false, dry_run = cli_flag(tool, "--dry-run");
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
    else if ((status = dry_run ? look_for_functions(store, &loaded, err)
                               : furrow_functions_load(store, &loaded, err)) != FURROW_OK)
        furrow_wrap(err, "%s", url);
    else if (cli_flag(tool, "--json") && (loaded || !quiet))
        printf("{\"kind\":\"functions\",\"name\":\"%s\",\"changed\":%s,\"dry_run\":%s,\"what\":\"%s\"}\n",
               furrow_functions_library(), loaded ? "true" : "false", dry_run ? "true" : "false", url);
    else if (loaded || !quiet)
        printf("functions %s in %s%s\n", furrow_functions_library(), url,
               !loaded   ? " already"
               : dry_run ? ": would be loaded"
                         : "");
    furrow_store_destroy(store);
    return status;
}

/* Services may have a Redis each: the URLs are separated by commas. */
static furrow_status provision_redis(cli *tool, uint64_t wait_ms, bool quiet, furrow_error *err)
{
    char *urls = strdup(tool->config.redis_url), *rest = NULL;
    furrow_status status = FURROW_OK;
    FURROW_REQUIRE(urls);
    /* Blanks may stand behind a comma; a path may have one in it. */
    for (char *url = strtok_r(urls, ",", &rest); url && status == FURROW_OK; url = strtok_r(NULL, ",", &rest))
        status = load_functions(tool, url + strspn(url, " "), wait_ms, quiet, err);
    free(urls);
    return status;
}

/* ---- watching ---- */

static furrow_status watch_nats(cli *tool, provisioning *on, furrow_error *err)
{
    if (!on->provisioner) on->provisioner = cli_provisioner(tool, err);
    if (!on->provisioner) return err->code;
    furrow_status status = provision_streams(on, err);
    if (status == FURROW_OK) status = provision_replicas(on, err);
    if (status == FURROW_OK) return FURROW_OK;
    furrow_provisioner_destroy(on->provisioner); /* it may be the connection */
    on->provisioner = NULL;
    return status;
}

/* Until it is ended. The same trouble is told once. */
static void watch_until_ended(cli *tool, provisioning *on, bool nats, bool redis)
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
    provisioning on = {.tool = tool,
                       .replicas = (uint32_t)cli_number(tool, "--replicas"),
                       .json = cli_flag(tool, "--json"),
                       .dry_run = cli_flag(tool, "--dry-run"),
                       .letter_bytes = tool->config.deadletter_mb << 20,
                       .leaver = cli_option(tool, "--retire"),
                       .single = cli_flag(tool, "--single-account")};
    int64_t wait_s = cli_number(tool, "--wait");
    bool watches = cli_flag(tool, "--watch");
    const char *only = cli_option(tool, "--only");
    furrow_error err;
    if (on.leaver && !cli_has_service(on.leaver))
        return cli_fail(tool, 2, "provision: --retire: no contract here has a service %s (FURROW_CONTRACTS adds some)",
                        on.leaver);
    if (on.leaver && watches)
        return cli_fail(tool, 2, "provision: --watch puts back what --retire takes away: use one");
    const char *name;
    for (size_t i = 0; (name = cli_option_nth(tool, "--accept", i)) != NULL; i++)
        if (!cli_has_service(name))
            return cli_fail(tool, 2, "provision: --accept %s: no contract has this service", name);
    if (watches && on.dry_run) return cli_fail(tool, 2, "provision: --watch does what --dry-run must not: use one");
    bool nats = strcmp(only, "redis") != 0, redis = strcmp(only, "nats") != 0;
    if (nats) provision_nats(tool, &on, wait_s);
    if (redis && !on.leaver && !tool->exit_code &&
        provision_redis(tool, wait_s > 0 ? (uint64_t)wait_s * 1000 : CONNECT_MS, false, &err) != FURROW_OK)
        cli_fail(tool, 1, "%s", err.text);
    fflush(stdout);
    if (watches && !tool->exit_code) watch_until_ended(tool, &on, nats, redis);
    return tool->exit_code;
}
