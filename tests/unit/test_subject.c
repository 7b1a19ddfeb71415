/* Subjects and ids: what becomes a subject, what is refused, and what an ack subject says. */
#include "wire/subject.h"

#include <check.h>
#include <stdlib.h>

static const char entity[] = "employee.v1.Employee";

START_TEST(an_id_is_one_token)
{
    static const char *const good[] = {"e1", "A", "01J9Z-x_y",
                                       "0123456789012345678901234567890123456789012345678901234567890123"};
    static const char *const bad[] = {
        "",    "a.b", "*",   ">",    "a b",
        "a\n", "é",   "a/b", "a{b}", "01234567890123456789012345678901234567890123456789012345678901234"};
    furrow_error err;

    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        ck_assert_int_eq(furrow_subject_check_id(good[i], strlen(good[i]), "id", &err), FURROW_OK);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        ck_assert_int_eq(furrow_subject_check_id(bad[i], strlen(bad[i]), "employee_id", &err), FURROW_INVALID_ARGUMENT);
        ck_assert_str_eq(err.field, "employee_id");
    }
    ck_assert_int_eq(furrow_subject_check_id(NULL, 0, "id", NULL), FURROW_INVALID_ARGUMENT);
}
END_TEST

START_TEST(an_entity_has_its_subject_and_gets_its_id_back)
{
    char subject[FURROW_SUBJECT_MAX];
    furrow_bytes id;
    furrow_error err;

    ck_assert_int_eq(furrow_subject_of_entity(entity, "e1", subject, &err), FURROW_OK);
    ck_assert_str_eq(subject, "employee.v1.Employee.e1");
    ck_assert_int_eq(furrow_subject_id(subject, entity, &id, &err), FURROW_OK);
    ck_assert(furrow_bytes_equal(id, FURROW_BYTES_LITERAL("e1")));
    ck_assert_str_eq(furrow_subject_last(subject), "e1");
    ck_assert_str_eq(furrow_subject_last("one"), "one");
}
END_TEST

START_TEST(a_wrong_id_leaves_the_subject_untouched)
{
    char subject[FURROW_SUBJECT_MAX] = "before", longest[FURROW_SUBJECT_MAX];

    ck_assert_int_eq(furrow_subject_of_entity(entity, "e1.>", subject, NULL), FURROW_INVALID_ARGUMENT);
    ck_assert_int_eq(furrow_subject_of_entity(entity, NULL, subject, NULL), FURROW_INVALID_ARGUMENT);
    memset(longest, 'a', sizeof longest - 1);
    longest[sizeof longest - 1] = '\0';
    ck_assert_int_eq(furrow_subject_of_entity(longest, "e1", subject, NULL), FURROW_INVALID_ARGUMENT);
    ck_assert_str_eq(subject, "before");
}
END_TEST

START_TEST(another_entitys_subject_has_no_id_here)
{
    static const char *const others[] = {"employee.v1.EmployeeKey.e1", "employee.v1.Employee", "employee.v1.Employee.",
                                         "employee.v1.Employee.a.b",   "job.v1.Job.e1",        "",
                                         "employee.v1.Employee.*"};
    furrow_bytes id = {"before", 6};

    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        ck_assert_int_eq(furrow_subject_id(others[i], entity, &id, NULL), FURROW_INVALID_ARGUMENT);
    ck_assert(furrow_bytes_equal(id, FURROW_BYTES_LITERAL("before")));
}
END_TEST

START_TEST(only_inboxes_are_answered)
{
    static const char *const good[] = {"_INBOX.abc", "_INBOX.a.b.1", "_INBOX_billing.x", "_R_.a.b"};
    static const char *const bad[] = {"",
                                      "employee.v1.Employee.e1",
                                      "_R_",
                                      "_R.x",
                                      "_INBOX.*",
                                      "_INBOX.>",
                                      "_INBOX..a",
                                      "_INBOX.",
                                      "_INBOX.a b",
                                      "_INBOX.a\r\nPUB x",
                                      "$JS.API.STREAM.DELETE.X",
                                      "X_INBOX.a"};

    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        ck_assert_msg(furrow_subject_is_inbox(good[i]), "%s", good[i]);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) ck_assert_msg(!furrow_subject_is_inbox(bad[i]), "%s", bad[i]);
    ck_assert(!furrow_subject_is_inbox(NULL));
}
END_TEST

START_TEST(an_inboxs_owner_has_a_secret_that_its_name_has_not)
{
    static const char *const inboxes[][3] = {
        {"_INBOX_payroll.~s3cret.abc.1", "_INBOX_payroll", "_INBOX_payroll.~s3cret"},
        {"_INBOX_payroll.~s3cret", "_INBOX_payroll", "_INBOX_payroll.~s3cret"},
        {"_INBOX_payroll.s3cret.abc.1", "_INBOX_payroll", "_INBOX_payroll"},
        {"_INBOX_payroll", "_INBOX_payroll", "_INBOX_payroll"},
        {"_INBOX.abc.1", "_INBOX", "_INBOX"},
        {"_R_.abc.def", "_R_", "_R_"}};
    for (size_t i = 0; i < sizeof inboxes / sizeof *inboxes; i++) {
        ck_assert(furrow_bytes_equal(furrow_subject_inbox_prefix(inboxes[i][0]), furrow_bytes_of(inboxes[i][1])));
        ck_assert(furrow_bytes_equal(furrow_subject_inbox_owner(inboxes[i][0]), furrow_bytes_of(inboxes[i][2])));
    }
}
END_TEST

START_TEST(an_inbox_tells_whose_it_is_by_its_first_token)
{
    static const char *const inboxes[][2] = {{"_INBOX.abc.1", "_INBOX"},
                                             {"_INBOX_payroll.abc.1", "_INBOX_payroll"},
                                             {"_INBOX_payroll.xyz", "_INBOX_payroll"},
                                             {"_R_.a.b", "_R_"}};
    for (size_t i = 0; i < sizeof inboxes / sizeof *inboxes; i++)
        ck_assert(furrow_bytes_equal(furrow_subject_inbox_prefix(inboxes[i][0]), furrow_bytes_of(inboxes[i][1])));
}
END_TEST

static void check_ack(const char *subject)
{
    furrow_ack ack;

    ck_assert(furrow_subject_parse_ack(subject, &ack));
    ck_assert(furrow_bytes_equal(ack.stream, FURROW_BYTES_LITERAL("EMPLOYEE")));
    ck_assert(furrow_bytes_equal(ack.consumer, FURROW_BYTES_LITERAL("timesheet_b")));
    ck_assert_uint_eq(ack.delivered, 2);
    ck_assert_uint_eq(ack.stream_seq, 18446744073709551615ULL);
    ck_assert_uint_eq(ack.consumer_seq, 7);
    ck_assert_int_eq(ack.timestamp_ns, 1700000000123456789);
    ck_assert_uint_eq(ack.pending, 0);
}

START_TEST(ack_subjects_of_both_versions_are_read)
{
    check_ack("$JS.ACK.EMPLOYEE.timesheet_b.2.18446744073709551615.7.1700000000123456789.0");
    check_ack("$JS.ACK._.hash.EMPLOYEE.timesheet_b.2.18446744073709551615.7.1700000000123456789.0");
    check_ack("$JS.ACK.hub.hash.EMPLOYEE.timesheet_b.2.18446744073709551615.7.1700000000123456789.0.tok");
}
END_TEST

START_TEST(other_subjects_are_no_acks)
{
    static const char *const bad[] = {"",
                                      "$JS.ACK",
                                      "$JS.ACK.",
                                      "_INBOX.x",
                                      "$JS.ACK.S.c.1.2.3.4",
                                      "$JS.ACK.S.c.1.2.3.4.x",
                                      "$JS.ACK.S.c.1.2.3.4.5.6",
                                      "$JS.ACK.S.c.1..3.4.5",
                                      "$JS.ACK..c.1.2.3.4.5",
                                      "$JS.ACK.S.c.1.18446744073709551616.3.4.5",
                                      "$JS.ACK.S.c.-1.2.3.4.5",
                                      "$JS.ACK.S.c.1.2.3.9223372036854775808.5",
                                      "$JS.ACK.S.c.1.2.3.4.",
                                      "$JS.FC.S.c.1.2.3.4.5"};
    furrow_ack ack = {.pending = 42};

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        ck_assert_msg(!furrow_subject_parse_ack(bad[i], &ack), "%s", bad[i]);
    ck_assert(!furrow_subject_parse_ack(NULL, &ack));
    ck_assert_uint_eq(ack.pending, 42);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("subject");
    TCase *tests = tcase_create("subject");
    SRunner *runner = srunner_create(suite);

    suite_add_tcase(suite, tests);
    tcase_add_test(tests, an_id_is_one_token);
    tcase_add_test(tests, an_entity_has_its_subject_and_gets_its_id_back);
    tcase_add_test(tests, a_wrong_id_leaves_the_subject_untouched);
    tcase_add_test(tests, another_entitys_subject_has_no_id_here);
    tcase_add_test(tests, only_inboxes_are_answered);
    tcase_add_test(tests, an_inboxs_owner_has_a_secret_that_its_name_has_not);
    tcase_add_test(tests, an_inbox_tells_whose_it_is_by_its_first_token);
    tcase_add_test(tests, ack_subjects_of_both_versions_are_read);
    tcase_add_test(tests, other_subjects_are_no_acks);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
