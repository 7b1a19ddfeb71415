/*
 * Commands of which only the decision was written (runtime/command.h), on a mesh of real servers: what is refused before
 * it is decided, what is written of it, and that nothing is lost or held twice whoever decides at once. The service is
 * orchard/orchard.c, in two processes.
 */
#include "support/mesh.h"

#include "base/loop.h"
#include "base/task.h"
#include "orchard/v1/orchard.client.h"
#include "support/wait.h"
#include "wire/detail.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#define ORCHARD "orchard.v1.OrchardService."
#define ALL     12
#define EACH    5

static furrow_error err;

static void orchard_run(void (*body)(furrow_test_mesh *mesh))
{
    static const furrow_test_mesh_service services[] = {{"orchard", FURROW_TEST_ORCHARD}, {NULL, NULL}};
    furrow_test_mesh_run(&(furrow_test_mesh_options){.tool = FURROW_TEST_TOOL,
                                                     .contracts = FURROW_TEST_ORCHARD_CONTRACTS,
                                                     .services = services},
                         body);
}

/* The answer, which must be OK at once. Not inlined: gcc 12 at -O3 takes what it returns for the address of a local. */
__attribute__((noinline)) static char *must(furrow_test_mesh *mesh, const char *method, const char *json)
{
    char *answer = NULL;
    furrow_status status = furrow_test_mesh_call(mesh, method, json, &answer, &err);
    ck_assert_msg(status == FURROW_OK, "%s %s: %s", method, json, err.text);
    return answer;
}

static void has(const char *text, const char *part)
{
    ck_assert_msg(strstr(text, part) != NULL, "no %s in %s", part, text);
}

static void refused(furrow_test_mesh *mesh, const char *method, const char *json, furrow_status code, const char *text)
{
    char *answer = NULL;
    ck_assert_int_eq(furrow_test_mesh_call(mesh, method, json, &answer, &err), code);
    has(err.text, text);
}

/* The last refusal was about that entity. */
static void about(const char *type, const char *id)
{
    furrow_arena *arena = furrow_arena_create(0);
    const Furrow__V1__ResourceInfo *info = furrow_detail_resource_info(&err, arena);
    ck_assert_msg(info != NULL, "%s", err.text);
    ck_assert_str_eq(info->resource_type, type);
    ck_assert_str_eq(info->resource_name, id);
    furrow_arena_destroy(arena);
}

/* Something else has to change first. */
static void needs(const char *type, const char *id)
{
    furrow_arena *arena = furrow_arena_create(0);
    const Furrow__V1__PreconditionFailure *failure = furrow_detail_precondition_failure(&err, arena);
    ck_assert_msg(failure != NULL, "%s", err.text);
    ck_assert_str_eq(failure->violations[0]->type, type);
    ck_assert_str_eq(failure->violations[0]->subject, id);
    furrow_arena_destroy(arena);
}

/* "…,"version":"17"}" */
static long version_of(const char *answer)
{
    const char *at = strstr(answer, "\"version\":\"");
    ck_assert_msg(at != NULL, "%s", answer);
    return strtol(at + strlen("\"version\":\""), NULL, 10);
}

static void presence(furrow_test_mesh *mesh)
{
    char *planted, *again;
    furrow_test_mesh_start_all(mesh, 2);
    refused(mesh, ORCHARD "PlantTree", "{\"id\":\"a b\"}", FURROW_INVALID_ARGUMENT, "id");
    refused(mesh, ORCHARD "PlantTree", "{\"id\":\"T1\",\"besideId\":\"no id\"}", FURROW_INVALID_ARGUMENT, "beside_id");
    refused(mesh, ORCHARD "PlantTree", "{\"id\":\"T1\",\"besideId\":\"T0\"}", FURROW_FAILED_PRECONDITION,
            "nothing stands at T0");
    has(must(mesh, ORCHARD "PlantTree", "{\"id\":\"T1\"}"), "\"updatedAt\"");
    must(mesh, ORCHARD "PlantTree", "{\"id\":\"T2\",\"besideId\":\"T1\"}");
    refused(mesh, ORCHARD "PlantTree", "{\"id\":\"T1\"}", FURROW_ALREADY_EXISTS, "plant T1 exists");
    about("orchard.v1.Plant", "T1");
    refused(mesh, ORCHARD "MeasureTree", "{\"tree\":{\"id\":\"T9\"}}", FURROW_NOT_FOUND, "no plant T9");
    about("orchard.v1.Plant", "T9");
    refused(mesh, ORCHARD "MeasureTree", "{}", FURROW_INVALID_ARGUMENT, "tree.id");
    ck_assert_int_eq(furrow_test_mesh_call_with(mesh, ORCHARD "PlantTree", "{}", "key-1", &planted, &err), FURROW_OK);
    ck_assert_int_eq(furrow_test_mesh_call_with(mesh, ORCHARD "PlantTree", "{}", "key-1", &again, &err), FURROW_OK);
    ck_assert_str_eq(planted, again); /* an id was made, once */
}

START_TEST(what_must_be_there_or_not_is_looked_after)
{
    orchard_run(presence);
}
END_TEST

static void changes(furrow_test_mesh *mesh)
{
    furrow_test_mesh_start_all(mesh, 2);
    long first = version_of(must(mesh, ORCHARD "PlantTree", "{\"id\":\"T1\"}"));
    long second = version_of(must(mesh, ORCHARD "MeasureTree", "{\"tree\":{\"id\":\"T1\",\"size\":{\"heightCm\":5}}}"));
    ck_assert_int_gt(second, first);
    const char *same = "{\"tree\":{\"id\":\"T1\",\"size\":{\"heightCm\":5}}}";
    ck_assert_int_eq(version_of(must(mesh, ORCHARD "MeasureTree", same)), second);
    const char *taller = must(mesh, ORCHARD "MeasureTree", "{\"tree\":{\"id\":\"T1\",\"size\":{\"heightCm\":6}}}");
    ck_assert_int_gt(version_of(taller), second);
    has(taller, "\"heightCm\":\"6\"");
    char *text = furrow_test_mesh_text(mesh, "{\"tree\":{\"id\":\"T1\"},\"version\":\"%ld\"}", second);
    refused(mesh, ORCHARD "MeasureTree", text, FURROW_ABORTED, "read it again");
    needs("VERSION", "T1");
    refused(mesh, ORCHARD "MeasureTree", "{\"tree\":{\"id\":\"T1\"},\"version\":-1}", FURROW_INVALID_ARGUMENT,
            "version");
    text = furrow_test_mesh_text(mesh, "{\"tree\":{\"id\":\"T1\"},\"version\":\"%ld\"}", version_of(taller));
    ck_assert_int_eq(version_of(must(mesh, ORCHARD "MeasureTree", text)), version_of(taller));
}

START_TEST(only_what_has_changed_is_written)
{
    orchard_run(changes);
}
END_TEST

static void uniques(furrow_test_mesh *mesh)
{
    char *answer;
    furrow_test_mesh_start_all(mesh, 2);
    must(mesh, ORCHARD "PlantTree", "{\"id\":\"T1\",\"tag\":\"A\"}");
    must(mesh, ORCHARD "PlantTree", "{\"id\":\"T2\",\"tag\":\"B\",\"besideId\":\"T1\"}");
    must(mesh, ORCHARD "PlantTree", "{\"id\":\"T3\"}");
    must(mesh, ORCHARD "PlantTree", "{\"id\":\"T4\"}"); /* no tag is nobody's */
    refused(mesh, ORCHARD "PlantTree", "{\"id\":\"T5\",\"tag\":\"A\"}", FURROW_ALREADY_EXISTS, "tag A: held by T1");
    about("orchard.v1.Plant", "T1");
    refused(mesh, ORCHARD "JoinTrees", "{\"id\":\"T2\"}", FURROW_ALREADY_EXISTS, "tag A: held by T1");
    must(mesh, ORCHARD "MeasureTree", "{\"tree\":{\"id\":\"T1\",\"tag\":\"C\"}}"); /* gives A back */
    must(mesh, ORCHARD "PlantTree", "{\"id\":\"T5\",\"tag\":\"A\"}");
    must(mesh, ORCHARD "MeasureTree", "{\"tree\":{\"id\":\"T5\",\"size\":{\"heightCm\":2000}}}");
    must(mesh, ORCHARD "PlantTree", "{\"id\":\"OAK\"}");
    refused(mesh, ORCHARD "FellTree", "{\"id\":\"OAK\"}", FURROW_PERMISSION_DENIED, "nobody fells the OAK");
    refused(mesh, ORCHARD "FellTree", "{\"id\":\"T5\"}", FURROW_FAILED_PRECONDITION, "too tall");
    ck_assert_int_eq(furrow_test_mesh_call_with(mesh, ORCHARD "FellTree", "{\"id\":\"T1\"}", "fell", &answer, &err),
                     FURROW_OK);
    ck_assert_int_eq(furrow_test_mesh_call_with(mesh, ORCHARD "FellTree", "{\"id\":\"T1\"}", "fell", &answer, &err),
                     FURROW_OK);
    refused(mesh, ORCHARD "FellTree", "{\"id\":\"T1\"}", FURROW_NOT_FOUND, "no plant T1");
    must(mesh, ORCHARD "PlantTree", "{\"id\":\"T6\",\"tag\":\"C\"}");
    refused(mesh, ORCHARD "JoinTrees", "{\"id\":\"T2\"}", FURROW_FAILED_PRECONDITION, "beside T1 does not exist");
    needs("orchard.v1.Plant", "T1");
    must(mesh, ORCHARD "PlantTree", "{\"id\":\"T1\",\"tag\":\"D\"}"); /* it may come back */
    refused(mesh, ORCHARD "JoinTrees", "{\"id\":\"T1\"}", FURROW_FAILED_PRECONDITION, "plant T1 has no beside_id");
    must(mesh, ORCHARD "MeasureTree", "{\"tree\":{\"id\":\"T1\",\"tag\":\"none\"}}");
    must(mesh, ORCHARD "PlantTree", "{\"id\":\"T7\",\"tag\":\"D\"}");
}

START_TEST(a_unique_value_is_held_once_and_given_back)
{
    orchard_run(uniques);
}
END_TEST

/* Who meets a claim that nobody makes use of waits, and writes its holder anew: there is none. */
static void broken_rules(furrow_test_mesh *mesh)
{
    furrow_test_mesh_start_all(mesh, 2);
    const char *as_it_is = "{\"tree\":{\"id\":\"T1\"}}";
    long version = version_of(must(mesh, ORCHARD "PlantTree", "{\"id\":\"T1\",\"tag\":\"A\"}"));
    refused(mesh, ORCHARD "MeasureTree", "{\"tree\":{\"id\":\"T1\",\"tag\":\"B\",\"size\":{\"heightCm\":-1}}}",
            FURROW_INTERNAL, "is below the ground");
    must(mesh, ORCHARD "PlantTree", "{\"id\":\"T2\",\"tag\":\"B\"}");
    ck_assert_int_eq(version_of(must(mesh, ORCHARD "MeasureTree", as_it_is)), version);
}

START_TEST(what_breaks_the_rules_claims_nothing)
{
    orchard_run(broken_rules);
}
END_TEST

static furrow_test_mesh *caring;
static size_t done;

static void care(void *arg)
{
    for (int i = 0; i < EACH; i++) must(caring, ORCHARD "CareForTree", "{\"treeId\":\"T1\"}");
    done++;
}

static bool all_done(void)
{
    return done == ALL;
}

static void counts(furrow_test_mesh *mesh)
{
    caring = mesh;
    furrow_test_mesh_start_all(mesh, 2);
    refused(mesh, ORCHARD "CareForTree", "{\"treeId\":\"T1\"}", FURROW_FAILED_PRECONDITION, "plant T1 does not exist");
    refused(mesh, ORCHARD "CareForTree", "{}", FURROW_INVALID_ARGUMENT, "tree_id");
    must(mesh, ORCHARD "PlantTree", "{\"id\":\"T1\"}");
    for (size_t i = 0; i < ALL; i++) ck_assert_int_eq(furrow_loop_spawn(mesh->loop, care, NULL, &err), FURROW_OK);
    ck_assert(FURROW_TEST_EVENTUALLY_IN_TASK(all_done(), FURROW_TEST_MESH_PATIENCE_MS));
    const char *last = must(mesh, ORCHARD "CareForTree", "{\"treeId\":\"T1\"}");
    has(last, "\"id\":\"T1_care\"");
    has(last, furrow_test_mesh_text(mesh, "\"count\":\"%d\"", ALL * EACH + 1));
}

START_TEST(whoever_decides_at_once_decides_again)
{
    orchard_run(counts);
}
END_TEST

/* With a window of four a thousand come only where the client may say what it has read. */
static void streamed(furrow_test_mesh *mesh)
{
    Orchard__V1__CountTreesRequest request = ORCHARD__V1__COUNT_TREES_REQUEST__INIT;
    Orchard__V1__CountedTree *tree;
    furrow_reader *reader;
    uint64_t complaints;
    furrow_test_mesh_start_all(mesh, 2);
    furrow_client *client = furrow_client_create(furrow_test_mesh_caller(mesh, ORCHARD "CountTrees"), NULL, &err);
    furrow_arena *arena = furrow_arena_create(0);
    ck_assert(client && arena);
    request.count = 1000;
    ck_assert_msg(orchard_count_trees_open(client, &request, &(furrow_reader_options){.window = 4}, &reader, &err) ==
                      FURROW_OK,
                  "%s", err.text);
    for (int32_t i = 1; i <= request.count; i++) {
        ck_assert_msg(orchard_count_trees_next(reader, arena, &tree, &err) == FURROW_OK && tree, "%d: %s", i, err.text);
        ck_assert_int_eq(tree->number, i);
    }
    ck_assert_int_eq(orchard_count_trees_next(reader, arena, &tree, &err), FURROW_OK);
    ck_assert_ptr_null(tree);
    furrow_reader_close(reader);
    (void)furrow_link_complaint(furrow_test_mesh_caller(mesh, ORCHARD "CountTrees"), &complaints);
    ck_assert_uint_eq(complaints, 0);
    furrow_client_destroy(client);
    furrow_arena_destroy(arena);
    ck_assert_str_eq(must(mesh, ORCHARD "CountTrees", "{\"count\":1}"), "{\"number\":1}"); /* from a bare terminal */
}

START_TEST(a_client_with_its_own_key_reads_a_stream)
{
    orchard_run(streamed);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("command");
    TCase *tests = tcase_create("orchard");
    tcase_set_timeout(tests, 120);
    tcase_add_test(tests, what_must_be_there_or_not_is_looked_after);
    tcase_add_test(tests, only_what_has_changed_is_written);
    tcase_add_test(tests, a_unique_value_is_held_once_and_given_back);
    tcase_add_test(tests, what_breaks_the_rules_claims_nothing);
    tcase_add_test(tests, whoever_decides_at_once_decides_again);
    tcase_add_test(tests, a_client_with_its_own_key_reads_a_stream);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed > 0;
}
