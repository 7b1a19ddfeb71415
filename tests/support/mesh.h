/**
 * A mesh of its own for an integration test: nats-server and redis-server on free ports, and services as processes.
 * Each user has its own NKey, account, Redis password and permissions, as `furrow permissions` derives them; the link
 * and calls are a client's, the tool is the operator's. Calls are JSON, as a stock client's. Everything dies with the
 * test, also when it is killed. What cannot work aborts the test with the reason.
 *
 * A service of one's own, with the test that furrow_service_test() in CMakeLists.txt makes:
 *
 *     static void picks_a_bin(furrow_test_mesh *mesh)
 *     {
 *         furrow_test_mesh_start_all(mesh, 1);
 *         furrow_test_mesh_answer(mesh, "picking.v1.PickingService.PickBin", "{\"id\":\"B1\"}");
 *     }
 *
 *     int main(void)
 *     {
 *         furrow_test_mesh_run(&FURROW_TEST_MESH_OPTIONS, picks_a_bin);
 *     }
 *
 * What only decides needs no mesh: call it.
 *
 * Threads: of a task on mesh->loop, as the body is.
 */
#ifndef FURROW_TEST_MESH_H
#define FURROW_TEST_MESH_H

#include "link/jetstream.h"
#include "support/process.h"
#include "support/servers.h"

#define FURROW_TEST_MESH_SERVICES     16
#define FURROW_TEST_MESH_REPLICAS     2
#define FURROW_TEST_MESH_NODES        3
#define FURROW_TEST_MESH_PATIENCE_MS  30000
#define FURROW_TEST_MESH_CLIENT       "client"
#define FURROW_TEST_MESH_OTHER_CLIENT "scanner" /* a program with a key of its own */

typedef struct furrow_test_mesh_service {
    const char *name;    /* the package of its contract */
    const char *program; /* a path */
} furrow_test_mesh_service;

typedef struct furrow_test_mesh_options {
    const char *tool;                         /* path of furrow */
    const char *contracts;                    /* FURROW_CONTRACTS, for whom the tool does not know; or NULL */
    const furrow_test_mesh_service *services; /* until one without a name; or NULL. Lent */
    const char *nats_config;                  /* more of a nats.conf; or NULL */
    const char *restricted; /* methods with this in their name are called as the operator; or NULL: none are */
    size_t nodes;           /* of nats-server; 0: 1. In a cluster every stream has as many copies */
    bool single_account;    /* all users and streams are in one; else each service has its own */
    bool strict;            /* a client that is silent for four seconds is cut off: the body never stands still */
} furrow_test_mesh_options;

/* What furrow_service_test() made this test for: the services that it NEEDS, and its own. */
#ifdef FURROW_TEST_MESH_TOOL
#define FURROW_TEST_MESH_OPTIONS                                                                                       \
    ((furrow_test_mesh_options){.tool = FURROW_TEST_MESH_TOOL,                                                         \
                                .contracts = FURROW_TEST_MESH_CONTRACTS,                                               \
                                .services =                                                                            \
                                    (const furrow_test_mesh_service[]){FURROW_TEST_MESH_PROGRAMS, {NULL, NULL}}})
#endif

typedef struct furrow_test_mesh {
    furrow_test_mesh_options options;
    int service_count;
    furrow_test_server *nats, *redis;
    furrow_test_server *nodes[FURROW_TEST_MESH_NODES]; /* of nats-server; `nats` is the first */
    size_t node_count;
    const char *url; /* of all nodes */
    furrow_test_process *services[FURROW_TEST_MESH_SERVICES][FURROW_TEST_MESH_REPLICAS];
    furrow_loop *loop;
    furrow_link *link;                            /* as "client" */
    furrow_link *operator_link;                   /* as "operator", in an account of its own */
    furrow_link *logs[FURROW_TEST_MESH_SERVICES]; /* see furrow_test_mesh_log */
    furrow_arena *arena;                          /* of answers */
    char keys[256];                               /* the folder `furrow keys` filled */
    const char *cluster;                          /* of the configuration of the node that is being started */
} furrow_test_mesh;

/* Runs @body as a task with servers running and nothing else: neither provisioned nor started. */
void furrow_test_mesh_run(const furrow_test_mesh_options *options, void (*body)(furrow_test_mesh *mesh));

/* ---- services; each is its place in the options ---- */

/* The place of @name. */
int furrow_test_mesh_service_of(const furrow_test_mesh *mesh, const char *name);
void furrow_test_mesh_provision(furrow_test_mesh *mesh);
/* Starts replica @replica of @service; furrow_test_mesh_wait_ready until every started one serves. */
void furrow_test_mesh_start(furrow_test_mesh *mesh, int service, int replica);
/* The same with settings: "NAME=value", NULL-terminated. */
void furrow_test_mesh_start_with(furrow_test_mesh *mesh, int service, int replica, const char *const settings[]);
void furrow_test_mesh_wait_ready(furrow_test_mesh *mesh, int service);
/* Provisions, starts @replicas of every service, and waits until all serve. */
void furrow_test_mesh_start_all(furrow_test_mesh *mesh, int replicas);
void furrow_test_mesh_kill(furrow_test_mesh *mesh, int service, int replica);
/* A service that is not in the options, whose contract is in FURROW_CONTRACTS. Ready when this returns. Destroyed by
 * the caller. */
furrow_test_process *furrow_test_mesh_start_other(furrow_test_mesh *mesh, const char *name, const char *program,
                                                  const char *const settings[]);
/* The same without waiting. */
furrow_test_process *furrow_test_mesh_begin_other(furrow_test_mesh *mesh, const char *name, const char *program,
                                                  const char *const settings[]);

/* ---- calls: @method ("employee.v1.EmployeeService.GetEmployee") with JSON; answers live in the mesh's arena ---- */

/* Until it is OK: what others tell takes a moment. The answer. */
char *furrow_test_mesh_answer(furrow_test_mesh *mesh, const char *method, const char *json);
/* It must be refused: "NOT_FOUND: no bin B9". */
char *furrow_test_mesh_refusal(furrow_test_mesh *mesh, const char *method, const char *json);
/* Until its answer has @text in it; false, with what it was on standard error, when it never has. */
bool furrow_test_mesh_becomes(furrow_test_mesh *mesh, const char *method, const char *json, const char *text);

/* *answer may be NULL. */
furrow_status furrow_test_mesh_call(furrow_test_mesh *mesh, const char *method, const char *json, char **answer,
                                    furrow_error *err);
/* The same with an Idempotency-Key. */
furrow_status furrow_test_mesh_call_with(furrow_test_mesh *mesh, const char *method, const char *json, const char *key,
                                         char **answer, furrow_error *err);
/* Again while the status is UNAVAILABLE, DEADLINE_EXCEEDED or FAILED_PRECONDITION, until the patience ends. */
furrow_status furrow_test_mesh_call_until(furrow_test_mesh *mesh, const char *method, const char *json, char **answer,
                                          furrow_error *err);

/* ---- the tool, against this mesh ---- */

/* `furrow ARGUMENTS…`: its exit code, its output (to be freed) in *output unless NULL. */
int furrow_test_mesh_tool(furrow_test_mesh *mesh, char **output, const char *const arguments[]);
/* The same with the keys of @user. */
int furrow_test_mesh_tool_as(furrow_test_mesh *mesh, const char *user, char **output, const char *const arguments[]);
/* The same, and it must end with @expected: its output, in the mesh's arena. */
char *furrow_test_mesh_tool_says(furrow_test_mesh *mesh, const char *user, int expected, const char *const arguments[]);
/* Begun, and still running. */
furrow_test_process *furrow_test_mesh_tool_start(furrow_test_mesh *mesh, const char *const arguments[]);
/* The same with @input on its standard input. */
furrow_test_process *furrow_test_mesh_tool_fed(furrow_test_mesh *mesh, const char *input,
                                               const char *const arguments[]);

/* What another program of @user's needs to find this mesh, for furrow_test_process_options. In the mesh's arena. */
const char *const *furrow_test_mesh_environment(furrow_test_mesh *mesh, const char *user);

/* ---- links and Redis ---- */

/* The link that may call @method: the client's, or the operator's for a restricted one. Lent. */
furrow_link *furrow_test_mesh_caller(furrow_test_mesh *mesh, const char *method);
/* A second link, as @user ("inspector", "employee", "employee.log"); destroyed by the caller. */
furrow_link *furrow_test_mesh_link_as(furrow_test_mesh *mesh, const char *user);
/* The prefix of the inboxes that @user may listen on. */
char *furrow_test_mesh_inbox(furrow_test_mesh *mesh, const char *user);
/* A link with the rights of @service in its own account, where its log is. Lent. */
furrow_link *furrow_test_mesh_log(furrow_test_mesh *mesh, int service);
/* redis-cli with all it needs to be @user, as the beginning of a shell command. */
char *furrow_test_mesh_redis_cli(furrow_test_mesh *mesh, const char *user);
/* What it prints for @command, which it must take; in the mesh's arena. */
char *furrow_test_mesh_redis(furrow_test_mesh *mesh, const char *user, const char *command);

uint64_t furrow_test_mesh_within_ms(uint64_t ms);
/* printf into the mesh's arena. */
char *furrow_test_mesh_text(furrow_test_mesh *mesh, const char *format, ...) FURROW_PRINTF(2, 3);

#endif
