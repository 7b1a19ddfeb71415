/*
 * `farm simulate` on a whole mesh: a season ends with a clean audit and totals that are what the tickets come to; the
 * same seed ends in the same state, also when services are killed in the middle; what it cannot play it says, and
 * writes nothing.
 */
#include "base/clock.h"
#include "support/farm.h"
#include "support/wait.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define DAYS        3
#define DAY_S       86400
#define SIMULATE_MS 240000 /* also on a machine that has much else to do */
#define DIGEST      "digest "

static char dates[DAYS][16]; /* once for all meshes: midnight may pass */

static void set_dates(void)
{
    time_t now = time(NULL);
    struct tm parts;
    for (int i = 0; i < DAYS; i++) {
        time_t at = now - (DAYS + 1 - i) * DAY_S; /* the last is the day before yesterday at the most */
        gmtime_r(&at, &parts);
        strftime(dates[i], sizeof dates[i], "%Y-%m-%d", &parts);
    }
}

static void start_for_a_season(farm *f)
{
    farm_provision(f);
    for (int s = 0; s < FARM_SERVICES; s++)
        farm_start_with(f, s, 0, (const char *const[]){"FURROW_CLOCK_LATE_HOURS=168", NULL});
    for (int s = 0; s < FARM_SERVICES; s++) farm_wait_ready(f, s);
}

static furrow_test_process *begin_season(farm *f, const char *speed)
{
    return farm_program_start(f, NULL,
                              (const char *const[]){"simulate", "--employees", "40", "--days", "3", "--seed", "7",
                                                    "--from", dates[0], "--speed", speed, NULL});
}

/* Its digest, lent from the mesh's arena. */
static char *end_season(farm *f, furrow_test_process *season)
{
    char *output = NULL;
    int code = furrow_test_process_finish(season, SIMULATE_MS, &output);
    ck_assert_msg(code == 0, "%d: %s", code, output);
    ck_assert_msg(strstr(output, " 0 otherwise") != NULL, "%s", output);
    ck_assert_msg(strstr(output, ", 0 wrong\ndigest ") != NULL, "%s", output);
    char *kept = farm_text(f, "%s", strstr(output, DIGEST));
    free(output);
    return kept;
}

static char digest[64], other[64];

static void season_body(farm *f)
{
    start_for_a_season(f);
    snprintf(digest, sizeof digest, "%s", end_season(f, begin_season(f, "0")));
    const char *const again[] = {"simulate", "--employees", "40", "--days", "3", "--seed", "7", NULL};
    char *refused = NULL;
    ck_assert_int_ne(furrow_test_process_finish(farm_program_start(f, NULL, again), SIMULATE_MS, &refused), 0);
    free(refused);
}

static void kill_and_start(farm *f, int service)
{
    farm_kill(f, service, 0);
    farm_start_with(f, service, 0, (const char *const[]){"FURROW_CLOCK_LATE_HOURS=168", NULL});
}

static void broken_body(farm *f)
{
    start_for_a_season(f);
    furrow_test_process *season = begin_season(f, "20000");
    char *second_day = farm_text(f, "{\"date\":\"%s\",\"pageSize\":1}", dates[1]);
    ck_assert(furrow_test_mesh_becomes(f, "harvest.v1.HarvestService.ListTickets", second_day, "\"ticket\""));
    kill_and_start(f, FARM_HARVEST);
    kill_and_start(f, FARM_TIMESHEET);
    kill_and_start(f, FARM_EMPLOYEE);
    snprintf(other, sizeof other, "%s", end_season(f, season));
}

START_TEST(a_seed_makes_one_season_whatever_is_killed_meanwhile)
{
    set_dates();
    farm_run(season_body);
    farm_run(broken_body);
    ck_assert_int_eq((int)strlen(digest), (int)strlen(DIGEST) + 33);
    ck_assert_str_eq(digest, other);
}
END_TEST

static void refused_says(farm *f, int expected, const char *text, const char *const arguments[])
{
    char *output = NULL;
    furrow_test_process *program = farm_program_start(f, NULL, arguments);
    bool said = furrow_test_process_wait_for(program, text, SIMULATE_MS);
    int code = furrow_test_process_finish(program, SIMULATE_MS, &output);
    ck_assert_msg(said && code == expected, "%d, no \"%s\": %s", code, text, output);
    free(output);
}

#define REFUSED(f, expected, text, ...)                                                                                \
    refused_says(f, expected, text, (const char *const[]){"simulate", __VA_ARGS__, NULL})

static void wrong_body(farm *f)
{
    farm_start_all(f, 1); /* with strokes of 36 hours */
    REFUSED(f, 1, "start it with FURROW_CLOCK_LATE_HOURS=", "--employees", "40", "--days", "6");
    REFUSED(f, 2, "is not a date; write it as", "--from", "yesterday");
    REFUSED(f, 2, "the season must lie in the past", "--from", "2200-01-01");
    REFUSED(f, 2, "is more than 89 days ago", "--from", "2020-01-01");
    REFUSED(f, 2, "--employees", "--employees", "3");
    REFUSED(f, 2, "--days", "--days", "81");
    furrow_error err;
    ck_assert_int_eq(farm_call(f, "location.v1.LocationService.GetLocation", "{\"id\":\"S1-R\"}", NULL, &err),
                     FURROW_NOT_FOUND);
}

START_TEST(what_cannot_be_played_is_told_and_writes_nothing)
{
    farm_run(wrong_body);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("simulate");
    TCase *cases = tcase_create("simulate");
    tcase_set_timeout(cases, 300);
    tcase_add_test(cases, a_seed_makes_one_season_whatever_is_killed_meanwhile);
    tcase_add_test(cases, what_cannot_be_played_is_told_and_writes_nothing);
    suite_add_tcase(suite, cases);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
