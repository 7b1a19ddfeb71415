/**
 * A whole mesh for tests: nats-server, redis-server and the four services as processes, provisioned, with a link to
 * talk to them. Each user has its own NKey, Redis password and permissions as `furrow permissions` derives them; the
 * link and the tool are the operator's. Calls are JSON, as a stock client's. Everything dies with the test. Threads: of
 * a task on farm->loop.
 */
#ifndef FURROW_TEST_FARM_H
#define FURROW_TEST_FARM_H

#include "link/jetstream.h"
#include "support/process.h"
#include "support/servers.h"

#define FARM_REPLICAS_MAX 2
#define FARM_PATIENCE_MS  30000

enum { FARM_EMPLOYEE, FARM_LOCATION, FARM_JOB, FARM_TIMESHEET, FARM_SERVICES };

typedef struct farm {
    furrow_test_server *nats, *redis;
    furrow_test_process *services[FARM_SERVICES][FARM_REPLICAS_MAX];
    furrow_loop *loop;
    furrow_link *link;
    furrow_arena *arena; /* of answers */
    char keys[256];      /* the folder `furrow keys` filled */
} farm;

/* Runs @body as a task with servers running and nothing else: neither provisioned nor started. */
void farm_run(void (*body)(farm *f));

/* `furrow ARGUMENTS…` against this mesh: its exit code, its output (to be freed) in *output unless NULL. */
int farm_tool(farm *f, char **output, const char *const arguments[]);
void farm_provision(farm *f);

/* Starts replica @replica of @service; farm_wait_ready until every started service serves. */
void farm_start(farm *f, int service, int replica);
void farm_wait_ready(farm *f, int service);
/* Provisions, starts @replicas of every service, waits until all serve, and makes ranch R1, block B1 and job J1. */
void farm_start_all(farm *f, int replicas);
void farm_kill(farm *f, int service, int replica);

uint64_t farm_within_ms(uint64_t ms);

/* Calls @method ("employee.v1.EmployeeService.GetEmployee") with JSON; *answer (may be NULL) lives in the farm's arena.
 */
furrow_status farm_call(farm *f, const char *method, const char *json, char **answer, furrow_error *err);
/* The same with an Idempotency-Key. */
furrow_status farm_call_with(farm *f, const char *method, const char *json, const char *key, char **answer,
                             furrow_error *err);
/* Again while the status is UNAVAILABLE, DEADLINE_EXCEEDED or FAILED_PRECONDITION, until the patience ends. */
furrow_status farm_call_until(farm *f, const char *method, const char *json, char **answer, furrow_error *err);

/* A second link, as @user; destroyed by the caller. */
furrow_link *farm_link_as(farm *f, const char *user);
/* redis-cli with all it needs to be @user, as the beginning of a shell command. */
char *farm_redis_cli(farm *f, const char *user);

/* printf into the farm's arena. */
char *farm_text(farm *f, const char *format, ...) FURROW_PRINTF(2, 3);

#endif
