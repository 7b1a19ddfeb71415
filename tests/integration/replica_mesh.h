/**
 * The little mesh that the replica's tests share: one nats-server, one redis-server, a loop, an entity "Person" and
 * services that keep a part of it. A test's body runs as a task of the loop; what cannot work fails the test. A test
 * can also be a second process of the same service: mesh_child starts this very program again, which mesh_main sends
 * there.
 */
#ifndef FURROW_TEST_REPLICA_MESH_H
#define FURROW_TEST_REPLICA_MESH_H

#include "base/clock.h"
#include "link/provision.h"
#include "replica/replica.h"
#include "replica_test.pb-c.h"
#include "support/process.h"
#include "support/servers.h"
#include "support/wait.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef Replicatest__V1__Person test_person;
typedef Replicatest__V1__PersonPart test_person_part;

typedef struct test_mesh {
    furrow_test_server *nats, *redis;
    furrow_loop *loop;
    furrow_link *link;
    furrow_store *store;
} test_mesh;

extern const furrow_entity_contract mesh_person;      /* owned by "hr" */
extern const furrow_replica_contract mesh_part;       /* kept by "timesheet" */
extern const furrow_replica_contract mesh_part_again; /* the same by the next version of "timesheet": more fields */

typedef struct mesh_options {
    bool appendonly; /* of Redis */
    bool bare;       /* no streams yet */
} mesh_options;

/* Starts all, runs @body in a task, ends all. */
void mesh_run(const mesh_options *options, void (*body)(test_mesh *mesh));
void mesh_provision(test_mesh *mesh);
/* The same with room for so many bytes of dead letters; 0: as usual. */
void mesh_provision_letters(test_mesh *mesh, int64_t max_bytes);

/* main() of a test program: runs @suite, or a child's part (see mesh_child). */
int mesh_main(Suite *suite, furrow_react_fn *child_react);

/* A replica of mesh_part in another process, which runs until it is killed; of mesh_part_again with MESH_AGAIN. */
furrow_test_process *mesh_child(test_mesh *mesh, const char *instance, const char *const *more_env);

/* Created and started; `service` and `contract` default to those of mesh_part, `instance` to "test". */
furrow_replica *mesh_replica(test_mesh *mesh, furrow_replica_options options);
/* Drains and destroys. */
void mesh_end(furrow_replica *replica);
bool mesh_ready(furrow_replica *replica);
furrow_replica_stats mesh_stats(furrow_replica *replica);
/* A replica that has applied and acked so many entities, "p0" and on. */
furrow_replica *mesh_settled(test_mesh *mesh, int entities);
void mesh_await_ready(furrow_replica *replica);

/* The log: what a put, a delete and anything else leaves in it. Each returns the sequence. */
uint64_t mesh_put(test_mesh *mesh, const char *id, const char *name, int status);
uint64_t mesh_put_person(test_mesh *mesh, const test_person *person);
uint64_t mesh_delete(test_mesh *mesh, const char *id);
uint64_t mesh_publish(test_mesh *mesh, const char *subject, furrow_bytes body);
/* Many at once, without waiting for each: "<prefix><n>" for n in [from, to). Returns when all are stored. */
void mesh_put_many(test_mesh *mesh, const char *prefix, int from, int to, int round);
uint64_t mesh_last_seq(test_mesh *mesh, const char *stream);

/* An API request that must succeed: "STREAM.DELETE.PERSON". */
void mesh_js_api(test_mesh *mesh, const char *what);
void mesh_redis(test_mesh *mesh, const char *first, const char *second, const char *third);

/* All of the log has been applied and acked by the durable of @service. */
bool mesh_at_rest(test_mesh *mesh, const char *service);
void mesh_await_rest(test_mesh *mesh, const char *service);
/* The same of an owner, which has no durable: its stored position tells. */
void mesh_await_owner(test_mesh *mesh, furrow_replica *own);

/* Invariant 3: the records are the projection of the log, byte for byte, no more and no fewer. @subset NULL: whole. */
void mesh_check_records(test_mesh *mesh, furrow_replica *replica, const ProtobufCMessageDescriptor *subset);
/* The same as a question, for what becomes true. */
bool mesh_records_match(test_mesh *mesh, furrow_replica *replica, const ProtobufCMessageDescriptor *subset);

#define AWAIT(condition) ck_assert_msg(FURROW_TEST_EVENTUALLY_IN_TASK(condition, 40000), "not in time: %s", #condition)

#endif
