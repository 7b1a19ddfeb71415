/*
 * Rules of fields once compiled (unit/codegen/golden/ruled): which messages break which, all at once and where. Each case is a
 * message in JSON and the violations expected of it, "path rule" apiece.
 */
#include "ruled/v1/ruled.furrow.h"
#include "wire/json.h"
#include "wire/rules.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static furrow_arena *arena;

static void make_arena(void)
{
    arena = furrow_arena_create(0);
    ck_assert_ptr_nonnull(arena);
}

static void drop_arena(void)
{
    furrow_arena_destroy(arena);
}

static const ProtobufCMessage *read_json(const ProtobufCMessageDescriptor *type, const char *json)
{
    ProtobufCMessage *message;
    furrow_error err = {0};
    ck_assert_msg(furrow_json_decode(type, furrow_bytes_of(json), arena, &message, &err) == FURROW_OK, "%s: %s %s",
                  json, err.field, err.text);
    return message;
}

static bool note_violation(void *user, const furrow_violation *violation)
{
    char *said = user;
    size_t used = strlen(said);
    snprintf(said + used, 1024 - used, "%s%s %s%s", used ? "; " : "", violation->path, violation->rule,
             violation->of_key ? " key" : "");
    return true;
}

typedef struct rule_case {
    const char *json, *expected;
} rule_case;

static void check_cases(const furrow_rule_message *rules, const rule_case *cases, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        char said[1024] = "";
        furrow_error err = {0};
        const ProtobufCMessage *message = read_json(rules->descriptor, cases[i].json);
        ck_assert_int_eq(furrow_rule_check(rules, message, note_violation, said, &err), FURROW_OK);
        ck_assert_msg(strcmp(said, cases[i].expected) == 0, "%s: \"%s\"", cases[i].json, said);
        bool broken = cases[i].expected[0] != '\0';
        ck_assert_int_eq(furrow_rule_first(rules, message, &err), broken ? FURROW_INVALID_ARGUMENT : FURROW_OK);
    }
}
#define CHECK_CASES(rules, cases) check_cases(&(rules), cases, sizeof(cases) / sizeof *(cases))

#define NUMBERS_OK                                                                                                     \
    "\"above\":\"10\",\"outside\":\"10\",\"listed\":2,\"unlisted\":\"1\",\"equal\":0.1,\"yes\":true,\"kind\":\"KIND_"  \
    "PEAR\","                                                                                                          \
    "\"required\":\"1\""

START_TEST(numbers_obey_their_bounds)
{
    static const rule_case cases[] = {
        {"{" NUMBERS_OK "}", ""},
        {"{" NUMBERS_OK ",\"between\":5}", ""},
        {"{" NUMBERS_OK ",\"between\":-6}", "between int32.gte_lte"},
        {"{" NUMBERS_OK ",\"between\":6,\"finite\":\"NaN\"}",
         "between int32.gte_lte; finite double.lt; finite double.finite"},
        {"{" NUMBERS_OK ",\"finite\":\"-Infinity\"}", "finite double.finite"},
        {"{" NUMBERS_OK ",\"finite\":1.5}", "finite double.lt"},
        {"{" NUMBERS_OK ",\"optional\":\"5\"}", "optional int64.gt"},
        {"{" NUMBERS_OK ",\"optional\":\"101\",\"wrapped\":2}", ""},
        {"{" NUMBERS_OK ",\"wrapped\":3}", "wrapped int32.lt"},
        {"{\"above\":\"18446744073709551615\",\"outside\":\"-10\",\"listed\":3,\"unlisted\":\"-7\",\"equal\":0.1,"
         "\"yes\":true,"
         "\"kind\":1,\"required\":\"-1\"}",
         ""},
        {"{\"outside\":\"9\",\"listed\":4,\"unlisted\":\"7\",\"equal\":0.2,\"kind\":7}",
         "above uint64.gt; outside sint64.gte_lt_exclusive; listed fixed32.in; unlisted sfixed64.not_in; equal "
         "float.const; "
         "yes bool.const; kind enum.defined_only; required required"},
        {"{}", "above uint64.gt; outside sint64.gte_lt_exclusive; listed fixed32.in; unlisted sfixed64.not_in; "
               "equal float.const; yes bool.const; kind enum.not_in; required required"},
    };
    CHECK_CASES(ruled_v1_numbers_field_rules, cases);
}
END_TEST

#define TEXTS_OK                                                                                                       \
    "\"len\":\"\xc3\xa9x\",\"bytes\":\"\xc3\xa9\",\"prefix\":\"amz\",\"listed\":\"red\",\"email\":\"a@b.c\",\"host\":" \
    "\"a.b\",\"raw\":\"AAE=\""

START_TEST(texts_obey_size_form_and_parts)
{
    static const rule_case cases[] = {
        {"{" TEXTS_OK "}", ""},
        {"{" TEXTS_OK ",\"uuid\":\"00112233-4455-6677-8899-aabbccddeeff\",\"mask\":\"name,contact.phone\"}", ""},
        {"{" TEXTS_OK ",\"uuid\":\"00112233\",\"mask\":\"name,address\"}", "uuid string.uuid; mask field_mask.in"},
        /* A NUL is one character and one byte, whatever it is in memory, and no format has one. */
        {"{\"len\":\"\\u0000x\",\"bytes\":\"\\u0000\\u0000\\u0000\\u0000\",\"prefix\":\"amz\",\"listed\":"
         "\"red\\u0000\","
         "\"email\":\"a@b.c\\u0000\",\"host\":\"a\\u0000.b\",\"raw\":\"AAE=\"}",
         "listed string.in; email string.email; host string.hostname"},
        {"{\"len\":\"abc\",\"bytes\":\"abcde\",\"prefix\":\"x\",\"listed\":\"blue\",\"email\":\"a@\",\"host\":\"-a\","
         "\"raw\":\"AAI=\"}",
         "len string.len; bytes string.max_bytes; prefix string.prefix; prefix string.suffix; prefix string.contains; "
         "prefix string.not_contains; listed string.in; email string.email; host string.hostname; raw bytes.in"},
        {"{}",
         "len string.len; bytes string.min_bytes; prefix string.prefix; prefix string.suffix; prefix string.contains; "
         "listed string.in; email string.email_empty; host string.hostname_empty; raw bytes.in; raw bytes.min_len"},
    };
    CHECK_CASES(ruled_v1_texts_field_rules, cases);
}
END_TEST

#define OTHERS_OK "\"names\":[\"a\"],\"one\":{\"name\":\"ab\"},\"number\":0"

START_TEST(lists_maps_and_messages_are_walked)
{
    static const rule_case cases[] = {
        {"{" OTHERS_OK "}", ""},
        {"{}", "names repeated.min_items; one required; which required"},
        {"{\"names\":[\"a\",\"\",\"b\",\"a\"],\"one\":{},\"text\":\"ab\"}",
         "names repeated.max_items; names repeated.unique; names[1] string.min_len; one.name string.min_len; "
         "one.name string.pattern; text string.min_len"},
        {"{" OTHERS_OK ",\"counts\":{\"long\":0}}", "counts[\"long\"] string.max_len key; counts[\"long\"] int32.gt"},
        {"{" OTHERS_OK ",\"counts\":{\"a\":1,\"b\":1,\"\\\"\":1}}", "counts map.max_pairs"},
        {"{" OTHERS_OK ",\"labels\":{\"-5\":{\"name\":\"A\"},\"7\":{\"name\":\"ok\"}}}",
         "labels[-5].name string.pattern"},
        {"{" OTHERS_OK ",\"list\":[{\"name\":\"a\"},{\"name\":\"a\",\"next\":{\"name\":\"abcde\",\"inner\":{}}}]}",
         "list[1].next.name string.max_len; list[1].next.inner.on bool.const"},
        {"{" OTHERS_OK ",\"free\":{\"name\":\"ABCDEF\"}}", ""},
        {"{" OTHERS_OK ",\"past\":\"1999-01-01T00:00:00Z\",\"wait\":\"10s\"}", ""},
        {"{" OTHERS_OK ",\"past\":\"9999-01-01T00:00:00Z\",\"near\":\"1999-01-01T00:00:00Z\",\"wait\":\"0.5s\"}",
         "past timestamp.lt_now; near timestamp.within; wait duration.gt_lte"},
    };
    CHECK_CASES(ruled_v1_others_field_rules, cases);
}
END_TEST

START_TEST(many_items_are_unique_or_not)
{
    enum { ITEMS = 200 };
    char *names[ITEMS], text[ITEMS][8], said[1024];
    Ruled__V1__Others message = RULED__V1__OTHERS__INIT;
    furrow_error err = {0};
    for (int i = 0; i < ITEMS; i++) {
        snprintf(text[i], sizeof text[i], "%d", i);
        names[i] = text[i];
    }
    message.names = names;
    message.n_names = ITEMS;
    for (int twice = 0; twice < 2; twice++) {
        if (twice) names[150] = text[7];
        said[0] = '\0';
        ck_assert_int_eq(furrow_rule_check(&ruled_v1_others_field_rules, &message.base, note_violation, said, &err),
                         FURROW_OK);
        ck_assert_int_eq(strstr(said, "repeated.unique") != NULL, twice);
    }
}
END_TEST

START_TEST(a_long_path_is_cut_between_characters)
{
    char json[2000] = "{\"names\":[\"a\"],\"one\":{\"name\":\"a\"},\"number\":1,\"counts\":{\"", said[1024] = "";
    furrow_error err = {0};
    for (int i = 0; i < 300; i++) strcat(json, "\xc3\xa9");
    strcat(json, "\":1}}");
    const ProtobufCMessage *message = read_json(&ruled__v1__others__descriptor, json);
    ck_assert_int_eq(furrow_rule_check(&ruled_v1_others_field_rules, message, note_violation, said, &err), FURROW_OK);
    ck_assert(strstr(said, "\xc3\xa9 string.max_len key") != NULL);
}
END_TEST

START_TEST(a_state_is_held_to_its_contract)
{
    const furrow_rules rules = {.entity = ruled_v1_basket_entity.name,
                                .stream = ruled_v1_basket_entity.stream,
                                .descriptor = ruled_v1_basket_entity.descriptor,
                                .id = furrow_rules_id(ruled_v1_basket_entity.descriptor),
                                .declared = ruled_v1_basket_entity.field_rules};
    Ruled__V1__Basket state = RULED__V1__BASKET__INIT;
    char id[] = "b1";
    furrow_error err = {0};
    state.id = id;
    ck_assert_int_eq(furrow_rules_check(&rules, "b1", 3, &state.base, &err), FURROW_OK);
    state.grams = -1;
    ck_assert_int_eq(furrow_rules_check(&rules, "b1", 3, &state.base, &err), FURROW_DATA_LOSS);
    ck_assert_ptr_nonnull(strstr(err.text, "grams: must be between 0 and 2000000"));
    ck_assert_int_eq(furrow_rules_check(&rules, "b1", 0, &state.base, &err), FURROW_INTERNAL);
}
END_TEST

START_TEST(what_has_no_rules_has_no_table)
{
    const furrow_service_contract *service = &ruled_v1_ruled_service;
    ck_assert_ptr_eq(service->methods[RULED_V1_RULED_SERVICE_SET_NUMBERS].input_rules, &ruled_v1_numbers_field_rules);
    ck_assert_ptr_null(service->methods[RULED_V1_RULED_SERVICE_SET_PLAIN].input_rules);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("rule");
    TCase *all = tcase_create("all");
    tcase_add_checked_fixture(all, make_arena, drop_arena);
    tcase_add_test(all, numbers_obey_their_bounds);
    tcase_add_test(all, texts_obey_size_form_and_parts);
    tcase_add_test(all, lists_maps_and_messages_are_walked);
    tcase_add_test(all, many_items_are_unique_or_not);
    tcase_add_test(all, a_long_path_is_cut_between_characters);
    tcase_add_test(all, a_state_is_held_to_its_contract);
    tcase_add_test(all, what_has_no_rules_has_no_table);
    suite_add_tcase(suite, all);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
