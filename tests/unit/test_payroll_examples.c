/*
 * Worked examples, computed by hand. Each says where its numbers are from; "hand" ones apply a rule of that source to
 * numbers of ours. California, 26 or more employees, 2026 unless it says otherwise; the workweek begins on Monday. Times are
 * minutes, money is cents.
 */
#include "payroll_example.h"

#include <check.h>

#define H PAY_HOURLY
#define P PAY_PIECE
#define N PAY_NONPRODUCTIVE
#define K 1000 /* a whole unit */

static const worked_example examples[] = {
#include "payroll_examples.def"
};

START_TEST(worked_example_comes_out_to_the_cent)
{
    const worked_example *example = &examples[_i];
    furrow_arena *arena = furrow_arena_create(0);
    furrow_error err = {0};
    pay_work work = example_work(example, arena);
    Payroll__V1__Statement statement = PAYROLL__V1__STATEMENT__INIT;
    furrow_status status = pay_compute(example_rules(example->rules, arena), &work, arena, &statement, &err);
    ck_assert_msg(status == FURROW_OK, "%s: %s", example->name, err.text);
    char *lines = example_lines(&statement, arena);
    ck_assert_msg(strcmp(lines, example->lines) == 0, "%s: %s, not %s", example->name, lines, example->lines);
    ck_assert_msg(statement.gross_cents == example->gross, "%s: %lld, not %lld", example->name,
                  (long long)statement.gross_cents, (long long)example->gross);
    furrow_arena_destroy(arena);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("payroll_examples");
    TCase *tcase = tcase_create("examples");
    tcase_add_loop_test(tcase, worked_example_comes_out_to_the_cent, 0, (int)(sizeof examples / sizeof *examples));
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed > 0;
}
