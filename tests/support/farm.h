/**
 * A whole mesh for tests: nats-server, redis-server and the four services as processes, provisioned, with a link to
 * talk to them. Each user has its own NKey, account, Redis password and permissions as `furrow permissions` derives
 * them; the link and calls are a client's (restricted methods the operator's), the tool is the operator's. Calls are
 * JSON, as a stock client's. Everything dies with the test. Threads: of a task on farm->loop.
 */
#ifndef FURROW_TEST_FARM_H
#define FURROW_TEST_FARM_H

#include "link/jetstream.h"
#include "support/process.h"
#include "support/servers.h"

#define FARM_REPLICAS_MAX 2
#define FARM_NODES_MAX    3
#define FARM_PATIENCE_MS  30000
#define FARM_CLIENT       "client"
#define FARM_OTHER_CLIENT "scanner" /* a program with a key of its own */

enum { FARM_EMPLOYEE, FARM_LOCATION, FARM_JOB, FARM_TIMESHEET, FARM_SERVICES };

typedef struct farm {
    furrow_test_server *nats, *redis;
    furrow_test_server *nodes[FARM_NODES_MAX]; /* of nats-server; `nats` is the first */
    size_t node_count;
    const char *url; /* of all nodes */
    furrow_test_process *services[FARM_SERVICES][FARM_REPLICAS_MAX];
    furrow_loop *loop;
    furrow_link *link;                /* as "client" */
    furrow_link *operator_link;       /* as "operator", in an account of its own */
    furrow_link *logs[FARM_SERVICES]; /* see farm_log */
    furrow_arena *arena;              /* of answers */
    char keys[256];                   /* the folder `furrow keys` filled */
    bool single_account;              /* all users and streams are in one; else each service has its own */
    bool strict;                      /* see farm_run_strict */
    const char *cluster;              /* of the configuration of the node that is being started */
} farm;

/* Runs @body as a task with servers running and nothing else: neither provisioned nor started. */
void farm_run(void (*body)(farm *f));
/* The same in a single account, as `furrow permissions --single-account` makes it. */
void farm_run_single_account(void (*body)(farm *f));

/* The same, and a client that is silent for four seconds is cut off, as config/dev has it: @body never stands still. */
void farm_run_strict(void (*body)(farm *f));
/* The same with a cluster of FARM_NODES_MAX nodes, in which every stream has so many copies. */
void farm_run_cluster(void (*body)(farm *f));

/* `furrow ARGUMENTS…` against this mesh: its exit code, its output (to be freed) in *output unless NULL. */
int farm_tool(farm *f, char **output, const char *const arguments[]);
/* The same with the keys of @user. */
int farm_tool_as(farm *f, const char *user, char **output, const char *const arguments[]);
/* The same, and it must end with @expected: its output, in the farm's arena. */
char *farm_tool_says(farm *f, const char *user, int expected, const char *const arguments[]);
/* Begun, and still running. */
furrow_test_process *farm_tool_start(farm *f, const char *const arguments[]);
/* The same with @input on its standard input. */
furrow_test_process *farm_tool_fed(farm *f, const char *input, const char *const arguments[]);
void farm_provision(farm *f);

/* Starts replica @replica of @service; farm_wait_ready until every started service serves. */
void farm_start(farm *f, int service, int replica);
void farm_start_with(farm *f, int service, int replica,
                     const char *const settings[]); /* "NAME=value", NULL-terminated */
void farm_wait_ready(farm *f, int service);
/* Provisions, starts @replicas of every service, waits until all serve, and makes ranch R1, block B1 and job J1. */
void farm_start_all(farm *f, int replicas);
void farm_kill(farm *f, int service, int replica);
/* A service that is none of the four, whose contract is in FURROW_CONTRACTS, with @settings ("NAME=value",
 * NULL-terminated) on top of what it needs. Ready when this returns. Destroyed by the caller. */
furrow_test_process *farm_start_other(farm *f, const char *name, const char *program, const char *const settings[]);
/* The same without waiting. */
furrow_test_process *farm_begin_other(farm *f, const char *name, const char *program, const char *const settings[]);

uint64_t farm_within_ms(uint64_t ms);

/* Calls @method ("employee.v1.EmployeeService.GetEmployee") with JSON; *answer (may be NULL) lives in the farm's arena.
 */
furrow_status farm_call(farm *f, const char *method, const char *json, char **answer, furrow_error *err);
/* The same with an Idempotency-Key. */
furrow_status farm_call_with(farm *f, const char *method, const char *json, const char *key, char **answer,
                             furrow_error *err);
/* Again while the status is UNAVAILABLE, DEADLINE_EXCEEDED or FAILED_PRECONDITION, until the patience ends. */
furrow_status farm_call_until(farm *f, const char *method, const char *json, char **answer, furrow_error *err);

/* The link that may call @method: the client's, or the operator's for a restricted one. Lent. */
furrow_link *farm_caller(farm *f, const char *method);

/* A second link, as @user ("inspector", "employee", "employee.log"); destroyed by the caller. */
furrow_link *farm_link_as(farm *f, const char *user);
/* The prefix of the inboxes that @user may listen on. */
char *farm_inbox(farm *f, const char *user);
/* A link with the rights of @service in its own account, where its log is. Lent. */
furrow_link *farm_log(farm *f, int service);
/* redis-cli with all it needs to be @user, as the beginning of a shell command. */
char *farm_redis_cli(farm *f, const char *user);
/* What it prints for @command, which it must take; in the farm's arena. */
char *farm_redis(farm *f, const char *user, const char *command);

/* printf into the farm's arena. */
char *farm_text(farm *f, const char *format, ...) FURROW_PRINTF(2, 3);

#endif
