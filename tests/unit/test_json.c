/*
 * The proto3 JSON mapping: golden pairs (checked against another implementation when they were written), and what
 * is refused with which path.
 */
#include "json_pairs.h"
#include "wire_optional.pb-c.h"
#include "wire_test.pb-c.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>

#define SCALARS    &wiretest__v1__scalars__descriptor
#define REPEATED   &wiretest__v1__repeated__descriptor
#define MAPS       &wiretest__v1__maps__descriptor
#define CHOICE     &wiretest__v1__choice__descriptor
#define PERSON     &wiretest__v1__person__descriptor
#define TREE       &wiretest__v1__tree__descriptor
#define WELL_KNOWN &wiretest__v1__well_known__descriptor

START_TEST(integers_are_exact_to_their_limits)
{
    static const pair pairs[] = {
        {SCALARS,
         "{\"anInt32\":-2147483648,\"anInt64\":\"-9223372036854775808\",\"anUint32\":4294967295,"
         "\"anUint64\":\"18446744073709551615\"}",
         NULL},
        {SCALARS,
         "{\"anInt32\":2147483647,\"anInt64\":\"9223372036854775807\",\"anSint32\":-1,\"anSint64\":\"-2\","
         "\"aFixed32\":3,\"aFixed64\":\"4\",\"anSfixed32\":-5,\"anSfixed64\":\"-6\"}",
         NULL},
        {SCALARS, "{\"anUint64\":18446744073709551615,\"anInt64\":-9223372036854775808}",
         "{\"anInt64\":\"-9223372036854775808\",\"anUint64\":\"18446744073709551615\"}"},
        {SCALARS, "{\"anUint64\":9223372036854775809}", "{\"anUint64\":\"9223372036854775809\"}"},
        {SCALARS, "{\"anInt32\":\"12\",\"anUint32\":1e3,\"anInt64\":1.50e2,\"anSint32\":-10.000}",
         "{\"anInt32\":12,\"anInt64\":\"150\",\"anUint32\":1000,\"anSint32\":-10}"},
        {SCALARS, "{\"anUint64\":1.8446744073709551615e19,\"anUint32\":-0,\"anInt32\":0.0e99999999999999999999}",
         "{\"anUint64\":\"18446744073709551615\"}"},
        {SCALARS, "{\"anInt32\":\"\\u0031\",\"anInt64\":1000e-3}", "{\"anInt32\":1,\"anInt64\":\"1\"}"},
    };
    CHECK_PAIRS(pairs);
}
END_TEST

START_TEST(integers_out_of_range_are_refused)
{
    static const refusal refusals[] = {
        {SCALARS, "{\"anInt32\":2147483648}", "an_int32"},
        {SCALARS, "{\"anInt32\":-2147483649}", "an_int32"},
        {SCALARS, "{\"anUint32\":4294967296}", "an_uint32"},
        {SCALARS, "{\"anUint32\":-1}", "an_uint32"},
        {SCALARS, "{\"anInt64\":9223372036854775808}", "an_int64"},
        {SCALARS, "{\"anInt64\":\"-9223372036854775809\"}", "an_int64"},
        {SCALARS, "{\"anUint64\":18446744073709551616}", "an_uint64"},
        {SCALARS, "{\"anUint64\":\"-1\"}", "an_uint64"},
        {SCALARS, "{\"anUint64\":1e20}", "an_uint64"},
        {SCALARS, "{\"anUint64\":100000000000000000000000000000000000000000001}", "an_uint64"},
        {SCALARS, "{\"anInt32\":0.5}", "an_int32"},
        {SCALARS, "{\"anInt32\":1e-1}", "an_int32"},
        {SCALARS, "{\"anInt32\":1e99999999999999999999}", "an_int32"},
        {SCALARS, "{\"anInt32\":\"\"}", "an_int32"},
        {SCALARS, "{\"anInt32\":\" 1\"}", "an_int32"},
        {SCALARS, "{\"anInt32\":\"1 \"}", "an_int32"},
        {SCALARS, "{\"anInt32\":\"1x\"}", "an_int32"},
        {SCALARS, "{\"anInt32\":\"+1\"}", "an_int32"},
        {SCALARS, "{\"anInt32\":\"0x1\"}", "an_int32"},
        {SCALARS, "{\"anInt32\":true}", "an_int32"},
        {SCALARS, "{\"anInt32\":[1]}", "an_int32"},
        {SCALARS, "{\"anInt32\":{}}", "an_int32"},
    };
    CHECK_REFUSALS(refusals);
}
END_TEST

START_TEST(floating_point_round_trips)
{
    static const pair pairs[] = {
        {SCALARS, "{\"aFloat\":1.5,\"aDouble\":0.1}", NULL},
        {SCALARS, "{\"aFloat\":\"NaN\",\"aDouble\":\"-Infinity\"}", NULL},
        {SCALARS, "{\"aFloat\":\"\\u004eaN\",\"aDouble\":\"-Infinit\\u0079\"}",
         "{\"aFloat\":\"NaN\",\"aDouble\":\"-Infinity\"}"},
        {SCALARS, "\xef\xbb\xbf {\"aFloat\":1.5}", "{\"aFloat\":1.5}"},
        {SCALARS, "{\"aFloat\":\"Infinity\",\"aDouble\":\"NaN\"}", NULL},
        {SCALARS, "{\"aDouble\":\"1.25\",\"aFloat\":\"-3\"}", "{\"aFloat\":-3,\"aDouble\":1.25}"},
        {SCALARS, "{\"aDouble\":1.7976931348623157e+308}", NULL},
        {SCALARS, "{\"aDouble\":1e100}", "{\"aDouble\":1e+100}"},
        {SCALARS, "{\"aDouble\":0.30000000000000004}", NULL},
        {SCALARS, "{\"aFloat\":0.1}", NULL},
        {SCALARS, "{\"aFloat\":3.40282347e+38}", NULL},
        {SCALARS, "{\"aDouble\":5e-324}", "{\"aDouble\":4.94065645841247e-324}"},
        {SCALARS, "{\"aDouble\":1000000000000000000000000000000000000000000000000000000000000000000000000000000000}",
         "{\"aDouble\":1e+81}"},
        {SCALARS, "{\"aDouble\":1234567}", NULL},
    };
    static const double values[] = {DBL_MIN, DBL_MAX, DBL_EPSILON, 1.0 / 3, 123456789.123456789, 9007199254740993.0,
                                    1e22,    1e-7};

    CHECK_PAIRS(pairs);
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        Wiretest__V1__Scalars message = WIRETEST__V1__SCALARS__INIT, *back;
        message.a_double = values[i];
        message.a_float = (float)(1 / values[i] > FLT_MAX ? 1 : 1 / values[i]);
        back = decode(SCALARS, encode(&message, NULL));
        ck_assert(back->a_double == message.a_double && back->a_float == message.a_float);
    }
    Wiretest__V1__Scalars *zero = decode(SCALARS, "{\"aDouble\":-0}");
    ck_assert(signbit(zero->a_double));
    ck_assert_str_eq(encode(zero, NULL), "{\"aDouble\":-0}");
}
END_TEST

START_TEST(floating_point_out_of_range_is_refused)
{
    static const refusal refusals[] = {
        {SCALARS, "{\"aDouble\":1e309}", "a_double"},     {SCALARS, "{\"aFloat\":3.5e38}", "a_float"},
        {SCALARS, "{\"aDouble\":\"nan\"}", "a_double"},   {SCALARS, "{\"aDouble\":\"infinity\"}", "a_double"},
        {SCALARS, "{\"aDouble\":\"0x1p3\"}", "a_double"}, {SCALARS, "{\"aFloat\":\"\"}", "a_float"},
        {SCALARS, "{\"aDouble\":false}", "a_double"},     {SCALARS, "{\"aDouble\":\"1e309\"}", "a_double"},
        {SCALARS, "{\"aDouble\":NaN}", "a_double"},
    };
    CHECK_REFUSALS(refusals);
}
END_TEST

START_TEST(text_bytes_bools_and_enums_are_mapped)
{
    static const pair pairs[] = {
        {SCALARS,
         "{\"aBool\":true,\"aString\":\"ma\xc3\xb1"
         "ana \\\"\\\\ \\n\\u0001\",\"someBytes\":\"AQID/+8=\",\"color\":\"COLOR_RED\"}",
         NULL},
        {SCALARS, "{\"aString\":\"\\u00e9\\/\\ud83d\\ude00\"}", "{\"aString\":\"\xc3\xa9/\xf0\x9f\x98\x80\"}"},
        {SCALARS, "{\"someBytes\":\"-_8\"}", "{\"someBytes\":\"+/8=\"}"},
        {SCALARS, "{\"someBytes\":\"AQ\"}", "{\"someBytes\":\"AQ==\"}"},
        {SCALARS, "{\"someBytes\":\"AQ\\u0049=\"}", "{\"someBytes\":\"AQI=\"}"},
        {SCALARS, "{\"someBytes\":\"\",\"aString\":\"\",\"aBool\":false,\"color\":\"COLOR_UNSPECIFIED\",\"anInt32\":0}",
         "{}"},
        {SCALARS, "{\"color\":2}", "{\"color\":\"COLOR_GREEN\"}"},
        {SCALARS, "{\"color\":-7}", "{\"color\":\"COLOR_INFRARED\"}"},
        {SCALARS, "{\"color\":4711}", NULL},
        {SCALARS, "{\"an_int32\":1,\"some_bytes\":\"AA==\"}", "{\"anInt32\":1,\"someBytes\":\"AA==\"}"},
        {SCALARS, "{\"an\\u0049nt32\":1}", "{\"anInt32\":1}"},
        {SCALARS, "{\"anInt32\":null,\"aString\":null,\"someBytes\":null,\"color\":null,\"aBool\":null}", "{}"},
    };
    CHECK_PAIRS(pairs);
}
END_TEST

START_TEST(wrong_text_bytes_bools_and_enums_are_refused)
{
    static const refusal refusals[] = {
        {SCALARS, "{\"aBool\":\"true\"}", "a_bool"},
        {SCALARS, "{\"aBool\":1}", "a_bool"},
        {SCALARS, "{\"aString\":1}", "a_string"},
        {SCALARS, "{\"aString\":\"\xff\"}", "a_string"},
        {SCALARS, "{\"someBytes\":\"A\"}", "some_bytes"},
        {SCALARS, "{\"someBytes\":\"AQ=\"}", "some_bytes"},
        {SCALARS, "{\"someBytes\":\"A Q=\"}", "some_bytes"},
        {SCALARS, "{\"someBytes\":\"AQ===\"}", "some_bytes"},
        {SCALARS, "{\"someBytes\":\"====\"}", "some_bytes"},
        {SCALARS, "{\"someBytes\":1}", "some_bytes"},
        {SCALARS, "{\"color\":\"BLUE\"}", "color"},
        {SCALARS, "{\"color\":\"1\"}", "color"},
        {SCALARS, "{\"color\":1.5}", "color"},
        {SCALARS, "{\"color\":2147483648}", "color"},
        {SCALARS, "{\"color\":true}", "color"},
    };
    CHECK_REFUSALS(refusals);
}
END_TEST

START_TEST(repeated_fields_are_arrays)
{
    static const pair pairs[] = {
        {REPEATED,
         "{\"numbers\":[1,-2,0],\"loose\":[3],\"longs\":[\"4\"],\"words\":[5,6],\"doubles\":[0.5,\"NaN\"],\"flags\":["
         "true,false],"
         "\"colors\":[\"COLOR_RED\",9],\"names\":[\"\",\"b\"],\"blobs\":[\"\",\"AQ==\"],\"scalars\":[{},{\"anInt32\":1}"
         "],"
         "\"zigzags\":[\"-1\"],\"floats\":[1.5]}",
         NULL},
        {REPEATED, "{\"numbers\":[1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17]}", NULL},
        {REPEATED, "{\"numbers\":[],\"names\":null}", "{}"},
        {REPEATED, "{\"numbers\":[\"1\",2.0]}", "{\"numbers\":[1,2]}"},
    };
    static const refusal refusals[] = {
        {REPEATED, "{\"numbers\":1}", "numbers"},
        {REPEATED, "{\"numbers\":[1,null]}", "numbers[1]"},
        {REPEATED, "{\"numbers\":[1,\"x\"]}", "numbers[1]"},
        {REPEATED, "{\"scalars\":[{},{\"anInt32\":\"x\"}]}", "scalars[1].an_int32"},
        {REPEATED, "{\"scalars\":[null]}", "scalars[0]"},
        {REPEATED, "{\"numbers\":[1,]}", "numbers[1]"},
        {REPEATED, "{\"numbers\":{}}", "numbers"},
    };
    CHECK_PAIRS(pairs);
    CHECK_REFUSALS(refusals);
}
END_TEST

START_TEST(maps_are_objects_in_the_order_of_their_keys)
{
    static const pair pairs[] = {
        {MAPS, "{\"labels\":{\"b\":\"2\",\"a\":\"1\",\"\":\"\"}}", "{\"labels\":{\"\":\"\",\"a\":\"1\",\"b\":\"2\"}}"},
        {MAPS, "{\"byNumber\":{\"10\":{\"anInt32\":1},\"-2\":{}}}",
         "{\"byNumber\":{\"-2\":{},\"10\":{\"anInt32\":1}}}"},
        {MAPS, "{\"flags\":{\"18446744073709551615\":true,\"0\":false}}",
         "{\"flags\":{\"0\":false,\"18446744073709551615\":true}}"},
        {MAPS, "{\"colors\":{\"tr\\u0075e\":\"COLOR_RED\"}}", "{\"colors\":{\"true\":\"COLOR_RED\"}}"},
        {MAPS, "{\"colors\":{\"true\":\"COLOR_RED\",\"false\":0}}",
         "{\"colors\":{\"false\":\"COLOR_UNSPECIFIED\",\"true\":\"COLOR_RED\"}}"},
        {MAPS, "{\"amounts\":{\"-9223372036854775808\":0.5}}", NULL},
        {MAPS, "{\"seenAt\":{\"x\":\"1970-01-01T00:00:01Z\"}}", NULL},
        {MAPS, "{\"labels\":{},\"flags\":null}", "{}"},
        {MAPS,
         "{\"labels\":{\"0\":\"\",\"1\":\"\",\"2\":\"\",\"3\":\"\",\"4\":\"\",\"5\":\"\",\"6\":\"\",\"7\":\"\",\"8\":"
         "\"\",\"9\":\"\"}}",
         NULL},
    };
    static const refusal refusals[] = {
        {MAPS, "{\"labels\":{\"a\":\"1\",\"b\":\"\",\"a\":\"2\"}}", "labels"},
        {MAPS, "{\"labels\":{\"a\":\"1\",\"\\u0061\":\"2\"}}", "labels"},
        {MAPS, "{\"flags\":{\"1\":true,\"1.0\":true}}", "flags"},
        {MAPS, "{\"labels\":{\"a\":null}}", "labels[\"a\"]"},
        {MAPS, "{\"labels\":{\"a\":1}}", "labels[\"a\"]"},
        {MAPS, "{\"byNumber\":{\"x\":{}}}", "by_number[\"x\"]"},
        {MAPS, "{\"byNumber\":{\"7\":{\"nope\":1}}}", "by_number[\"7\"][\"nope\"]"},
        {MAPS, "{\"colors\":{\"yes\":0}}", "colors[\"yes\"]"},
        {MAPS, "{\"labels\":[]}", "labels"},
        {MAPS, "{\"labels\":{\"a\\n\":1}}", "labels[?]"},
        {MAPS, "{\"labels\":{\"a\":\"b\"", "labels"},
    };
    CHECK_PAIRS(pairs);
    CHECK_REFUSALS(refusals);
}
END_TEST

START_TEST(an_entry_twice_on_the_wire_is_one_in_json)
{
    ProtobufCMessage *message;
    furrow_bytes twice = FURROW_BYTES_LITERAL("\x0a\x06\x0a\x01"
                                              "a\x12\x01"
                                              "1\x0a\x06\x0a\x01"
                                              "a\x12\x01"
                                              "2\x0a\x03\x0a\x01"
                                              "b"
                                              "\x32\x03\x0a\x01"
                                              "x");

    ck_assert_int_eq(furrow_message_unpack(MAPS, twice, arena, &message, &err), FURROW_OK);
    ck_assert_str_eq(encode(message, NULL),
                     "{\"labels\":{\"a\":\"2\",\"b\":\"\"},\"seenAt\":{\"x\":\"1970-01-01T00:00:00Z\"}}");
}
END_TEST

START_TEST(oneofs_hold_one_member)
{
    static const pair pairs[] = {
        {CHOICE, "{\"text\":\"\"}", NULL},
        {CHOICE, "{\"number\":0}", NULL},
        {CHOICE, "{\"scalars\":{}}", NULL},
        {CHOICE, "{\"blob\":\"\"}", NULL},
        {CHOICE, "{\"flag\":false,\"after\":\"x\"}", NULL},
        {CHOICE, "{\"text\":null,\"number\":5}", "{\"number\":5}"},
        {CHOICE, "{}", NULL},
    };
    static const refusal refusals[] = {
        {CHOICE, "{\"text\":\"\",\"number\":1}", "number"},
        {CHOICE, "{\"number\":1,\"scalars\":{}}", "scalars"},
    };
    CHECK_PAIRS(pairs);
    CHECK_REFUSALS(refusals);
}
END_TEST

START_TEST(fields_with_presence_are_written_when_they_are_set)
{
    static const pair pairs[] = {
        {&wiretest__v1__optionals__descriptor, "{\"number\":0,\"text\":\"\",\"blob\":\"\",\"flag\":false}", NULL},
        {&wiretest__v1__optionals__descriptor, "{\"number\":null,\"text\":null}", "{}"},
        {&wiretest__v1__optionals__descriptor, "{\"flag\":true}", NULL},
    };
    CHECK_PAIRS(pairs);
}
END_TEST

START_TEST(objects_are_strict)
{
    static const refusal refusals[] = {
        {PERSON, "{\"id\":\"a\",\"id\":\"b\"}", "id"},
        {PERSON, "{\"displayName\":\"a\",\"display_name\":null}", "display_name"},
        {PERSON, "{\"nope\":1}", "[\"nope\"]"},
        {PERSON, "{\"contact\":{\"nope\":1}}", "contact[\"nope\"]"},
        {PERSON, "{\"contact\":{\"phones\":[{},{},{\"number\":5}]}}", "contact.phones[2].number"},
        {PERSON, "{\"DisplayName\":\"a\"}", "[\"DisplayName\"]"},
        {PERSON, "{\"\":1}", "[\"\"]"},
        {PERSON, "{\"a\\r\\nb\":1}", "[?]"},
        {PERSON, "{\"id\":\"a\"}x", ""},
        {PERSON, "{\"id\":\"a\"", ""},
        {PERSON, "{\"id\":", "id"},
        {PERSON, "[]", ""},
        {PERSON, "null", ""},
        {PERSON, "\"\"", ""},
        {PERSON, "{\"contact\":\"x\"}", "contact"},
        {PERSON, "x", ""},
    };
    CHECK_REFUSALS(refusals);
    ck_assert_ptr_nonnull(strstr(err.text, "byte 0"));
}
END_TEST

START_TEST(an_empty_body_is_the_empty_message)
{
    ck_assert_str_eq(encode(decode(PERSON, ""), NULL), "{}");
    ck_assert_str_eq(encode(decode(PERSON, " \r\n\t"), NULL), "{}");
    ck_assert_str_eq(encode(decode(PERSON, " { } "), NULL), "{}");
}
END_TEST

START_TEST(options_change_names_layout_and_defaults)
{
    Wiretest__V1__Person *person =
        decode(PERSON, "{\"id\":\"e1\",\"contact\":{\"phones\":[{\"number\":\"1\"}]},\"hourlyRateCents\":5}");

    ck_assert_str_eq(encode(person, &(furrow_json_options){.pretty = true, .proto_names = true}),
                     "{\n  \"id\": \"e1\",\n  \"contact\": {\n    \"phones\": [\n      {\n        \"number\": \"1\"\n  "
                     "    }\n    ]\n  },\n"
                     "  \"hourly_rate_cents\": \"5\"\n}");
    ck_assert_str_eq(encode(decode(CHOICE, "{}"), &(furrow_json_options){.with_defaults = true}), "{\"after\":\"\"}");
    ck_assert_str_eq(encode(decode(MAPS, "{}"), &(furrow_json_options){.with_defaults = true}),
                     "{\"labels\":{},\"byNumber\":{},\"flags\":{},\"colors\":{},\"amounts\":{},\"seenAt\":{}}");
    ck_assert_str_eq(encode(decode(SCALARS, "{}"), &(furrow_json_options){.with_defaults = true}),
                     "{\"anInt32\":0,\"anInt64\":\"0\",\"anUint32\":0,\"anUint64\":\"0\",\"anSint32\":0,\"anSint64\":"
                     "\"0\",\"aFixed32\":0,"
                     "\"aFixed64\":\"0\",\"anSfixed32\":0,\"anSfixed64\":\"0\",\"aFloat\":0,\"aDouble\":0,\"aBool\":"
                     "false,\"aString\":\"\","
                     "\"someBytes\":\"\",\"color\":\"COLOR_UNSPECIFIED\"}");
    ck_assert_str_eq(encode(decode(MAPS, "{}"), &(furrow_json_options){.pretty = true}), "{}");
}
END_TEST

START_TEST(depth_is_limited_both_ways)
{
    char text[2048] = "";
    ProtobufCMessage *message;

    for (int i = 1; i < FURROW_JSON_DEPTH_MAX; i++) strcat(text, "{\"next\":");
    strcat(text, "{}");
    for (int i = 1; i < FURROW_JSON_DEPTH_MAX; i++) strcat(text, "}");
    Wiretest__V1__Tree deeper = WIRETEST__V1__TREE__INIT, *tree = decode(TREE, text);
    ck_assert_str_eq(encode(tree, NULL), text);
    deeper.next = tree;
    ck_assert_int_eq(furrow_json_encode(&deeper.base, NULL, &out, &err), FURROW_INVALID_ARGUMENT);
    memmove(text + 8, text, strlen(text) + 1);
    memcpy(text, "{\"next\":", 8);
    strcat(text, "}");
    ck_assert_int_eq(furrow_json_decode(TREE, furrow_bytes_of(text), arena, &message, &err), FURROW_INVALID_ARGUMENT);
    ck_assert_ptr_nonnull(strstr(err.text, "deep"));
}
END_TEST

START_TEST(memory_limits_are_a_status)
{
    furrow_arena *small = furrow_arena_create(1024);
    furrow_buffer tiny;
    ProtobufCMessage *message = NULL;
    char text[1024] = "{\"numbers\":[1";

    for (int i = 0; i < 300; i++) strcat(text, ",1");
    strcat(text, "]}");
    ck_assert_int_eq(furrow_json_decode(REPEATED, furrow_bytes_of(text), small, &message, &err),
                     FURROW_RESOURCE_EXHAUSTED);
    ck_assert_ptr_null(message);
    furrow_buffer_init(&tiny, 100);
    ck_assert_int_eq(furrow_json_encode(decode(REPEATED, text), NULL, &tiny, &err), FURROW_RESOURCE_EXHAUSTED);
    ck_assert_uint_eq(tiny.len, 0);
    furrow_buffer_fini(&tiny);
    furrow_arena_destroy(small);
}
END_TEST

START_TEST(every_allocation_may_fail)
{
    static const char text[] =
        "{\"scal\\u0061rs\":{\"aString\":\"\\u0061\",\"someBytes\":\"\\u0041A==\",\"color\":\"COLOR_RED\",\"anInt32\":"
        "\"\\u0031\",\"aDouble\":"
        "1.0000000000000000000000000000000000000000000000000000000000000000000001},"
        "\"repeated\":{\"names\":[\"a\",\"b\"],\"scalars\":[{},{}]},\"maps\":{\"labels\":{\"a\":\"1\",\"b\":\"2\"}},"
        "\"wellKnown\":{\"mask\":\"a,b\",\"at\":\"1970-01-01T00:00:00\\u005a\",\"maybeText\":\"x\"}}";
    furrow_status status = FURROW_RESOURCE_EXHAUSTED;
    size_t limit = 16;

    for (; status != FURROW_OK && limit < 1u << 16; limit += 16) {
        furrow_arena *small = furrow_arena_create(limit);
        ProtobufCMessage *message = NULL;
        status = furrow_json_decode(&wiretest__v1__all__descriptor, furrow_bytes_of(text), small, &message, &err);
        ck_assert_msg(status == FURROW_OK || (status == FURROW_RESOURCE_EXHAUSTED && !message), "%zu bytes: %s %s",
                      limit, err.field, err.text);
        furrow_arena_destroy(small);
    }
    ck_assert_int_eq(status, FURROW_OK);
}
END_TEST

START_TEST(a_string_that_is_not_utf8_is_still_written_as_json)
{
    furrow_json_append_string(&out, FURROW_BYTES_LITERAL("a\"\n\xff\xc3\xa9\xe2\x82z"));
    ck_assert_uint_eq(out.len, 19);
    ck_assert_mem_eq(out.data, "\"a\\\"\\n\xef\xbf\xbd\xc3\xa9\xef\xbf\xbd\xef\xbf\xbdz\"", 19);
}
END_TEST

/* C would end a text at its NUL, so whatever compares one with a name must look at its length. */
START_TEST(a_name_with_nul_bytes_is_no_field)
{
    static const refusal refusals[] = {
        {SCALARS, "{\"anInt32\\u0000\":1}", "[?]"},
        {SCALARS, "{\"an_int32\\u0000\":1}", "[?]"},
        {SCALARS, "{\"an_int32\\u0000x\":1}", "[?]"},
        {SCALARS, "{\"\\u0000anInt32\":1}", "[?]"},
        {SCALARS, "{\"an\\u0000Int32\":1}", "[?]"},
        {SCALARS, "{\"\\u0000\":1}", "[?]"},
        {SCALARS, "{\"\":1}", "[\"\"]"},
        {SCALARS, "{\"color\":\"COLOR_RED\\u0000\"}", "color"},
        {PERSON, "{\"contact\":{\"address\\u0000\":1}}", "contact[?]"},
        {PERSON, "{\"reports\":[{\"id\\u0000\":\"a\"}]}", "reports[0][?]"},
        {MAPS, "{\"byNumber\":{\"1\":{\"anInt32\\u0000\":1}}}", "by_number[\"1\"][?]"},
    };
    CHECK_REFUSALS(refusals);
}
END_TEST

START_TEST(a_long_name_of_nul_bytes_is_no_field)
{
    static const char escape[] = "\\u0000", head[] = "{\"id", tail[] = "\":1}";
    const size_t count = 100000;
    char *text = malloc(sizeof head + sizeof tail + count * (sizeof escape - 1)), *at = stpcpy(text, head);
    for (size_t i = 0; i < count; i++) at = stpcpy(at, escape);
    stpcpy(at, tail);
    const refusal refusals[] = {{PERSON, text, "[?]"}, {SCALARS, text, "[?]"}};
    CHECK_REFUSALS(refusals);
    free(text);
}
END_TEST

START_TEST(text_with_nul_bytes_is_kept_and_nothing_else_has_one)
{
    static const pair pairs[] = {
        {PERSON, "{\"id\":\"a\\u0000\"}", NULL},
        {PERSON, "{\"contact\":{\"phones\":[{},{\"number\":\"\\u0000\"}]}}", NULL},
        {PERSON, "{\"reports\":[{\"far\":\"\\u0000a\"}]}", NULL},
        {REPEATED, "{\"names\":[\"a\",\"b\\u0000c\"]}", NULL},
        {MAPS, "{\"labels\":{\"a\\u0000b\":\"1\"}}", NULL},
        {MAPS, "{\"labels\":{\"a\":\"1\\u0000\"}}", NULL},
        {CHOICE, "{\"text\":\"\\u0000\"}", NULL},
        {WELL_KNOWN, "{\"maybeText\":\"\\u0000\"}", NULL},
    };
    static const refusal refusals[] = {
        {MAPS, "{\"byNumber\":{\"1\\u0000\":{}}}", "by_number[?]"},
        {MAPS, "{\"flags\":{\"1\":\"true\\u0000\"}}", "flags[\"1\"]"},
        {MAPS, "{\"colors\":{\"true\\u0000\":1}}", "colors[?]"},
        {SCALARS, "{\"anInt32\":\"1\\u0000\"}", "an_int32"},
        {SCALARS, "{\"aDouble\":\"NaN\\u0000\"}", "a_double"},
        {SCALARS, "{\"someBytes\":\"AA==\\u0000\"}", "some_bytes"},
        {WELL_KNOWN, "{\"at\":\"1970-01-01T00:00:00Z\\u0000\"}", "at"},
        {WELL_KNOWN, "{\"took\":\"1s\\u0000\"}", "took"},
        {WELL_KNOWN, "{\"mask\":\"a\\u0000\"}", "mask"},
        {WELL_KNOWN, "{\"maybeLong\":\"1\\u0000\"}", "maybe_long"},
    };
    CHECK_PAIRS(pairs);
    CHECK_REFUSALS(refusals);
}
END_TEST

/* What a server sent is read into C text too. */
START_TEST(text_with_nul_bytes_is_not_found)
{
    char *text = NULL;
    ck_assert(!furrow_json_find_text(furrow_bytes_of("{\"a\":\"b\\u0000c\"}"), "a", arena, &text));
    ck_assert(!furrow_json_find_text(furrow_bytes_of("{\"a\\u0000\":\"b\"}"), "a", arena, &text));
    ck_assert(furrow_json_find_text(furrow_bytes_of("{\"a\":\"b\\u0063\"}"), "a", arena, &text));
    ck_assert_str_eq(text, "bc");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("json");
    TCase *tests = tcase_create("json");
    SRunner *runner = srunner_create(suite);

    suite_add_tcase(suite, tests);
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, integers_are_exact_to_their_limits);
    tcase_add_test(tests, integers_out_of_range_are_refused);
    tcase_add_test(tests, floating_point_round_trips);
    tcase_add_test(tests, floating_point_out_of_range_is_refused);
    tcase_add_test(tests, text_bytes_bools_and_enums_are_mapped);
    tcase_add_test(tests, wrong_text_bytes_bools_and_enums_are_refused);
    tcase_add_test(tests, repeated_fields_are_arrays);
    tcase_add_test(tests, maps_are_objects_in_the_order_of_their_keys);
    tcase_add_test(tests, an_entry_twice_on_the_wire_is_one_in_json);
    tcase_add_test(tests, oneofs_hold_one_member);
    tcase_add_test(tests, fields_with_presence_are_written_when_they_are_set);
    tcase_add_test(tests, objects_are_strict);
    tcase_add_test(tests, an_empty_body_is_the_empty_message);
    tcase_add_test(tests, options_change_names_layout_and_defaults);
    tcase_add_test(tests, depth_is_limited_both_ways);
    tcase_add_test(tests, memory_limits_are_a_status);
    tcase_add_test(tests, every_allocation_may_fail);
    tcase_add_test(tests, a_string_that_is_not_utf8_is_still_written_as_json);
    tcase_add_test(tests, a_name_with_nul_bytes_is_no_field);
    tcase_add_test(tests, a_long_name_of_nul_bytes_is_no_field);
    tcase_add_test(tests, text_with_nul_bytes_is_kept_and_nothing_else_has_one);
    tcase_add_test(tests, text_with_nul_bytes_is_not_found);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
