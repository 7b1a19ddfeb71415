/**
 * The farm for tests: a mesh (mesh.h) of the farm's services. Restricted methods are called as the operator. Threads: of a
 * task on farm->loop.
 */
#ifndef FURROW_TEST_FARM_H
#define FURROW_TEST_FARM_H

#include "support/mesh.h"

enum { FARM_EMPLOYEE, FARM_LOCATION, FARM_JOB, FARM_TIMESHEET, FARM_HARVEST, FARM_PAYROLL, FARM_SERVICES };

typedef furrow_test_mesh farm;

/* Runs @body as a task with servers running and nothing else: neither provisioned nor started. */
void farm_run(void (*body)(farm *f));
/* The same in a single account, as `furrow permissions --single-account` makes it. */
void farm_run_single_account(void (*body)(farm *f));
/* The same, and a client that is silent for four seconds is cut off, as config/dev has it: @body never stands still. */
void farm_run_strict(void (*body)(farm *f));
/* The same with a cluster of FARM_NODES_MAX nodes, in which every stream has so many copies. */
void farm_run_cluster(void (*body)(farm *f));

/* Provisions, starts @replicas of every service, waits until all serve, and makes ranch R1, block B1 and job J1. */
void farm_start_all(farm *f, int replicas);

/* `farm ARGUMENTS…`, the farm's own program, as @user: its output, in the mesh's arena. It must end with @expected. */
char *farm_program_says(farm *f, const char *user, int expected, const char *const arguments[]);
/* Begun as the operator, with @input on its standard input unless NULL, and still running. */
furrow_test_process *farm_program_start(farm *f, const char *input, const char *const arguments[]);

/* The rest is what every mesh has, by the names that our tests call it. */
#define FARM_REPLICAS_MAX FURROW_TEST_MESH_REPLICAS
#define FARM_NODES_MAX    FURROW_TEST_MESH_NODES
#define FARM_PATIENCE_MS  FURROW_TEST_MESH_PATIENCE_MS
#define FARM_CLIENT       FURROW_TEST_MESH_CLIENT
#define FARM_OTHER_CLIENT FURROW_TEST_MESH_OTHER_CLIENT
#define farm_tool         furrow_test_mesh_tool
#define farm_tool_as      furrow_test_mesh_tool_as
#define farm_tool_says    furrow_test_mesh_tool_says
#define farm_tool_start   furrow_test_mesh_tool_start
#define farm_tool_fed     furrow_test_mesh_tool_fed
#define farm_provision    furrow_test_mesh_provision
#define farm_start        furrow_test_mesh_start
#define farm_start_with   furrow_test_mesh_start_with
#define farm_wait_ready   furrow_test_mesh_wait_ready
#define farm_kill         furrow_test_mesh_kill
#define farm_start_other  furrow_test_mesh_start_other
#define farm_begin_other  furrow_test_mesh_begin_other
#define farm_within_ms    furrow_test_mesh_within_ms
#define farm_call         furrow_test_mesh_call
#define farm_call_with    furrow_test_mesh_call_with
#define farm_call_until   furrow_test_mesh_call_until
#define farm_caller       furrow_test_mesh_caller
#define farm_link_as      furrow_test_mesh_link_as
#define farm_inbox        furrow_test_mesh_inbox
#define farm_log          furrow_test_mesh_log
#define farm_redis_cli    furrow_test_mesh_redis_cli
#define farm_redis        furrow_test_mesh_redis
#define farm_text         furrow_test_mesh_text

#endif
