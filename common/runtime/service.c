/*
 * Assembly of a service: what its definition names is made in the order of the layers, run, and taken down in reverse.
 * Knows no contract by name. May depend on everything below; nothing depends on it but services.
 */
#include "runtime/service.h"

#include "base/clock.h"
#include "base/logger.h"
#include "link/jetstream.h"
#include "runtime/assembly.h"
#include "runtime/audits.h"
#include "runtime/config.h"
#include "runtime/owners.h"
#include "runtime/readiness.h"
#include "runtime/versions.h"
#include "wire/descriptor.h"

#include <stdlib.h>
#include <unistd.h>

#define INBOX_MAX  96
#define PASSING_NS (2 * FURROW_NS_PER_S) /* for so long calls wait for a Redis that was lost */

static size_t count_entities(const furrow_service_definition *definition)
{
    size_t count = 0;
    while (definition->entities && definition->entities[count].contract) count++;
    return count;
}

static size_t count_replicas(const furrow_service_definition *definition)
{
    size_t count = 0;
    while (definition->replicas && definition->replicas[count].contract) count++;
    return count;
}

/* What hashes are keyed with. By default the master key of private fields, used under other names. */
static furrow_status load_secret(furrow_service *service, furrow_error *err)
{
    static const uint8_t known_to_all[FURROW_SECRET_BYTES];
    const furrow_config *config = &service->config;
    const char *path = config->hash_key_file ? config->hash_key_file : config->seal_key_file;
    if (path) {
        service->secret = furrow_secret_load(path, err);
        return service->secret ? FURROW_OK : furrow_wrap(err, "FURROW_HASH_KEY_FILE");
    }
    /* Nothing private is hashed here (who owns private fields has a seal key), so it can be done without. */
    furrow_logger(FURROW_LOG_WARN, "no hash key", "what=%s",
                  "FURROW_HASH_KEY_FILE is not set: whoever reads the log can try which idempotency keys were used");
    service->secret = furrow_secret_create(known_to_all, err);
    return service->secret ? FURROW_OK : furrow_wrap(err, "hash key");
}

/*
 * With a secret at its end that all instances have, unless the setting brings one: others who call what it calls can
 * neither listen there nor name it.
 */
static void name_service_inbox(const furrow_service *service, char out[INBOX_MAX])
{
    const char *name = service->definition->name, *set = service->config.nats_inbox;
    uint8_t hash[FURROW_HASH_BYTES];
    char hex[FURROW_HASH_HEX], prefix[INBOX_MAX];
    furrow_secret_hash(service->secret, "inbox", &(furrow_bytes){name, strlen(name)}, 1, hash);
    furrow_hash_hex(hash, hex);
    snprintf(prefix, sizeof prefix, set ? "%s" : "_INBOX_%s", set ? set : name);
    snprintf(out, INBOX_MAX, strstr(prefix, ".~") ? "%s" : "%s.~%.16s", prefix, hex);
}

static void on_service_store(furrow_store_watch *watch, bool connected)
{
    furrow_service *service = (furrow_service *)(void *)((char *)watch - offsetof(furrow_service, store_watch));
    if (!connected && furrow_clock_now_ns() - service->disturbed_ns > PASSING_NS)
        service->disturbed_ns = furrow_clock_now_ns();
}

static furrow_status connect_links(furrow_service *service, furrow_error *err)
{
    const furrow_config *config = &service->config;
    char inbox[INBOX_MAX], name[96], log_name[104];
    name_service_inbox(service, inbox);
    snprintf(name, sizeof name, "%s %s", service->definition->name, service->id);
    snprintf(log_name, sizeof log_name, "%s log", name);
    furrow_link_options options = furrow_config_link(config, name, inbox);
    furrow_link_options log_options = furrow_config_log_link(config, log_name, inbox);
    options.inbox_prefix = log_options.inbox_prefix = inbox;
    service->link = furrow_link_create(service->loop, &options, err);
    if (!service->link) return furrow_wrap(err, "NATS");
    service->log = furrow_link_create(service->loop, &log_options, err);
    if (!service->log) return furrow_wrap(err, "NATS, for the log");
    service->store = furrow_store_create(
        service->loop,
        &(furrow_store_options){.url = config->redis_url,
                                .user = config->redis_user,
                                .password = config->redis_password,
                                .password_file = furrow_settings_secret_file(config->redis_password),
                                .timeout_ms = (uint64_t)config->redis_timeout_ms},
        err);
    if (!service->store) return furrow_wrap(err, "Redis");
    service->store_watch.fn = on_service_store;
    furrow_store_watch_add(service->store, &service->store_watch);
    const furrow_startup *startup = service->definition->startup;
    service->client = furrow_client_create(service->link,
                                           &(furrow_client_options){.timeout_ms = (uint32_t)config->timeout_ms,
                                                                    .interceptors = startup ? startup->outbound : NULL},
                                           err);
    return service->client ? FURROW_OK : furrow_wrap(err, "client");
}

static furrow_status make_replica(furrow_service *service, furrow_replica_options options, furrow_replica **out,
                                  furrow_error *err)
{
    options.service = service->definition->name;
    options.instance = service->id;
    options.user = service;
    options.is_gone = furrow_assembly_is_gone;
    options.batch = (size_t)service->config.replica_batch;
    options.max_in_hand = (size_t)service->config.replica_in_hand;
    options.max_waiting = (size_t)service->config.replica_waiters;
    options.max_reactions = (size_t)service->config.reactions;
    options.reaction_patience_ms = (uint64_t)service->config.reaction_patience_s * 1000;
    options.audit_rate = (uint64_t)service->config.audit_rate;
    options.audit_pause_ms = (uint64_t)service->config.audit_pause_s * 1000;
    *out = furrow_replica_create(service->log, service->store, &options, err);
    return *out ? FURROW_OK
                : furrow_wrap(err, "replica of %s", options.own ? options.own->name : options.contract->entity);
}

/* With an account of our own, an entity's stream is found in its owner's. */
static furrow_status reach_foreign(furrow_service *service, const furrow_replica_contract *contract, furrow_error *err)
{
    if (!furrow_config_own_account(&service->config)) return FURROW_OK;
    return furrow_js_import(service->log, contract->stream, contract->owner, err);
}

/* An own entity and the replica that keeps its records share one table. */
static furrow_status make_entities(furrow_service *service, furrow_error *err)
{
    const furrow_service_definition *definition = service->definition;
    for (size_t i = 0; i < service->entity_count; i++) {
        const furrow_entity_contract *contract = definition->entities[i].contract;
        furrow_rules_fn *rules = definition->entities[i].rules;
        furrow_replica_options own = {
            .own = contract, .rules = rules, .restore = furrow_owners_restore, .republish = furrow_owners_republish};
        furrow_status status = furrow_owners_loss(service->config.log_loss, &own.loss, err);
        if (status == FURROW_OK) status = make_replica(service, own, &service->own[i], err);
        if (status != FURROW_OK) return status;
        service->entities[i] =
            furrow_entity_create(&(furrow_entity_options){.contract = contract,
                                                          .link = service->log,
                                                          .table = furrow_replica_table(service->own[i]),
                                                          .secret = service->secret,
                                                          .service = definition->name,
                                                          .rules = rules,
                                                          .max_waiting = (size_t)service->config.entity_waiters},
                                 err);
        if (!service->entities[i]) return furrow_wrap(err, "entity %s", contract->name);
    }
    for (size_t i = 0; i < service->replica_count; i++) {
        const furrow_service_replica_definition *replica = &definition->replicas[i];
        furrow_status status = reach_foreign(service, replica->contract, err);
        if (status != FURROW_OK) return furrow_wrap(err, "stream of %s", replica->contract->entity);
        status = make_replica(
            service,
            (furrow_replica_options){.contract = replica->contract, .rules = replica->rules, .react = replica->react},
            &service->replicas[i], err);
        if (status != FURROW_OK) return status;
    }
    if (definition->seal_keys) {
        if (!service->config.seal_key_file)
            return furrow_fail(err, FURROW_FAILED_PRECONDITION,
                               "FURROW_SEAL_KEY_FILE is not set: %s seals private fields and needs its master key",
                               definition->name);
        service->sealer = furrow_sealer_create(furrow_service_entity(service, definition->seal_keys),
                                               service->config.seal_key_file, service->config.old_seal_key_file, err);
        if (!service->sealer) return furrow_wrap(err, "master key of private fields");
        service->sealkey =
            (furrow_sealkey){.sealer = service->sealer, .store = service->store, .service = definition->name};
    }
    return FURROW_OK;
}

furrow_replica *furrow_assembly_replica(const furrow_service *service, size_t at)
{
    return at < service->entity_count ? service->own[at] : service->replicas[at - service->entity_count];
}

size_t furrow_assembly_replicas(const furrow_service *service)
{
    return service->entity_count + service->replica_count;
}

const char *furrow_assembly_stream(const furrow_service *service, size_t at)
{
    const furrow_service_definition *definition = service->definition;
    return at < service->entity_count ? definition->entities[at].contract->stream
                                      : definition->replicas[at - service->entity_count].contract->stream;
}

/* A connection that is made anew, users that are loaded again: most of what takes Redis from us is over in a moment. */
static bool is_passing(void *user)
{
    const furrow_service *service = user;
    return service->disturbed_ns && furrow_clock_now_ns() - service->disturbed_ns < PASSING_NS;
}

/* Furrow-Max-Age: as old as the oldest of all that is kept. */
static furrow_status check_kept_age(void *user, uint64_t arrival_ns, uint64_t max_ns, uint64_t deadline_ns,
                                    uint64_t *age_ns, furrow_error *err)
{
    furrow_service *service = user;
    furrow_status status = FURROW_OK;
    *age_ns = 0;
    for (size_t i = 0; i < furrow_assembly_replicas(service); i++) {
        uint64_t age;
        furrow_error why;
        furrow_status one =
            furrow_replica_freshen(furrow_assembly_replica(service, i), arrival_ns, max_ns, deadline_ns, &age, &why);
        if (age > *age_ns) *age_ns = age;
        if (one != FURROW_OK && err) *err = why;
        if (one != FURROW_OK) status = one;
    }
    return status;
}

static void write_data(void *user, furrow_buffer *out)
{
    furrow_audits_write_all(user, out);
}

static furrow_status make_server(furrow_service *service, furrow_error *err)
{
    const furrow_config *config = &service->config;
    const furrow_startup *startup = service->definition->startup;
    bool begin_traces;
    furrow_status status = furrow_config_begins_traces(config, &begin_traces, err);
    if (status != FURROW_OK) return status;
    service->server =
        furrow_server_create(service->link,
                             &(furrow_server_options){.queue = service->definition->name,
                                                      .max_calls = (size_t)config->max_calls,
                                                      .min_calls = (size_t)config->min_calls,
                                                      .max_queue_ms = (uint32_t)config->queue_ms,
                                                      .max_waiting = (size_t)config->max_waiting,
                                                      .max_wait_ms = (uint32_t)config->wait_ms,
                                                      .caller_bytes = (size_t)config->caller_bytes,
                                                      .max_request_bytes = (size_t)config->max_request_bytes,
                                                      .default_timeout_ms = (uint32_t)config->timeout_ms,
                                                      .interceptors = startup ? startup->interceptors : NULL,
                                                      .begin_traces = begin_traces,
                                                      .store = service->store,
                                                      .secret = service->secret,
                                                      .max_results = (size_t)config->results_max,
                                                      .max_result_bytes = (size_t)config->results_mb << 20,
                                                      .after = furrow_versions_await,
                                                      .epoch = furrow_versions_epoch,
                                                      .age = check_kept_age,
                                                      .ready = furrow_readiness_of,
                                                      .passing = is_passing,
                                                      .user = service},
                             err);
    if (!service->server) return furrow_wrap(err, "server");
    for (const furrow_handlers *const *handlers = service->definition->handlers; *handlers; handlers++) {
        status = furrow_server_add(service->server, *handlers, err);
        if (status != FURROW_OK) return status;
    }
    return FURROW_OK;
}

/* What the service owns and what it keeps of others, for whoever reads `nats micro info`. */
static furrow_status make_registry(furrow_service *service, furrow_error *err)
{
    size_t count = 0;
    for (size_t i = 0; i < service->entity_count; i++, count++) {
        const furrow_entity_contract *entity = service->definition->entities[i].contract;
        snprintf(service->metadata[count].name, sizeof service->metadata[count].name, "owns.%s", entity->name);
        snprintf(service->metadata[count].value, sizeof service->metadata[count].value, "stream=%s subjects=%s",
                 entity->stream, entity->subjects);
    }
    for (size_t i = 0; i < service->replica_count; i++, count++) {
        const furrow_replica_contract *replica = service->definition->replicas[i].contract;
        snprintf(service->metadata[count].name, sizeof service->metadata[count].name, "keeps.%s", replica->entity);
        snprintf(service->metadata[count].value, sizeof service->metadata[count].value, "%s", replica->keeps);
    }
    furrow_registry_pair *reflection = &service->metadata[count++];
    snprintf(reflection->name, sizeof reflection->name, "reflection");
    snprintf(reflection->value, sizeof reflection->value, FURROW_DESCRIPTOR_REFLECTION "%s", service->definition->name);
    service->registry =
        furrow_registry_create(service->link, service->server,
                               &(furrow_registry_options){.name = service->definition->name,
                                                          .id = service->id,
                                                          .version = service->definition->version,
                                                          .description = service->definition->description,
                                                          .metadata = service->metadata,
                                                          .metadata_count = count,
                                                          .health = furrow_readiness_write,
                                                          .data = write_data,
                                                          .user = service},
                               err);
    if (!service->registry) return furrow_wrap(err, "registry");
    service->reflection = furrow_reflection_create(service->link, service->server, service->definition->name, err);
    return service->reflection ? FURROW_OK : furrow_wrap(err, "reflection");
}

static furrow_status start_replicas(furrow_service *service, furrow_error *err)
{
    for (size_t i = 0; i < furrow_assembly_replicas(service); i++) {
        furrow_status status = furrow_replica_start(furrow_assembly_replica(service, i), err);
        if (status != FURROW_OK) return furrow_wrap(err, "start replica");
    }
    return FURROW_OK;
}

/* The given one was checked when settings were read. */
static void take_id(furrow_service *service)
{
    if (service->config.instance_id)
        snprintf(service->id, sizeof service->id, "%s", service->config.instance_id);
    else
        furrow_id_make(service->id);
}

furrow_status furrow_assembly_make(furrow_service *service, furrow_error *err)
{
    service->entity_count = count_entities(service->definition);
    service->replica_count = count_replicas(service->definition);
    service->own = calloc(service->entity_count + 1, sizeof(furrow_replica *));
    service->entities = calloc(service->entity_count + 1, sizeof(furrow_entity *));
    service->replicas = calloc(service->replica_count + 1, sizeof(furrow_replica *));
    service->metadata = calloc(furrow_assembly_replicas(service) + 2, sizeof *service->metadata);
    if (!service->own || !service->entities || !service->replicas || !service->metadata)
        return furrow_fail(err, FURROW_RESOURCE_EXHAUSTED, "out of memory");
    take_id(service);
    furrow_status status = load_secret(service, err);
    if (status == FURROW_OK) status = connect_links(service, err);
    if (status == FURROW_OK) status = make_entities(service, err);
    if (status == FURROW_OK) status = make_server(service, err);
    if (status == FURROW_OK) status = make_registry(service, err);
    if (status == FURROW_OK && !(service->letters = furrow_letters_create(service, err)))
        status = furrow_wrap(err, "dead letters");
    if (status == FURROW_OK &&
        !(service->peers = furrow_peers_create(service->link, service->definition->name, service->id, err)))
        status = furrow_wrap(err, "other instances");
    if (status == FURROW_OK) status = start_replicas(service, err);
    return status;
}

/* Every instance holds its own share of each step's time: calls first, then what the replicas have in hand. */
furrow_status furrow_assembly_drain(furrow_service *service, uint64_t deadline_ns, furrow_error *err)
{
    furrow_status status = service->server ? furrow_server_drain(service->server, deadline_ns, err) : FURROW_OK;
    if (status == FURROW_OK) status = furrow_chore_drain(service, deadline_ns, err);
    if (status == FURROW_OK && service->letters) status = furrow_letters_drain(service->letters, deadline_ns, err);
    for (size_t i = 0; i < furrow_assembly_replicas(service); i++)
        if (furrow_assembly_replica(service, i)) furrow_replica_drain(furrow_assembly_replica(service, i), deadline_ns);
    return status;
}

void furrow_assembly_destroy(furrow_service *service)
{
    /* After a drain nothing runs any more; without one it was never begun. */
    if (service->letters) (void)!furrow_letters_drain(service->letters, furrow_clock_now_ns(), NULL);
    furrow_registry_destroy(service->registry);
    furrow_reflection_destroy(service->reflection);
    furrow_peers_destroy(service->peers);
    furrow_server_destroy(service->server);
    furrow_sealer_destroy(service->sealer);
    for (size_t i = 0; service->entities && i < service->entity_count; i++) furrow_entity_destroy(service->entities[i]);
    for (size_t i = 0; service->replicas && service->own && i < furrow_assembly_replicas(service); i++)
        furrow_replica_destroy(furrow_assembly_replica(service, i));
    furrow_client_destroy(service->client);
    if (service->link) furrow_link_destroy(service->link);
    if (service->log) furrow_link_destroy(service->log);
    furrow_letters_destroy(service->letters);
    if (service->store) furrow_store_destroy(service->store);
    furrow_secret_destroy(service->secret);
    free(service->own);
    free(service->entities);
    free(service->replicas);
    free(service->metadata);
}

/* A missing permission is nothing that passes: an operator has to know, also when no request told a caller. */
static void report_refused(const char *by, const char *what, uint64_t count, uint64_t *logged)
{
    if (count == *logged) return;
    furrow_logger(FURROW_LOG_ERROR, "refused", "by=%s count=%llu last=%s", by, (unsigned long long)(count - *logged),
                  what);
    *logged = count;
}

static bool open_server(furrow_service *service, const char **why)
{
    furrow_error err;
    furrow_status status = furrow_server_open(service->server, &err);
    *why = furrow_status_name(status);
    service->open = status == FURROW_OK;
    service->served |= service->open;
    return service->open;
}

/* Who can serve is in the queue. Who could before and cannot now is there to say so, unless another can. */
static bool settle_queue(furrow_service *service, bool ready, const char **why)
{
    furrow_peers_tell(service->peers, ready && service->open);
    bool others = !ready && furrow_peers_take_over(service->peers);
    if (service->open && others) {
        furrow_server_close(service->server);
        service->open = false;
    }
    bool wanted = ready || (service->served && !others);
    if (service->open || !wanted) return ready;
    return open_server(service, why) && ready;
}

void furrow_assembly_report(furrow_service *service)
{
    furrow_logger_flush(furrow_clock_now_ns());
    furrow_letters_report(service->letters);
    furrow_audits_report(service);
    furrow_sealkey_look(&service->sealkey);
    uint64_t count;
    const char *complaint = furrow_link_complaint(service->link, &count);
    report_refused("NATS", complaint, count, &service->link_complaints);
    complaint = furrow_link_complaint(service->log, &count);
    report_refused("NATS", complaint, count, &service->log_complaints);
    complaint = furrow_store_complaint(service->store, &count);
    report_refused("Redis", complaint, count, &service->store_complaints);
    const char *why = "";
    char now[sizeof service->reported] = "";
    bool ready = furrow_readiness_of(service, &why);
    const furrow_link *missing = !furrow_link_connected(service->link)  ? service->link
                                 : !furrow_link_connected(service->log) ? service->log
                                                                        : NULL;
    if (missing) {
        ready = false;
        snprintf(now, sizeof now, "waiting for NATS at %s%s: %s", service->config.nats_url,
                 missing == service->log ? " for the log" : "", furrow_link_last_error(missing));
    } else if (!furrow_store_connected(service->store)) {
        ready = false;
        snprintf(now, sizeof now, "waiting for Redis at %s: %s", service->config.redis_url,
                 furrow_store_last_error(service->store));
    }
    ready = settle_queue(service, ready, &why);
    furrow_chore_look(service, ready);
    if (!now[0]) snprintf(now, sizeof now, "%s", ready ? "ready" : why);
    if (strcmp(now, service->reported) == 0) return;
    snprintf(service->reported, sizeof service->reported, "%s", now);
    if (ready)
        furrow_logger(FURROW_LOG_INFO, "ready", "id=%s", service->id);
    else
        furrow_logger(FURROW_LOG_WARN, "not ready", "why=%s", now);
}

furrow_entity *furrow_service_entity(furrow_service *service, const furrow_entity_contract *contract)
{
    for (size_t i = 0; i < service->entity_count; i++)
        if (service->definition->entities[i].contract == contract) return service->entities[i];
    FURROW_REQUIRE(!"the definition does not name this entity");
    return NULL;
}

furrow_replica *furrow_service_replica(furrow_service *service, const furrow_replica_contract *contract)
{
    for (size_t i = 0; i < service->replica_count; i++)
        if (service->definition->replicas[i].contract == contract) return service->replicas[i];
    FURROW_REQUIRE(!"the definition does not name this replica");
    return NULL;
}

furrow_status furrow_service_spawn(furrow_service *service, furrow_task_fn *fn, void *arg, furrow_error *err)
{
    return furrow_loop_spawn(service->loop, fn, arg, err);
}

furrow_store *furrow_service_store(furrow_service *service)
{
    return service->store;
}

furrow_sealer *furrow_service_sealer(furrow_service *service)
{
    return service->sealer;
}

furrow_client *furrow_service_client(furrow_service *service)
{
    return service->client;
}

furrow_command furrow_service_command(uint64_t ms)
{
    return (furrow_command){.deadline_ns = furrow_clock_in_ms(ms)};
}
