/**
 * Provisioning: makes the streams and durable consumers that contracts ask for. Blocking, with a connection of its own
 * (nats.c's js_*); used by `furrow provision` and by tests, never on the loop, never by a service.
 * Making what exists is a no-op; what differs is updated where NATS allows it, else FAILED_PRECONDITION says which
 * setting.
 */
#ifndef FURROW_LINK_PROVISION_H
#define FURROW_LINK_PROVISION_H

#include "base/arena.h"
#include "base/bytes.h"
#include "base/status.h"
#include "link/link.h"
#include "wire/contract.h"

typedef struct furrow_provisioner furrow_provisioner;

/* Connects within @timeout_ms. UNAVAILABLE, UNAUTHENTICATED. */
furrow_provisioner *furrow_provisioner_create(const furrow_link_options *options, uint64_t timeout_ms,
                                              furrow_error *err);
void furrow_provisioner_destroy(furrow_provisioner *provisioner);

/*
 * Whose JetStream the next calls work on: that of @account, which the one we sit in imports as `$JS.<account>.API`
 * (what the stock CLI calls a domain), or our own account's (NULL, as it begins).
 */
furrow_status furrow_provisioner_use(furrow_provisioner *provisioner, const char *account,
                                     furrow_error *err) FURROW_MUST_USE;

/*
 * The stream of @entity: subjects, history, storage, replicas (0: @default_replicas), no age or discard limit, deletes
 * and purges denied, duplicate window 2 minutes; and its owner's durable consumer, named after the owner.
 */
furrow_status furrow_provision_entity(furrow_provisioner *provisioner, const furrow_entity_contract *entity,
                                      uint32_t default_replicas, furrow_error *err) FURROW_MUST_USE;

/* The durable pull consumer of a replica: named after the service, explicit acks, ack wait 30 s, max_deliver -1. Its
 * stream must exist. */
furrow_status furrow_provision_replica(furrow_provisioner *provisioner, const furrow_replica_contract *replica,
                                       furrow_error *err) FURROW_MUST_USE;

/* The owner's durable alone, of a stream that must exist. */
furrow_status furrow_provision_owner(furrow_provisioner *provisioner, const furrow_entity_contract *entity,
                                     furrow_error *err) FURROW_MUST_USE;

/*
 * For who leaves: nobody is at work on them. Is there nothing in the stream of @entity, and never was? Takes away the
 * stream, or the durable of @replica. What is not there is empty, and no error to take away.
 */
furrow_status furrow_provision_look_empty(furrow_provisioner *provisioner, const furrow_entity_contract *entity,
                                          bool *empty, furrow_error *err) FURROW_MUST_USE;
furrow_status furrow_provision_remove_entity(furrow_provisioner *provisioner, const furrow_entity_contract *entity,
                                             furrow_error *err) FURROW_MUST_USE;
furrow_status furrow_provision_remove_replica(furrow_provisioner *provisioner, const furrow_replica_contract *replica,
                                              furrow_error *err) FURROW_MUST_USE;

/* From now on nothing is made or changed: what would be counts as a change, and what cannot be is refused all the same. */
void furrow_provisioner_only_look(furrow_provisioner *provisioner);

/* How much has been made or changed so far. */
uint64_t furrow_provisioner_changes(const furrow_provisioner *provisioner);

#define FURROW_DEADLETTER_BYTES    ((int64_t)256 << 20)
#define FURROW_DEADLETTER_MESSAGES 100000

/*
 * The DEADLETTER stream (subjects deadletter.>), of at most @max_bytes (0: FURROW_DEADLETTER_BYTES) and one letter for
 * each 2 KiB of that, up to FURROW_DEADLETTER_MESSAGES. When it is full it takes no more and loses nothing: an event for
 * which there is no room stays with its consumer, which says so in its health, until somebody has settled some (`furrow
 * deadletter`).
 */
furrow_status furrow_provision_deadletter(furrow_provisioner *provisioner, uint32_t default_replicas, int64_t max_bytes,
                                          furrow_error *err) FURROW_MUST_USE;

/*
 * The stream of descriptors (wire/descriptor.h): what each contract was when it was provisioned, the last
 * FURROW_DESCRIPTORS_KEPT of each service, in its account.
 */
#define FURROW_DESCRIPTORS_KEPT 16
furrow_status furrow_provision_descriptors(furrow_provisioner *provisioner, uint32_t default_replicas,
                                           furrow_error *err) FURROW_MUST_USE;

/* The set of @service as it was provisioned last, in @arena, and its sequence. No data and 0: never. */
furrow_status furrow_provisioner_recall(furrow_provisioner *provisioner, const char *service, furrow_arena *arena,
                                        furrow_bytes *set, uint64_t *sequence, furrow_error *err) FURROW_MUST_USE;

/* Puts @set in the place of the one that was recalled with @sequence. ABORTED: somebody else did meanwhile. */
furrow_status furrow_provisioner_remember(furrow_provisioner *provisioner, const char *service, furrow_bytes set,
                                          uint64_t sequence, furrow_error *err) FURROW_MUST_USE;

/* As if @service had never been provisioned: for one that leaves, and leaves no states behind. */
furrow_status furrow_provisioner_forget(furrow_provisioner *provisioner, const char *service,
                                        furrow_error *err) FURROW_MUST_USE;

#endif
