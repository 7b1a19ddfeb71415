/*
 * `farm import` on a whole mesh: what it says of each row is so; nothing is made twice, and what is bad can be mended and
 * imported.
 */
#include "support/farm.h"
#include "support/tempdir.h"
#include "support/wait.h"
#include "wire/json.h"

#include <check.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define EMPLOYEE "employee.v1.EmployeeService."
#define LOCATION "location.v1.LocationService."
#define MANY     1000

static furrow_error err;

static void has(const char *text, const char *part)
{
    ck_assert_msg(strstr(text, part) != NULL, "no \"%s\" in:\n%s", part, text);
}

static void has_not(const char *text, const char *part)
{
    ck_assert_msg(strstr(text, part) == NULL, "\"%s\" in:\n%s", part, text);
}

static char *path_of(farm *f, const char *name)
{
    static const char *folder;
    if (!folder) folder = furrow_test_tempdir();
    return farm_text(f, "%s/%s", folder, name);
}

static char *file_of(farm *f, const char *name, const char *text)
{
    char *path = path_of(f, name);
    furrow_test_write_file(path, text);
    return path;
}

static char *text_of(farm *f, const char *path)
{
    char *text = furrow_test_read_file(path), *kept = furrow_arena_strdup(f->arena, text);
    free(text);
    return kept;
}

static char *run_import(farm *f, int expected, const char *const arguments[])
{
    const char *all[8] = {"import"};
    for (size_t i = 0; arguments[i]; i++) all[i + 1] = arguments[i];
    return farm_program_says(f, "operator", expected, all);
}

#define IMPORT(f, expected, ...) run_import(f, expected, (const char *const[]){__VA_ARGS__, NULL})

static char *employee(farm *f, const char *id)
{
    char *answer = NULL;
    ck_assert_msg(farm_call(f, EMPLOYEE "GetEmployee", farm_text(f, "{\"id\":\"%s\"}", id), &answer, &err) == FURROW_OK,
                  "%s: %s", id, err.text);
    return answer;
}

static size_t count_of(const char *text, const char *part)
{
    size_t count = 0;
    for (const char *at = text; (at = strstr(at, part)); at += strlen(part)) count++;
    return count;
}

/* ---- what there is, what differs ---- */

#define PEOPLE                                                                                                         \
    "id,given_name,family_name,badge,crew,contact.phone,hourly_rate_cents,hire_date,private.tax_id\n"                  \
    "E1,Ana,Luna,101,c1,+15595550101,1700,2026-01-02,TAX-1701\n"                                                       \
    "E2,Luis,Vega,102,c1,,,,\n"

static void update_people(farm *f)
{
    static const char changed[] = "id,given_name,family_name,badge,crew,contact.phone,private.tax_id\n"
                                  "E1,Ana,Luna,101,c2,+15595550199,TAX-1702\n"
                                  "E2,Luis,Vega,102,,,\n";
    char *path = file_of(f, "employees-2.csv", changed), *text = IMPORT(f, 1, path);
    has(text, "employees: 0 imported, 1 unchanged, 0 bad, 1 differ\n");
    has(text, "employees-2.csv:2: ALREADY_EXISTS: E1 exists and differs: ");
    has(text, "crew is \"c1\" and here \"c2\"");
    has(text, "contact.phone is \"+15595550101\" and here \"+15595550199\"");
    has(text, "private.tax_id");
    has_not(text, "TAX-1701"); /* what is private is nobody's to see */
    has_not(text, "TAX-1702");
    has(employee(f, "E1"), "\"c1\"");
    has(IMPORT(f, 0, "--update", "--dry-run", path), "0 imported, 1 unchanged, 0 bad, 1 updated (dry run");
    has(employee(f, "E1"), "\"c1\"");
    has(IMPORT(f, 0, "--update", path), "employees: 0 imported, 1 unchanged, 0 bad, 1 updated\n");
    has(employee(f, "E1"), "\"c2\"");
    has(employee(f, "E1"), "+15595550199");
    has(IMPORT(f, 0, "--update", path), "employees: 0 imported, 2 unchanged, 0 bad\n");
    has(IMPORT(f, 0, path), "employees: 0 imported, 2 unchanged, 0 bad\n");
}

static void truth(farm *f)
{
    farm_start_all(f, 1);
    char *people = file_of(f, "employees.csv", PEOPLE);
    has(IMPORT(f, 0, "--dry-run", people),
        "employees: 2 imported, 0 unchanged, 0 bad (dry run: nothing was written)\n");
    ck_assert_int_eq(farm_call(f, EMPLOYEE "GetEmployee", "{\"id\":\"E1\"}", NULL, &err), FURROW_NOT_FOUND);
    has(IMPORT(f, 0, people), "employees: 2 imported, 0 unchanged, 0 bad\n");
    has(IMPORT(f, 0, people), "employees: 0 imported, 2 unchanged, 0 bad\n");
    update_people(f);
    /* The first file is what it was, and the answers to it are still remembered: none of them is told. */
    has(IMPORT(f, 1, people), "employees: 0 imported, 1 unchanged, 0 bad, 1 differ\n");
    /* More than a message holds: every name all the same. */
    char *many = IMPORT(f, 1,
                        file_of(f, "employees-4.csv",
                                "id,given_name,family_name,badge,crew,contact.phone,hourly_rate_cents,private.tax_id\n"
                                "E1,Maria Guadalupe Concepcion Esperanza,Ramirez de la Fuente y Villanueva,909,"
                                "the crew of the far north block,+15595550142,2100,T7\n"));
    has(many, "E1 exists and differs: given_name, family_name, badge, crew, contact.phone, hourly_rate_cents, "
              "private.tax_id; --update applies the file");
    /* What cannot be changed is said to be so. */
    char *text = IMPORT(f, 1, "--update",
                        file_of(f, "employees-3.csv",
                                "id,given_name,family_name,badge,hire_date\n"
                                "E1,Ana,Luna,101,2020-01-02\n"));
    has(text, "0 imported, 0 unchanged, 1 bad");
    has(text, "hire_date");
    text = IMPORT(f, 1, "--update", file_of(f, "locations-1.csv", "id,kind,name\nR1,ranch,Another\n"));
    has(text, "0 imported, 0 unchanged, 1 bad");
    has(text, "name");
    /* Another's badge is no "unchanged". */
    text = IMPORT(f, 1, file_of(f, "employees-4.csv", "id,given_name,family_name,badge\nE9,Eva,Cruz,101\n"));
    has(text, "0 imported, 0 unchanged, 1 bad");
    has(text, "badge 101");
}

START_TEST(a_row_is_what_it_is_said_to_be)
{
    farm_run(truth);
}
END_TEST

/* ---- files ---- */

static void bad_rows(farm *f)
{
    static const char mixed[] = "id;given_name;family_name;badge;crew;;\r\n"
                                "B1;Jos\xe9;Luna;201;c1;;\r\n"
                                "B2;Ana;\"Luna; the elder\";202;c1;;\r\n"
                                "B2;Eva;Luna;203;c1;;\r\n"
                                "B4;Eva;Luna;no badge;c1;;\r\n"
                                ";;;;;;\r\n"
                                "B5;Eva;Luna;205;c1;;x\r\n";
    char *text = IMPORT(f, 1, file_of(f, "employees-mixed.csv", mixed));
    has(text, "employees: 1 imported, 0 unchanged, 4 bad\n");
    has(text, "employees-mixed.csv:2: INVALID_ARGUMENT: given_name is not UTF-8");
    has(text, "employees-mixed.csv:4: INVALID_ARGUMENT: the id B2 is that of line 3 too");
    has(text, "employees-mixed.csv:5: INVALID_ARGUMENT: badge ");
    has(text, "employees-mixed.csv:7: INVALID_ARGUMENT: has 7 fields, the header 5");
    ck_assert_int_eq(farm_call(f, EMPLOYEE "GetEmployee", "{\"id\":\"B1\"}", NULL, &err), FURROW_NOT_FOUND);
    has(employee(f, "B2"), "Luna; the elder");
    char *bad = text_of(f, path_of(f, "employees-mixed.bad.csv"));
    has(bad, "id,given_name,family_name,badge,crew,#why\nB1,Jos\xe9,Luna,201,c1,");
    has_not(bad, "B2,Ana");
    /* Nothing in it is good as it is; what is mended is imported, and the rest stays bad. */
    text = IMPORT(f, 1, path_of(f, "employees-mixed.bad.csv"));
    has(text, "employees: 0 imported, 0 unchanged, 3 bad, 1 differ\n"); /* B2 is now alone in its file */
    has(text_of(f, path_of(f, "employees-mixed.bad.bad.csv")), "#why\nB1,Jos\xe9,");
    file_of(f, "employees-mended.csv",
            "id,given_name,family_name,badge,crew,#why\nB1,Jos\xc3\xa9,Luna,201,c1,\"not, UTF-8\"\n");
    has(IMPORT(f, 0, path_of(f, "employees-mended.csv")), "employees: 1 imported, 0 unchanged, 0 bad\n");
    /* A file of bad rows is never written over. */
    IMPORT(f, 1, path_of(f, "employees-mixed.csv"));
    ck_assert_str_eq(text_of(f, path_of(f, "employees-mixed.bad.csv")), bad);
    has(text_of(f, path_of(f, "employees-mixed.bad-2.csv")), "#why\n");
}

/* One that was begun: all that it said, to be freed. 137: it had not ended in that time, and was killed. */
static char *finish_import(furrow_test_process *program, uint64_t within_ms, int expected)
{
    char *output = NULL;
    int code = furrow_test_process_finish(program, within_ms, &output);
    ck_assert_msg(code == expected, "%d: %s", code, output);
    return output;
}

static void read_standard_input(farm *f)
{
    furrow_test_process *tool =
        farm_program_start(f, "code,name,kind,pay.type\nX1,Cafe\xcc,prune,hourly\n", /* cut short */
                           (const char *const[]){"import", "--kind", "jobs", "--dry-run", "-", NULL});
    char *output = finish_import(tool, FARM_PATIENCE_MS, 1);
    has(output, "standard input:2: INVALID_ARGUMENT: name is not UTF-8");
    free(output);
    tool = farm_program_start(f, "code,name,kind,pay.type\rX1,Caf\xe9,prune,hourly\r",
                              (const char *const[]){"import", "--encoding", "latin1", "--kind", "jobs", "-", NULL});
    output = finish_import(tool, FARM_PATIENCE_MS, 0);
    has(output, "jobs: 1 imported, 0 unchanged, 0 bad\n");
    free(output);
    char *answer = NULL;
    ck_assert_int_eq(farm_call(f, "job.v1.JobService.ListJobs", "{\"codePrefix\":\"X1\"}", &answer, &err), FURROW_OK);
    has(answer, "Caf\xc3\xa9");
    has(IMPORT(f, 2, "-"), "--kind");
    has(IMPORT(f, 2, file_of(f, "people.csv", "id\n")), "people.csv: of what kind? use --kind");
    has(IMPORT(f, 1, path_of(f, "nowhere.csv")), "nowhere.csv: No such file or directory");
}

/* Two ways to write a name are one name, in a file, in what is stored and in what is looked for. */
static void normal_forms(farm *f)
{
    char *answer = NULL;
    const char *const decomposed = "id,given_name,family_name,badge\nN1,Nu\xcc\x81n\xcc\x83\x65z,\xc5\x81uk,301\n",
                      *const composed = "id,given_name,family_name,badge\nN1,N\xc3\xba\xc3\xb1\x65z,\xc5\x81uk,301\n";
    has(IMPORT(f, 0, file_of(f, "employees-nfd.csv", decomposed)), "employees: 1 imported, 0 unchanged, 0 bad\n");
    has(employee(f, "N1"), "N\xc3\xba\xc3\xb1\x65z");
    has(IMPORT(f, 0, file_of(f, "employees-nfc.csv", composed)), "employees: 0 imported, 1 unchanged, 0 bad\n");
    for (size_t i = 0; i < 3; i++) {
        const char *const asked[] = {"nunez luk", "NU\xcc\x81\xc3\x91", "n\xc3\xba"};
        ck_assert_int_eq(
            farm_call(f, EMPLOYEE "ListEmployees", farm_text(f, "{\"namePrefix\":\"%s\"}", asked[i]), &answer, &err),
            FURROW_OK);
        has(answer, "\"N1\"");
    }
    has(IMPORT(f, 1, file_of(f, "employees-blank.csv", "id,given_name,family_name,badge\nN2,\xe2\x80\x8b,Luna,302\n")),
        "given_name");
}

static void files(farm *f)
{
    farm_start_all(f, 1);
    normal_forms(f);
    bad_rows(f);
    read_standard_input(f);
    /* Without ids, and twice: each is there once. */
    char *places =
        file_of(f, "locations-2.csv", "kind,name,parent_id\nblock,North,R1\nblock,South,R1\nblock,North,R1\n");
    char *text = IMPORT(f, 1, places), *answer = NULL;
    has(text, "locations: 2 imported, 0 unchanged, 1 bad\n");
    has(text, "locations-2.csv:4: INVALID_ARGUMENT: is line 2 once more");
    has(IMPORT(f, 1, places), "locations: 0 imported, 2 unchanged, 1 bad\n");
    ck_assert_int_eq(farm_call(f, LOCATION "ListLocations", "{\"parentId\":\"R1\"}", &answer, &err), FURROW_OK);
    ck_assert_uint_eq(count_of(answer, "\"North\""), 1);
    ck_assert_uint_eq(count_of(answer, "\"South\""), 1);
    /* A header that cannot be meant. */
    has(IMPORT(f, 1, file_of(f, "jobs-1.csv", "code,name,code\nA,B,C\n")), "two columns code");
    has(IMPORT(f, 1, file_of(f, "jobs-2.csv", "code,,name\nA,B,C\n")), "column 2 has no name");
    has(IMPORT(f, 1, file_of(f, "jobs-3.csv", "code,wages\nA,B\n")), "no column wages");
    has(IMPORT(f, 2, "--surprise", places), "--surprise");
    text = IMPORT(f, 1, "--json", "--dry-run", places);
    has(text, "\"line\":4,\"state\":\"bad\",\"reason\":\"INVALID_ARGUMENT: is line 2 once more\"}\n");
    has(text, "\"kind\":\"locations\",\"imported\":0,\"unchanged\":2,\"updated\":0,\"differ\":0,\"bad\":1,\"left\":0,");
}

START_TEST(bad_rows_can_be_mended_and_imported)
{
    farm_run(files);
}
END_TEST

/* ---- cut off ---- */

static char *many_jobs(farm *f)
{
    char *path = path_of(f, "jobs-many.csv");
    FILE *out = fopen(path, "w");
    ck_assert_ptr_nonnull(out);
    fprintf(out, "code,name,kind,pay.type\n");
    for (int i = 0; i < MANY; i++) fprintf(out, "M%d,Number %d,prune,hourly\n", i, i);
    fclose(out);
    return path;
}

static size_t jobs_there(farm *f)
{
    size_t count = 0;
    char *token = "";
    do {
        char *answer = NULL, *next = "";
        if (farm_call_until(f, "job.v1.JobService.ListJobs",
                            farm_text(f, "{\"codePrefix\":\"M\",\"pageSize\":500,\"pageToken\":\"%s\"}", token),
                            &answer, &err) != FURROW_OK)
            return 0;
        count += count_of(answer, "\"Number ");
        furrow_json_find_text(furrow_bytes_of(answer), "nextPageToken", f->arena, &next);
        token = next;
    } while (token[0]);
    return count;
}

static void cut_off(farm *f)
{
    farm_start_all(f, 1);
    const char *const arguments[] = {"import", many_jobs(f), NULL};
    furrow_test_process *tool = farm_program_start(f, NULL, arguments);
    ck_assert(FURROW_TEST_EVENTUALLY_IN_TASK(jobs_there(f) > 0, FARM_PATIENCE_MS));
    furrow_test_process_signal(tool, SIGINT);
    char *output = finish_import(tool, FARM_PATIENCE_MS, 1);
    has(output, " left: stopped; run it again to go on\n");
    has_not(output, "jobs-many.csv:"); /* what was not tried is not bad */
    free(output);
    size_t before = jobs_there(f);
    ck_assert_uint_lt(before, MANY);
    tool = farm_program_start(f, NULL, arguments);
    ck_assert(FURROW_TEST_EVENTUALLY_IN_TASK(jobs_there(f) > before, FARM_PATIENCE_MS));
    farm_kill(f, FARM_JOB, 0);
    farm_start(f, FARM_JOB, 0);
    /* What was under way runs into its deadline, and few are sent at once from then on: slow beside other work. */
    output = finish_import(tool, 5 * FARM_PATIENCE_MS, 0);
    has(output, " 0 bad\n");
    free(output);
    ck_assert_uint_eq(jobs_there(f), MANY);
    has(IMPORT(f, 0, arguments[1]), farm_text(f, "jobs: 0 imported, %d unchanged, 0 bad\n", MANY));
    ck_assert_uint_eq(jobs_there(f), MANY);
}

START_TEST(an_import_that_was_cut_off_goes_on_and_doubles_nothing)
{
    farm_run(cut_off);
}
END_TEST

static void seeded(farm *f)
{
    char *folder = path_of(f, "ranch"), *again = path_of(f, "ranch-again"), *people = path_of(f, "ranch/employees.csv");
    farm_start_all(f, 1);
    for (int i = 0; i < 2; i++)
        farm_program_says(
            f, "operator", 0,
            (const char *const[]){"seed", "--seed", "5", "--people", "30", "--out", i ? again : folder, NULL});
    const char *const diff[] = {"diff", "-r", folder, again, NULL};
    ck_assert_int_eq(furrow_test_run(&(furrow_test_process_options){.argv = diff}, FARM_PATIENCE_MS, NULL), 0);
    has(IMPORT(f, 0, people), "30 imported, 0 unchanged, 0 bad");
    has(IMPORT(f, 0, people), "0 imported, 30 unchanged, 0 bad");
    char *bad = file_of(f, "employees-some-bad.csv",
                        "id,given_name,family_name,badge,hire_date\nX1,A,B,900001,2026-01-01\nX2,A,B,900002,someday\n"
                        "X3,A,B,100001,2026-01-01\n\"X4\",\"A, B\",C,900004,2026-01-01\n");
    char *output = IMPORT(f, 1, bad);
    has(output, "2 imported, 0 unchanged, 2 bad");
    has(output, "employees-some-bad.csv:3:");
    has(output, "hire_date");
    has(output, "employees-some-bad.csv:4:");
    has(output, "E00001");
    has(IMPORT(f, 1, file_of(f, "employees-odd.csv", "id,surname\nX1,A\n")), "no column surname");
}

START_TEST(a_seeded_ranch_is_always_the_same_and_is_imported_once)
{
    farm_run(seeded);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("import");
    TCase *cases = tcase_create("import");
    tcase_set_timeout(cases, 300);
    tcase_add_test(cases, a_row_is_what_it_is_said_to_be);
    tcase_add_test(cases, bad_rows_can_be_mended_and_imported);
    tcase_add_test(cases, an_import_that_was_cut_off_goes_on_and_doubles_nothing);
    tcase_add_test(cases, a_seeded_ranch_is_always_the_same_and_is_imported_once);
    suite_add_tcase(suite, cases);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
