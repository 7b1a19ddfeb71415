/* Rules of pay, as files of them are read, and the exact fractions that they are applied with. */
#include "payroll_example.h"

#include <check.h>
#include <string.h>

static furrow_arena *arena;
static furrow_error err;

static void setup(void)
{
    arena = furrow_arena_create(0);
}

static void teardown(void)
{
    furrow_arena_destroy(arena);
}

#define HEAD   "{\"id\":\"x\",\"description\":\"x\",\"currency\":\"USD\","
#define METHOD "{\"from\":\"2020-01-01\",\"restPay\":1,\"topUp\":1,\"pieceOvertime\":1,\"sources\":[\"x\"]}"
#define TAIL   "\"methods\":[" METHOD "]}"

static const struct {
    const char *text, *error;
} wrong[] = {
    {"{", "JSON at byte 1: the text is incomplete"},
    {HEAD "\"wages\":[]," TAIL, "[\"wages\"]: no such field"},
    {HEAD "\"methods\":[]}", "methods: must contain at least 1 item"},
    {"{\"id\":\"X Y\",\"description\":\"x\",\"currency\":\"USD\"," TAIL, "id: "},
    {"{\"id\":\"x\",\"description\":\"x\",\"currency\":\"usd\"," TAIL, "currency: "},
    {HEAD "\"minimumWages\":[{\"from\":\"2026-02-30\",\"centsPerHour\":1,\"sources\":[\"x\"]}]," TAIL,
     "minimumWages[0].from: \"2026-02-30\" is no date; write 2026-01-01"},
    {HEAD "\"minimumWages\":[{\"from\":\"2026-01-01\",\"to\":\"x\",\"centsPerHour\":1,\"sources\":[\"x\"]}]," TAIL,
     "minimumWages[0].to: \"x\" is no date"},
    {HEAD
     "\"minimumWages\":[{\"from\":\"2026-01-01\",\"to\":\"2025-01-01\",\"centsPerHour\":1,\"sources\":[\"x\"]}]," TAIL,
     "minimumWages[0]: ends on 2025-01-01, before it begins on 2026-01-01"},
    {HEAD "\"minimumWages\":[{\"from\":\"2026-01-01\",\"centsPerHour\":0,\"sources\":[\"x\"]}]," TAIL,
     "minimum_wages[0].cents_per_hour: "},
    {HEAD "\"minimumWages\":[{\"from\":\"2026-01-01\",\"centsPerHour\":1.5,\"sources\":[\"x\"]}]," TAIL,
     "minimum_wages[0].cents_per_hour: a whole number was expected"},
    {HEAD "\"minimumWages\":[{\"from\":\"2026-01-01\",\"centsPerHour\":1}]," TAIL, "minimum_wages[0].sources: "},
    {HEAD "\"overtime\":[{\"from\":\"2026-01-01\",\"employers\":{\"min\":9,\"max\":3},\"sources\":[\"x\"]}]," TAIL,
     "overtime[0].employers: max is below min"},
    {HEAD
     "\"overtime\":[{\"from\":\"2026-01-01\",\"daily\":[{\"afterMinutes\":480,\"percent\":100}],\"sources\":[\"x\"]}"
     "]," TAIL,
     "overtime[0].daily[0].percent: "},
    {HEAD "\"overtime\":[{\"from\":\"2026-01-01\",\"weekly\":[{\"afterMinutes\":480,\"percent\":150},{\"afterMinutes\":"
          "480,\"percent\":200}],\"sources\":[\"x\"]}]," TAIL,
     "overtime[0].weekly[1].afterMinutes: must be more than 480"},
    {HEAD "\"overtime\":[{\"from\":\"2026-01-01\",\"seventhDay\":[{\"percent\":200},{\"afterMinutes\":480,\"percent\":"
          "150}],\"sources\":[\"x\"]}]," TAIL,
     "overtime[0].seventhDay[1].percent: must be more than 200"},
    {HEAD
     "\"overtime\":[{\"from\":\"2026-01-01\",\"sources\":[\"x\"]},{\"from\":\"2027-01-01\",\"employers\":{\"max\":5}"
     ",\"sources\":[\"x\"]}]," TAIL,
     "overtime[0] and overtime[1] hold for the same days and employers"},
    {HEAD "\"methods\":[" METHOD "," METHOD "]}", "methods[0] and methods[1] hold for the same days"},
    {HEAD "\"methods\":[{\"from\":\"2020-01-01\",\"restPay\":9,\"topUp\":1,\"pieceOvertime\":1,\"sources\":[\"x\"]}]}",
     "methods[0].rest_pay: "},
};

START_TEST(wrong_rules_are_refused_by_place)
{
    Payroll__V1__RuleSet *rules = NULL;
    furrow_status status = rules_parse(furrow_bytes_of(wrong[_i].text), arena, &rules, &err);
    ck_assert_msg(status == FURROW_INVALID_ARGUMENT, "%s", wrong[_i].text);
    ck_assert_ptr_null(rules);
    ck_assert_msg(strncmp(err.text, wrong[_i].error, strlen(wrong[_i].error)) == 0, "%s, not %s", err.text,
                  wrong[_i].error);
}
END_TEST

START_TEST(a_file_that_cannot_be_read_is_named)
{
    Payroll__V1__RuleSet *rules = NULL;
    ck_assert_int_eq(rules_read("/nowhere/rules.json", arena, &rules, &err), FURROW_INVALID_ARGUMENT);
    ck_assert_str_eq(err.text, "rules of pay: cannot open /nowhere/rules.json: No such file or directory");
    ck_assert_int_eq(rules_read("/proc/self/environ", arena, &rules, &err), FURROW_INVALID_ARGUMENT);
    ck_assert_ptr_nonnull(strstr(err.text, "/proc/self/environ"));
}
END_TEST

static int64_t day(const char *date)
{
    int64_t out;
    ck_assert(calendar_day(date, &out));
    return out;
}

START_TEST(rules_hold_from_their_first_day_to_their_last)
{
    Payroll__V1__RuleSet *rules = example_rules("ca", arena);
    const rules_employer large = {26, ""}, small = {25, ""};
    int64_t wage;
    const Payroll__V1__Method *method;
    ck_assert_int_eq(rules_minimum_wage(rules, &large, day("2025-12-31"), &wage, &err), FURROW_OK);
    ck_assert_int_eq(wage, 1650);
    ck_assert_int_eq(rules_minimum_wage(rules, &large, day("2026-01-01"), &wage, &err), FURROW_OK);
    ck_assert_int_eq(wage, 1690);
    ck_assert_int_eq(rules_minimum_wage(rules, &small, day("2022-06-01"), &wage, &err), FURROW_OK);
    ck_assert_int_eq(wage, 1400);
    ck_assert_int_eq(rules_overtime(rules, &small, day("2024-12-31"))->daily[0]->after_minutes, 510);
    ck_assert_int_eq(rules_overtime(rules, &small, day("2025-01-01"))->daily[0]->after_minutes, 480);
    ck_assert_ptr_null(rules_overtime(rules, &large, day("2015-12-31")));
    ck_assert_int_eq(rules_minimum_wage(rules, &large, day("2009-07-23"), &wage, &err), FURROW_FAILED_PRECONDITION);
    ck_assert_str_eq(err.text, "the rules of pay \"us-ca-agriculture\" have no minimum wage for 2009-07-23 and an "
                               "employer of 26; add a row");
    ck_assert_int_eq(rules_method(rules, day("2015-12-31"), &method, &err), FURROW_FAILED_PRECONDITION);
    ck_assert_str_eq(err.text, "the rules of pay \"us-ca-agriculture\" have no method for 2015-12-31; add a row");
}
END_TEST

START_TEST(the_highest_of_the_wages_of_a_place_counts)
{
    Payroll__V1__RuleSet *rules = example_rules("ca", arena);
    const rules_employer here = {26, "Valley"}, elsewhere = {26, "Coast"};
    int64_t wage;
    Payroll__V1__MinimumWage *local = rules->minimum_wages[0];
    local->place = "Valley";
    local->cents_per_hour = 2000;
    ck_assert_int_eq(rules_minimum_wage(rules, &here, day("2026-05-01"), &wage, &err), FURROW_OK);
    ck_assert_int_eq(wage, 2000);
    ck_assert_int_eq(rules_minimum_wage(rules, &elsewhere, day("2026-05-01"), &wage, &err), FURROW_OK);
    ck_assert_int_eq(wage, 1690);
}
END_TEST

static const struct {
    int64_t num, den, rounded;
    const char *text;
} fractions[] = {
    {1, 2, 1, "1/2"},       {-1, 2, 0, "-1/2"},        {3, 2, 2, "3/2"},     {-3, 2, -1, "-3/2"},
    {5, 3, 2, "5/3"},       {-5, 3, -2, "-5/3"},       {4, -8, 0, "-1/2"},   {0, 7, 0, "0"},
    {49, 100, 0, "49/100"}, {-51, 100, -1, "-51/100"}, {690, 3, 230, "230"}, {-7, 7, -1, "-1"},
};

START_TEST(fraction_is_in_lowest_terms_and_rounds_half_up)
{
    char text[RATIO_TEXT_MAX];
    int64_t rounded;
    ratio value = ratio_of(fractions[_i].num, fractions[_i].den);
    ratio_text(value, text);
    ck_assert_str_eq(text, fractions[_i].text);
    ck_assert(ratio_round(value, &rounded));
    ck_assert_int_eq(rounded, fractions[_i].rounded);
}
END_TEST

START_TEST(arithmetic_of_fractions_is_exact)
{
    char text[RATIO_TEXT_MAX];
    ratio sum = ratio_of(0, 1);
    for (int i = 1; i <= 20; i++) sum = ratio_add(sum, ratio_of(1, i));
    ratio_text(sum, text);
    ck_assert_str_eq(text, "55835135/15519504");
    for (int i = 1; i <= 20; i++) sum = ratio_sub(sum, ratio_of(1, i));
    ck_assert_int_eq(ratio_compare(sum, ratio_of(0, 1)), 0);
    ratio_text(ratio_div(ratio_mul(ratio_of(-6, 35), ratio_of(14, 9)), ratio_of(-2, 3)), text);
    ck_assert_str_eq(text, "2/5");
    ck_assert_int_eq(ratio_compare(ratio_of(-1, 3), ratio_of(-1, 2)), 1);
    ck_assert_int_eq(ratio_compare(ratio_of(1, 3), ratio_of(1, 2)), -1);
}
END_TEST

START_TEST(what_does_not_fit_is_no_number)
{
    int64_t rounded = 7;
    char text[RATIO_TEXT_MAX];
    ratio most = ratio_of(INT64_MAX, 1), least = ratio_of(INT64_MIN, 1);
    ratio_text(ratio_mul(most, least), text);
    ck_assert_str_eq(text, "-85070591730234615856620279821087277056");
    ratio lost[] = {ratio_mul(ratio_mul(most, most), most),
                    ratio_div(most, ratio_of(0, 1)),
                    ratio_of(1, 0),
                    ratio_add(ratio_of(1, 0), most),
                    ratio_max(ratio_of(1, 0), most),
                    ratio_add(ratio_mul(ratio_mul(most, most), ratio_of(2, 1)), ratio_mul(most, most))};
    for (size_t i = 0; i < sizeof lost / sizeof *lost; i++) {
        ck_assert_msg(!ratio_round(lost[i], &rounded), "%zu", i);
        ratio_text(lost[i], text);
        ck_assert_str_eq(text, "");
    }
    ck_assert(!ratio_round(ratio_mul(most, most), &rounded));
    ck_assert_int_eq(rounded, 7);
}
END_TEST

static const struct {
    pay_span spans[2];
    const char *error;
} wrong_work[] = {
    {{{.day = 20000, .start_s = 5, .end_s = 5}}, "time of 2024-10-04 overlaps, or ends before it starts"},
    {{{.day = 20000, .start_s = 5, .end_s = 9}, {.day = 20000, .start_s = 8, .end_s = 10}},
     "time of 2024-10-04 overlaps, or ends before it starts"},
    {{{.day = 20001, .start_s = 5, .end_s = 9}, {.day = 20000, .start_s = 10, .end_s = 12}},
     "time of 2024-10-04 is out of order"},
    {{{.day = 19999, .start_s = 5, .end_s = 9}}, "time of 2024-10-03 is outside of the pay period"},
    {{{.day = 20007, .start_s = 5, .end_s = 9}}, "time of 2024-10-11 is outside of the pay period"},
};

START_TEST(work_that_cannot_be_is_refused)
{
    Payroll__V1__Statement out = PAYROLL__V1__STATEMENT__INIT;
    pay_work work = {.employer = {26, ""}, .first_day = 20000, .weeks = 1, .spans = wrong_work[_i].spans};
    work.span_count = wrong_work[_i].spans[1].end_s ? 2 : 1;
    ck_assert_int_eq(pay_compute(example_rules("ca", arena), &work, arena, &out, &err), FURROW_INVALID_ARGUMENT);
    ck_assert_str_eq(err.text, wrong_work[_i].error);
    ck_assert_uint_eq(out.n_lines, 0);
}
END_TEST

START_TEST(pay_that_does_not_fit_is_told)
{
    Payroll__V1__Statement out = PAYROLL__V1__STATEMENT__INIT;
    const pay_piece pieces[] = {
        {.day = 20000, .job_id = "J", .unit = "bin", .quantity = INT64_MAX, .rate_cents = INT64_MAX}};
    pay_work work = {.employer = {26, ""}, .first_day = 20000, .weeks = 1, .pieces = pieces, .piece_count = 1};
    ck_assert_int_eq(pay_compute(example_rules("ca", arena), &work, arena, &out, &err), FURROW_OUT_OF_RANGE);
    ck_assert_str_eq(err.text, "pay does not fit: an amount has too many digits");
}
END_TEST

#define LOOP(test, table) tcase_add_loop_test(tcase, test, 0, (int)(sizeof(table) / sizeof *(table)))

int main(void)
{
    Suite *suite = suite_create("payroll_rules");
    TCase *tcase = tcase_create("rules");
    tcase_add_checked_fixture(tcase, setup, teardown);
    LOOP(wrong_rules_are_refused_by_place, wrong);
    tcase_add_test(tcase, a_file_that_cannot_be_read_is_named);
    tcase_add_test(tcase, rules_hold_from_their_first_day_to_their_last);
    tcase_add_test(tcase, the_highest_of_the_wages_of_a_place_counts);
    LOOP(fraction_is_in_lowest_terms_and_rounds_half_up, fractions);
    tcase_add_test(tcase, arithmetic_of_fractions_is_exact);
    tcase_add_test(tcase, what_does_not_fit_is_no_number);
    LOOP(work_that_cannot_be_is_refused, wrong_work);
    tcase_add_test(tcase, pay_that_does_not_fit_is_told);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed > 0;
}
