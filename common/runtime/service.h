/**
 * A service: assembles link, store, server, entities and replicas from its contracts and settings, runs, and drains on
 * SIGTERM.
 *
 * protoc-gen-furrow makes the definition and `main` from the contract (<stem>.main.c; furrow_service() of CMake compiles it).
 * Who writes them by hand ends main with `return furrow_service_main(argc, argv, &definition);`.
 * Settings come from the environment (`<service> --settings` prints them all). `--version`, `--help` too. It starts
 * whatever else is there or not: without NATS, Redis or a stream it waits, says so in its log and in $SRV, and answers
 * UNAVAILABLE. SIGTERM or SIGINT: no new requests, those begun are finished, what is in hand is acked or returned, exit
 * 0 within FURROW_DRAIN_MS. A second signal ends it at once. Threads: the loop's.
 */
#ifndef FURROW_RUNTIME_SERVICE_H
#define FURROW_RUNTIME_SERVICE_H

#include "base/settings.h"
#include "log/claim.h"
#include "log/entity.h"
#include "log/seal.h"
#include "replica/replica.h"
#include "rpc/client.h"
#include "rpc/server.h"

typedef struct furrow_service furrow_service;

/* Rules: what every state satisfies (wire/rules.h), a pure function of the domain; or NULL for none but the id's. */
typedef struct furrow_service_entity_definition {
    const furrow_entity_contract *contract;
    furrow_rules_fn *rules;
} furrow_service_entity_definition;

typedef struct furrow_service_replica_definition {
    const furrow_replica_contract *contract;
    furrow_rules_fn *rules;
    furrow_react_fn *react; /* user is the furrow_service; or NULL */
} furrow_service_replica_definition;

/* What a service has of its own beside its contract. */
typedef struct furrow_startup {
    const furrow_setting *settings; /* read into settings_into before anything starts; or NULL */
    size_t setting_count;
    void *settings_into;
    furrow_status (*prepare)(
        furrow_error *err);                 /* checks them and whatever else must be right before a start; or NULL */
    const furrow_interceptor *interceptors; /* of its calls, up to one without a name; or NULL */
    const furrow_outbound_interceptor *outbound; /* of the calls that it makes; likewise */
    /*
     * What the service does by itself, or NULL: called in a task of its own while it serves, one piece of the work each
     * time; at once again if *more, else a second later, five after an error, which is logged. Each process of a service
     * does so, and may end in the middle: what it writes must be right when it is done again, or by two at once. @arena is
     * for this piece. Commands need a deadline: furrow_service_command().
     */
    furrow_status (*work)(furrow_service *service, bool *more, furrow_arena *arena, furrow_error *err);
} furrow_startup;

typedef struct furrow_service_definition {
    const char *name;                                  /* short name */
    const char *version;                               /* semver */
    const char *description;                           /* for `nats micro info` */
    const furrow_handlers *const *handlers;            /* NULL-terminated */
    const furrow_service_entity_definition *entities;  /* own ones; ends with a NULL contract; or NULL */
    const furrow_service_replica_definition *replicas; /* ends with a NULL contract; or NULL */
    const furrow_entity_contract *seal_keys; /* the internal entity that holds keys of private fields; or NULL */
    const furrow_startup *startup;           /* or NULL */
} furrow_service_definition;

int furrow_service_main(int argc, char **argv, const furrow_service_definition *definition);

/* In handlers and reactions. The service behind a call. */
static inline furrow_service *furrow_service_of(const furrow_call *call)
{
    return furrow_call_user(call);
}

/* Own entity or replica by its contract; it is a bug to ask for one the definition does not name. */
furrow_entity *furrow_service_entity(furrow_service *service, const furrow_entity_contract *contract);
furrow_replica *furrow_service_replica(furrow_service *service, const furrow_replica_contract *contract);
furrow_store *furrow_service_store(furrow_service *service);
furrow_sealer *furrow_service_sealer(furrow_service *service); /* NULL without seal_keys */
furrow_client *furrow_service_client(furrow_service *service);
/* Another task beside the running one, which waits for it before it returns. RESOURCE_EXHAUSTED: there are too many. */
furrow_status furrow_service_spawn(furrow_service *service, furrow_task_fn *fn, void *arg,
                                   furrow_error *err) FURROW_MUST_USE;

/* A deadline of @ms from now for a reaction's own commands. */
furrow_command furrow_service_command(uint64_t ms);

#endif
