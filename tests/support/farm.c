/* The farm for tests; see farm.h. */
#include "support/farm.h"

#include <check.h>
#include <stdlib.h>

static const furrow_test_mesh_service services[] = {
    [FARM_EMPLOYEE] = {"employee", FURROW_TEST_EMPLOYEE},
    [FARM_LOCATION] = {"location", FURROW_TEST_LOCATION},
    [FARM_JOB] = {"job", FURROW_TEST_JOB},
    [FARM_TIMESHEET] = {"timesheet", FURROW_TEST_TIMESHEET},
    [FARM_HARVEST] = {"harvest", FURROW_TEST_HARVEST},
    [FARM_PAYROLL] = {"payroll", FURROW_TEST_PAYROLL},
    [FARM_SERVICES] = {NULL, NULL},
};

/* What config/dev writes into every nats.conf about clients that do not read. To be freed. */
static char *nats_limits(void)
{
    static const char *const argv[] = {"bash", "-c", ". " FURROW_TEST_MESH_SH "; nats_limits", NULL};
    char *limits = NULL;
    int code = furrow_test_run(&(furrow_test_process_options){.argv = argv}, FARM_PATIENCE_MS, &limits);
    ck_assert_msg(code == 0, "%s", limits);
    return limits;
}

static void run_farm(void (*body)(farm *f), furrow_test_mesh_options options)
{
    char *limits = nats_limits();
    setenv("PAYROLL_RULES", FURROW_TEST_RULES, 1);
    options.tool = FURROW_TEST_TOOL;
    options.services = services;
    options.restricted = "Private";
    options.nats_config = limits;
    furrow_test_mesh_run(&options, body);
    free(limits);
}

void farm_run(void (*body)(farm *f))
{
    run_farm(body, (furrow_test_mesh_options){0});
}

void farm_run_single_account(void (*body)(farm *f))
{
    run_farm(body, (furrow_test_mesh_options){.single_account = true});
}

void farm_run_strict(void (*body)(farm *f))
{
    run_farm(body, (furrow_test_mesh_options){.strict = true});
}

void farm_run_cluster(void (*body)(farm *f))
{
    run_farm(body, (furrow_test_mesh_options){.nodes = FARM_NODES_MAX});
}

static furrow_test_process *start_program(farm *f, const char *user, const char *input, const char *const arguments[])
{
    const char *argv[16] = {FURROW_TEST_FARM};
    for (size_t i = 0; arguments[i]; i++) argv[i + 1] = arguments[i];
    return furrow_test_process_start(
        &(furrow_test_process_options){.argv = argv, .env = furrow_test_mesh_environment(f, user), .input = input});
}

furrow_test_process *farm_program_start(farm *f, const char *input, const char *const arguments[])
{
    return start_program(f, "operator", input, arguments);
}

char *farm_program_says(farm *f, const char *user, int expected, const char *const arguments[])
{
    char *output = NULL, *kept;
    int code = furrow_test_process_finish(start_program(f, user, NULL, arguments), FARM_PATIENCE_MS, &output);
    ck_assert_msg(code == expected, "%s: %d: %s", arguments[0], code, output);
    kept = farm_text(f, "%s", output);
    free(output);
    return kept;
}

void farm_start_all(farm *f, int replicas)
{
    furrow_test_mesh_start_all(f, replicas);
    furrow_test_mesh_answer(f, "location.v1.LocationService.CreateLocation",
                            "{\"id\":\"R1\",\"kind\":\"LOCATION_KIND_RANCH\",\"name\":\"Ranch\"}");
    furrow_test_mesh_answer(f, "location.v1.LocationService.CreateLocation",
                            "{\"id\":\"B1\",\"kind\":\"LOCATION_KIND_BLOCK\",\"name\":\"Block\",\"parentId\":\"R1\"}");
    furrow_test_mesh_answer(f, "job.v1.JobService.OpenJob",
                            "{\"id\":\"J1\",\"code\":\"J1\",\"name\":\"Job\",\"kind\":\"JOB_KIND_HARVEST\","
                            "\"pay\":{\"type\":\"PAY_TYPE_HOURLY\"},\"locationIds\":[\"B1\"]}");
}
