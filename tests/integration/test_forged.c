/*
 * What a client gains by another's name. A request may name any reply subject, and services tell callers apart by it;
 * so one client sends what another is about to, with the key that it guessed, and names every inbox of the other's that
 * it can think of, by hand: a library would be too polite. The other's call has its own effect and its own answer all
 * the same. Who calls from another account is known by a reply subject that nats-server takes of no client.
 */
#include "link/nkey.h"
#include "support/farm.h"
#include "support/wait.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#define HIRE   "employee.v1.EmployeeService.HireEmployee"
#define KEY    "4711"
#define VICTIM FARM_CLIENT

static furrow_error err;

/* All that somebody without its keys can make of @user's inbox; a service's would be its name's. */
static const char *const guesses[] = {"_INBOX_" VICTIM,           "_INBOX_" VICTIM ".x",     "_INBOX_" VICTIM ".x.y.1",
                                      "_INBOX_" VICTIM ".~.1",    "_INBOX_" VICTIM ".~x.1",  "_INBOX_" VICTIM ".~x",
                                      "_INBOX_" VICTIM ".~x.y.z", "_INBOX_" VICTIM "x.~x.1", "_INBOX.x.1"};
#define GUESSES (sizeof guesses / sizeof *guesses)

static const char *hire(farm *f, const char *id, const char *badge)
{
    return farm_text(f, "{\"id\":\"%s\",\"givenName\":\"A\",\"familyName\":\"B\",\"badge\":\"%s\"}", id, badge);
}

/* @subject, with the victim's key, answered to @reply. Nobody hears it. */
static void send_forged(furrow_link *attacker, const char *subject, const char *json, const char *reply)
{
    furrow_header key = {FURROW_HEADER_IDEMPOTENCY_KEY, KEY};
    furrow_outgoing out = {
        .subject = subject, .reply = reply, .headers = &key, .header_count = 1, .data = furrow_bytes_of(json)};
    furrow_status status = furrow_link_publish(attacker, &out, &err);
    ck_assert_msg(status == FURROW_OK, "%s", err.text);
}

static bool exists(farm *f, const char *id)
{
    return farm_call(f, "employee.v1.EmployeeService.GetEmployee", farm_text(f, "{\"id\":\"%s\"}", id), NULL, &err) ==
           FURROW_OK;
}

static void hires(farm *f, const char *id, const char *badge)
{
    char *answer = NULL;
    furrow_status status = farm_call_with(f, HIRE, hire(f, id, badge), KEY, &answer, &err);
    ck_assert_msg(status == FURROW_OK, "%s: %s %s", id, furrow_status_name(status), err.text);
    ck_assert_msg(strstr(answer, farm_text(f, "\"id\":\"%s\"", id)), "%s", answer);
}

/* Before the victim has used its key, and after. */
static void guess(farm *f)
{
    farm_start_all(f, 1);
    furrow_link *attacker = farm_link_as(f, FARM_OTHER_CLIENT);
    for (size_t i = 0; i < GUESSES; i++)
        send_forged(attacker, HIRE, hire(f, farm_text(f, "F%zu", i), farm_text(f, "1%zu", i)), guesses[i]);
    ck_assert(FURROW_TEST_EVENTUALLY_IN_TASK(exists(f, "F0"), FARM_PATIENCE_MS)); /* it has been taken for a call */
    hires(f, "V1", "2");
    for (size_t i = 0; i < GUESSES; i++) send_forged(attacker, HIRE, hire(f, "V2", "3"), guesses[i]);
    ck_assert(FURROW_TEST_EVENTUALLY_IN_TASK(exists(f, "F0"), FARM_PATIENCE_MS));
    hires(f, "V1", "2"); /* the same answer again */
    ck_assert_int_eq(farm_call_with(f, HIRE, hire(f, "V3", "4"), KEY, NULL, &err), FURROW_INVALID_ARGUMENT);
    furrow_link_destroy(attacker);
}

START_TEST(who_guesses_anothers_key_and_inbox_spoils_nothing)
{
    farm_run(guess);
}
END_TEST

/* The operator's calls come from another account. */
static void forge_an_account(farm *f)
{
    farm_start_all(f, 1);
    furrow_link *attacker = farm_link_as(f, FARM_OTHER_CLIENT);
    send_forged(attacker, HIRE, hire(f, "F1", "3"), "_R_.abcdef.x");
    ck_assert_int_eq(furrow_link_flush(attacker, farm_within_ms(FARM_PATIENCE_MS), &err), FURROW_OK);
    ck_assert_ptr_nonnull(strstr(furrow_test_server_log(f->nats), "_R_.abcdef.x")); /* refused */
    hires(f, "V1", "2");                                                            /* later, and the same way */
    ck_assert(!exists(f, "F1"));
    furrow_link_destroy(attacker);
}

START_TEST(no_client_can_look_as_if_it_came_from_another_account)
{
    farm_run(forge_an_account);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("forged");
    TCase *tests = tcase_create("what another's name gives");
    tcase_set_timeout(tests, 120);
    tcase_add_test(tests, who_guesses_anothers_key_and_inbox_spoils_nothing);
    tcase_add_test(tests, no_client_can_look_as_if_it_came_from_another_account);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
