/*
 * The well-known types in JSON: golden pairs (checked against another implementation when they were written).
 */
#include "json_pairs.h"
#include "wire_test.pb-c.h"

#include <stdlib.h>

#define WELL_KNOWN &wiretest__v1__well_known__descriptor

START_TEST(times_and_durations_are_text)
{
    static const pair pairs[] = {
        {WELL_KNOWN, "{\"at\":\"2026-03-01T06:00:00Z\",\"took\":\"1.500s\"}", NULL},
        {WELL_KNOWN, "{\"at\":\"0001-01-01T00:00:00Z\"}", NULL},
        {WELL_KNOWN, "{\"at\":\"9999-12-31T23:59:59.999999999Z\"}", NULL},
        {WELL_KNOWN, "{\"at\":\"1969-12-31T23:59:59.000000001Z\"}", NULL},
        {WELL_KNOWN, "{\"at\":\"2024-02-29T12:00:00.12Z\"}", "{\"at\":\"2024-02-29T12:00:00.120Z\"}"},
        {WELL_KNOWN, "{\"at\":\"1972-01-01T10:00:20.021000+01:30\"}", "{\"at\":\"1972-01-01T08:30:20.021Z\"}"},
        {WELL_KNOWN, "{\"at\":\"1999-12-31T19:00:00-05:00\"}", "{\"at\":\"2000-01-01T00:00:00Z\"}"},
        {WELL_KNOWN, "{\"times\":[\"1970-01-01T00:00:00Z\",\"2000-02-29T00:00:00.000001Z\"]}", NULL},
        {WELL_KNOWN, "{\"took\":\"-0.5s\"}", "{\"took\":\"-0.500s\"}"},
        {WELL_KNOWN, "{\"took\":\"315576000000s\"}", NULL},
        {WELL_KNOWN, "{\"took\":\"315576000000.999999999s\"}", NULL},
        {WELL_KNOWN, "{\"took\":\"-315576000000.999999999s\"}", NULL},
        {WELL_KNOWN, "{\"took\":\"-315576000000s\"}", NULL},
        {WELL_KNOWN, "{\"took\":\"0s\"}", NULL},
        {WELL_KNOWN, "{\"at\":null,\"took\":null}", "{}"},
    };
    static const refusal refusals[] = {
        {WELL_KNOWN, "{\"at\":\"2023-02-29T00:00:00Z\"}", "at"},
        {WELL_KNOWN, "{\"at\":\"1970-01-01t00:00:00Z\"}", "at"},
        {WELL_KNOWN, "{\"at\":\"1970-01-01T00:00:00z\"}", "at"},
        {WELL_KNOWN, "{\"at\":\"1900-02-29T00:00:00Z\"}", "at"},
        {WELL_KNOWN, "{\"at\":\"2026-03-01T06:00:00\"}", "at"},
        {WELL_KNOWN, "{\"at\":\"2026-03-01 06:00:00Z\"}", "at"},
        {WELL_KNOWN, "{\"at\":\"2026-03-01T24:00:00Z\"}", "at"},
        {WELL_KNOWN, "{\"at\":\"2026-03-01T06:60:00Z\"}", "at"},
        {WELL_KNOWN, "{\"at\":\"2026-03-01T06:00:60Z\"}", "at"},
        {WELL_KNOWN, "{\"at\":\"2026-13-01T06:00:00Z\"}", "at"},
        {WELL_KNOWN, "{\"at\":\"2026-3-1T06:00:00Z\"}", "at"},
        {WELL_KNOWN, "{\"at\":\"2026-03-01T06:00:00.Z\"}", "at"},
        {WELL_KNOWN, "{\"at\":\"0000-01-01T00:00:00Z\"}", "at"},
        {WELL_KNOWN, "{\"at\":\"0001-01-01T00:00:00+00:01\"}", "at"},
        {WELL_KNOWN, "{\"at\":\"9999-12-31T23:59:59-00:01\"}", "at"},
        {WELL_KNOWN, "{\"at\":\"2026-03-01T06:00:00.1234567890Z\"}", "at"},
        {WELL_KNOWN, "{\"at\":\"2026-03-01T06:00:00Zx\"}", "at"},
        {WELL_KNOWN, "{\"at\":1}", "at"},
        {WELL_KNOWN, "{\"at\":{}}", "at"},
        {WELL_KNOWN, "{\"at\":\"2026-03-01T06:00:00+24:00\"}", "at"},
        {WELL_KNOWN, "{\"took\":\"1\"}", "took"},
        {WELL_KNOWN, "{\"took\":\"s\"}", "took"},
        {WELL_KNOWN, "{\"took\":\"1.s\"}", "took"},
        {WELL_KNOWN, "{\"took\":\"--1s\"}", "took"},
        {WELL_KNOWN, "{\"took\":\"315576000001s\"}", "took"},
        {WELL_KNOWN, "{\"took\":\"315576000001s\"}", "took"},
        {WELL_KNOWN, "{\"took\":\"1s \"}", "took"},
        {WELL_KNOWN, "{\"times\":[\"x\"]}", "times[0]"},
    };
    CHECK_PAIRS(pairs);
    CHECK_REFUSALS(refusals);
}
END_TEST

START_TEST(times_are_nanoseconds_where_they_fit)
{
    static const struct {
        const char *text;
        int64_t ns;
    } good[] = {{"1970-01-01T00:00:00Z", 0},
                {"1970-01-01T01:00:00.000000001+01:00", 1},
                {"2262-04-11T23:47:16.854775807Z", INT64_MAX},
                {"1677-09-21T00:12:43.145224192Z", INT64_MIN}};
    static const char *const bad[] = {"",
                                      "2262-04-11T23:47:16.854775808Z",
                                      "1677-09-21T00:12:43.145224191Z",
                                      "9999-12-31T23:59:59Z",
                                      "0001-01-01T00:00:00Z",
                                      "99999999999999-01-01T00:00:00Z",
                                      "1970-01-01T00:00:00",
                                      "1970-01-01T00:00:00+99:99",
                                      "1970-01-01T00:00:00Zx"};
    int64_t ns = 7;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        ck_assert_msg(furrow_json_parse_time(furrow_bytes_of(good[i].text), &ns), "%s", good[i].text);
        ck_assert_int_eq(ns, good[i].ns);
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        ck_assert_msg(!furrow_json_parse_time(furrow_bytes_of(bad[i]), &ns), "%s", bad[i]);
}
END_TEST

START_TEST(masks_and_wrappers_are_mapped)
{
    static const pair pairs[] = {
        {WELL_KNOWN, "{\"mask\":\"displayName,contact.phoneNumber,a1\"}", NULL},
        {WELL_KNOWN, "{\"mask\":\"\",\"nothing\":{}}", NULL},
        {WELL_KNOWN,
         "{\"maybeLong\":\"0\",\"maybeText\":\"\",\"maybeFlag\":false,\"maybeDouble\":0,\"maybeBytes\":\"\","
         "\"maybeUlong\":\"0\","
         "\"maybeInt\":0,\"maybeUint\":0,\"maybeFloat\":0}",
         NULL},
        {WELL_KNOWN, "{\"maybeLong\":-5,\"maybeText\":\"x\",\"maybeFlag\":true}",
         "{\"maybeLong\":\"-5\",\"maybeText\":\"x\",\"maybeFlag\":true}"},
        {WELL_KNOWN, "{\"maybeLong\":null,\"longs\":[\"1\",2]}", "{\"longs\":[\"1\",\"2\"]}"},
    };
    static const refusal refusals[] = {
        {WELL_KNOWN, "{\"mask\":\"display_name\"}", "mask"},
        {WELL_KNOWN, "{\"mask\":\"a,,b\"}", "mask"},
        {WELL_KNOWN, "{\"mask\":\"a,\"}", "mask"},
        {WELL_KNOWN, "{\"mask\":\"a b\"}", "mask"},
        {WELL_KNOWN, "{\"mask\":[\"a\"]}", "mask"},
        {WELL_KNOWN, "{\"nothing\":{\"a\":1}}", "nothing[\"a\"]"},
        {WELL_KNOWN, "{\"nothing\":\"\"}", "nothing"},
        {WELL_KNOWN, "{\"maybeLong\":\"x\"}", "maybe_long"},
        {WELL_KNOWN, "{\"maybeLong\":{\"value\":1}}", "maybe_long"},
        {WELL_KNOWN, "{\"longs\":[null]}", "longs[0]"},
    };
    Wiretest__V1__WellKnown *message;

    CHECK_PAIRS(pairs);
    CHECK_REFUSALS(refusals);
    message = decode(WELL_KNOWN, pairs[0].text);
    ck_assert_uint_eq(message->mask->n_paths, 3);
    ck_assert_str_eq(message->mask->paths[0], "display_name");
    ck_assert_str_eq(message->mask->paths[1], "contact.phone_number");
    ck_assert_str_eq(encode(decode(&google__protobuf__timestamp__descriptor, "\"1970-01-01T00:00:07Z\""), NULL),
                     "\"1970-01-01T00:00:07Z\"");
}
END_TEST

START_TEST(null_is_a_value_where_it_is_one)
{
    static const ProtobufCMessageDescriptor *const type = &wiretest__v1__null__descriptor;
    const pair pairs[] = {
        {type, "{\"none\":null}", NULL},
        {type, "{\"none\":\"NULL_VALUE\"}", "{\"none\":null}"},
        {type, "{\"none\":0}", "{\"none\":null}"},
        {type, "{\"text\":null,\"plain\":null}", "{}"},
        {type, "{\"many\":[null,\"NULL_VALUE\"]}", "{\"many\":[null,null]}"},
        {type, "{\"many\":null}", "{}"},
    };
    static const refusal refusals[] = {{&wiretest__v1__null__descriptor, "{\"none\":null,\"text\":\"\"}", "text"}};
    CHECK_PAIRS(pairs);
    CHECK_REFUSALS(refusals);
}
END_TEST

START_TEST(what_has_no_json_is_refused_and_leaves_the_buffer)
{
    Google__Protobuf__Timestamp at = GOOGLE__PROTOBUF__TIMESTAMP__INIT;
    Google__Protobuf__Duration took = GOOGLE__PROTOBUF__DURATION__INIT;
    Google__Protobuf__FieldMask mask = GOOGLE__PROTOBUF__FIELD_MASK__INIT;
    Wiretest__V1__Scalars scalars = WIRETEST__V1__SCALARS__INIT;
    char *paths[] = {"display_1"};

    furrow_buffer_append_text(&out, "before");
    at.seconds = 253402300800;
    took.seconds = 1;
    took.nanos = -1;
    mask.paths = paths;
    mask.n_paths = 1;
    scalars.an_int32 = 1;
    scalars.a_string = "\xff";
    const ProtobufCMessage *bad[] = {&at.base, &took.base, &mask.base, &scalars.base};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        ck_assert_int_eq(furrow_json_encode(bad[i], NULL, &out, &err), FURROW_INVALID_ARGUMENT);
        ck_assert_uint_eq(out.len, 6);
    }
    ck_assert_str_eq(err.field, "a_string");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("json_wkt");
    TCase *tests = tcase_create("json_wkt");
    SRunner *runner = srunner_create(suite);

    suite_add_tcase(suite, tests);
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, times_and_durations_are_text);
    tcase_add_test(tests, times_are_nanoseconds_where_they_fit);
    tcase_add_test(tests, masks_and_wrappers_are_mapped);
    tcase_add_test(tests, null_is_a_value_where_it_is_one);
    tcase_add_test(tests, what_has_no_json_is_refused_and_leaves_the_buffer);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
