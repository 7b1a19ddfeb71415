/** The parts of a service and their order of life, between service.c and main.c; for nobody else. */
#ifndef FURROW_RUNTIME_ASSEMBLY_H
#define FURROW_RUNTIME_ASSEMBLY_H

#include "runtime/chore.h"
#include "runtime/config.h"
#include "runtime/letters.h"
#include "runtime/peers.h"
#include "runtime/reflection.h"
#include "runtime/registry.h"
#include "runtime/sealkey.h"
#include "runtime/service.h"

struct furrow_service {
    const furrow_service_definition *definition;
    furrow_config config;
    char id[FURROW_ID_MAX + 1];
    furrow_loop *loop;
    furrow_link *link; /* calls */
    furrow_link *log;  /* own streams, dead letters, and the consumers on others' streams: the service's own account */
    furrow_store *store;
    furrow_client *client;
    furrow_secret *secret;
    furrow_sealer *sealer;
    furrow_sealkey sealkey;
    furrow_server *server;
    furrow_registry *registry;
    furrow_reflection *reflection;
    furrow_letters *letters;
    furrow_peers *peers;
    furrow_chore chore;
    furrow_registry_pair *metadata;
    furrow_entity **entities; /* entity_count, as the definition names them */
    furrow_replica **own;     /* the replicas that keep their records */
    size_t entity_count;
    furrow_replica **replicas; /* of foreign entities */
    size_t replica_count;
    bool open;   /* it takes requests: since it was ready for the first time, unless others serve instead */
    bool served; /* it has been open */
    furrow_store_watch store_watch;
    uint64_t disturbed_ns;  /* when Redis was last lost; 0: never */
    furrow_waiter stopping; /* done when a signal asks for the end */
    int exit_code;
    char redis_why[288];                                        /* why Redis is not there, when somebody asked last */
    char reported[512];                                         /* the readiness text last logged */
    uint64_t audited_wrong;                                     /* what the audits found, as logged */
    uint64_t link_complaints, log_complaints, store_complaints; /* how many of each had been logged */
};

/* Makes and starts everything; on failure what was made is left for destroy. In a task. */
furrow_status furrow_assembly_make(furrow_service *service, furrow_error *err) FURROW_MUST_USE;
furrow_status furrow_assembly_drain(furrow_service *service, uint64_t deadline_ns, furrow_error *err) FURROW_MUST_USE;
void furrow_assembly_destroy(furrow_service *service);

/* Own records first, then what is kept of others, as the definition names them; and the stream of each. */
size_t furrow_assembly_replicas(const furrow_service *service);
furrow_replica *furrow_assembly_replica(const furrow_service *service, size_t at);
const char *furrow_assembly_stream(const furrow_service *service, size_t at);

/* Has the process @instance of the service @user ended, for certain? Parks. */
bool furrow_assembly_is_gone(void *user, const char *instance);

/* Opens the server when it is ready, closes it while it is not and another instance serves; logs readiness when it
 * changed, and what NATS or Redis refused. To be called several times a second. */
void furrow_assembly_report(furrow_service *service);

#endif
