/* Index entries: what the fields of a record become, and that their order is the order of the values. */
#include "store/index.h"
#include "store/record.h"
#include "wire/message.h"

#include "store_test.pb-c.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static furrow_arena *arena;

static void setup(void)
{
    arena = furrow_arena_create(1 << 20);
}

static void teardown(void)
{
    furrow_arena_destroy(arena);
}

static furrow_index_contract index_on(const char *field, bool fold)
{
    const ProtobufCFieldDescriptor *descriptor =
        protobuf_c_message_descriptor_get_field_by_name(&storetest__v1__worker__descriptor, field);
    ck_assert_ptr_nonnull(descriptor);
    return (furrow_index_contract){.field = field, .descriptor = descriptor, .fold = fold};
}

static furrow_index_entries entries_of(const Storetest__V1__Worker *worker, const char *field, bool fold)
{
    furrow_index_contract index = index_on(field, fold);
    furrow_index_entries entries;
    furrow_bytes body;
    furrow_error err = {0};
    ck_assert_int_eq(furrow_message_pack(&worker->base, arena, &body, &err), FURROW_OK);
    ck_assert_msg(furrow_index_compute(worker->base.descriptor, &index, 1, FURROW_BYTES_LITERAL("w1"), body, arena,
                                       &entries, &err) == FURROW_OK,
                  "%s", err.text);
    return entries;
}

/* The value of entry @i, which must be followed by a NUL and the id. */
static const char *value_of(furrow_index_entries entries, size_t i)
{
    const char *member = entries.list[i].member.data;
    size_t len = entries.list[i].member.len;
    ck_assert_uint_ge(len, 3);
    ck_assert_mem_eq(member + len - 3, "\0w1", 3);
    return member;
}

static Storetest__V1__Worker worker_with_id(void)
{
    Storetest__V1__Worker worker = STORETEST__V1__WORKER__INIT;
    worker.id = (char *)(uintptr_t) "w1";
    return worker;
}

START_TEST(every_kind_of_field_has_its_value)
{
    Storetest__V1__Worker worker = worker_with_id();
    Google__Protobuf__Timestamp seen = GOOGLE__PROTOBUF__TIMESTAMP__INIT;
    worker.name = (char *)(uintptr_t) "José ÁLVAREZ";
    worker.status = STORETEST__V1__STATUS__STATUS_ODD;
    worker.score = 300;
    worker.night = 1;
    seen.seconds = 1795417606;
    seen.nanos = 5000000;
    worker.seen_at = &seen;
    worker.place_case = STORETEST__V1__WORKER__PLACE_FIELD;
    worker.field = 7;
    ck_assert_str_eq(value_of(entries_of(&worker, "id", false), 0), "w1");
    ck_assert_str_eq(value_of(entries_of(&worker, "name", false), 0), "José ÁLVAREZ");
    ck_assert_str_eq(value_of(entries_of(&worker, "name", true), 0), "jose alvarez");
    ck_assert_str_eq(value_of(entries_of(&worker, "status", false), 0), "Zd"); /* -3 */
    ck_assert_str_eq(value_of(entries_of(&worker, "score", false), 0), "c12c");
    ck_assert_str_eq(value_of(entries_of(&worker, "night", false), 0), "a1");
    ck_assert_str_eq(value_of(entries_of(&worker, "seen_at", false), 0), "2026-11-23T07:06:46.005000000Z");
    ck_assert_str_eq(value_of(entries_of(&worker, "field", false), 0), "a7");
    ck_assert_str_eq(value_of(entries_of(&worker, "barn", false), 0), "");
}
END_TEST

START_TEST(what_is_not_set_is_listed_under_the_empty_value)
{
    Storetest__V1__Worker worker = worker_with_id();
    static const char *const fields[] = {"name", "seen_at", "barn", "field"};
    for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++) {
        furrow_index_entries entries = entries_of(&worker, fields[i], false);
        ck_assert_uint_eq(entries.count, 1);
        ck_assert_str_eq(value_of(entries, 0), "");
    }
    ck_assert_str_eq(value_of(entries_of(&worker, "status", false), 0), "a0");
    ck_assert_uint_eq(entries_of(&worker, "tags", false).count, 0);
}
END_TEST

START_TEST(a_repeated_field_has_an_entry_per_different_element)
{
    Storetest__V1__Worker worker = worker_with_id();
    char *tags[] = {(char *)(uintptr_t) "b", (char *)(uintptr_t) "a", (char *)(uintptr_t) "b", (char *)(uintptr_t) ""};
    int32_t rows[] = {3, -1, 3, 2};
    worker.tags = tags;
    worker.n_tags = 4;
    worker.rows = rows;
    worker.n_rows = 4;
    furrow_index_entries entries = entries_of(&worker, "tags", false);
    ck_assert_uint_eq(entries.count, 3);
    ck_assert_str_eq(value_of(entries, 0), "");
    ck_assert_str_eq(value_of(entries, 1), "a");
    ck_assert_str_eq(value_of(entries, 2), "b");
    entries = entries_of(&worker, "rows", false);
    ck_assert_uint_eq(entries.count, 3);
    ck_assert_str_eq(value_of(entries, 0), "Zf");
    ck_assert_str_eq(value_of(entries, 2), "a3");
}
END_TEST

START_TEST(text_is_cut_between_letters_and_holds_no_nul)
{
    char text[400];
    memset(text, 'x', sizeof text);
    furrow_bytes cut = furrow_index_text((furrow_bytes){text, sizeof text}, false, arena);
    ck_assert_uint_eq(cut.len, FURROW_INDEX_TEXT_BYTES);
    memcpy(text + FURROW_INDEX_TEXT_BYTES - 1, "é", 2);
    cut = furrow_index_text((furrow_bytes){text, sizeof text}, false, arena);
    ck_assert_uint_eq(cut.len, FURROW_INDEX_TEXT_BYTES - 1);
    cut = furrow_index_text((furrow_bytes){"a\0b", 3}, false, arena);
    ck_assert_mem_eq(cut.data, "a b", 3);
    ck_assert_uint_eq(furrow_index_text((furrow_bytes){NULL, 0}, true, arena).len, 0);
}
END_TEST

static int compare_numbers(int64_t a, int64_t b)
{
    return a < b ? -1 : a > b;
}

static int sign(int number)
{
    return (number > 0) - (number < 0);
}

START_TEST(integers_sort_as_they_count)
{
    static int64_t numbers[200];
    size_t count = 0;
    for (int bit = 0; bit < 63; bit += 3) {
        int64_t power = (int64_t)1 << bit;
        numbers[count++] = power;
        numbers[count++] = power - 1;
        numbers[count++] = -power;
        numbers[count++] = -power - 1;
        numbers[count++] = power + power / 3;
    }
    numbers[count++] = INT64_MIN;
    numbers[count++] = INT64_MAX;
    for (size_t i = 0; i < count; i++)
        for (size_t j = 0; j < count; j++) {
            furrow_bytes a = furrow_record_index_integer(numbers[i], arena),
                         b = furrow_record_index_integer(numbers[j], arena);
            ck_assert_int_eq(sign(furrow_index_compare(a, b)), compare_numbers(numbers[i], numbers[j]));
        }
}
END_TEST

START_TEST(times_sort_as_they_pass)
{
    static const int64_t seconds[] = {-62135596800, -62135596799, -1, 0, 1, 1795417606, 253402300799};
    char before[64] = "";
    for (size_t i = 0; i < sizeof seconds / sizeof seconds[0]; i++) {
        Storetest__V1__Worker worker = worker_with_id();
        Google__Protobuf__Timestamp seen = GOOGLE__PROTOBUF__TIMESTAMP__INIT;
        seen.seconds = seconds[i];
        worker.seen_at = &seen;
        const char *value = value_of(entries_of(&worker, "seen_at", false), 0);
        ck_assert_uint_eq(strlen(value), strlen("2026-11-23T07:06:46.000000000Z"));
        ck_assert_str_ge(value, before);
        snprintf(before, sizeof before, "%s", value);
    }
}
END_TEST

START_TEST(text_is_folded_before_it_is_cut)
{
    char text[FURROW_INDEX_TEXT_BYTES * 2 + 1] = "";
    for (size_t i = 0; i < FURROW_INDEX_TEXT_BYTES; i++) strcat(text, "É"); /* two bytes, folded one */
    furrow_bytes value = furrow_index_text(furrow_bytes_of(text), true, arena);
    ck_assert_uint_eq(value.len, FURROW_INDEX_TEXT_BYTES);
    ck_assert_int_eq(*(const char *)value.data, 'e');
    value = furrow_index_text(furrow_bytes_of("Éa\xcc\x81Ж"), true, arena);
    ck_assert(furrow_bytes_is(value, "eaж"));
    value = furrow_index_text(furrow_bytes_of("É"), false, arena);
    ck_assert(furrow_bytes_is(value, "É"));
}
END_TEST

START_TEST(bytes_that_are_no_message_are_refused_and_some_fields_cannot_be_listed_by)
{
    furrow_index_contract index = index_on("name", false), weight = index_on("weight", false);
    furrow_index_entries entries;
    ck_assert_int_eq(furrow_index_compute(&storetest__v1__worker__descriptor, &index, 1, FURROW_BYTES_LITERAL("w1"),
                                          FURROW_BYTES_LITERAL("\x0a\x7f"), arena, &entries, NULL),
                     FURROW_INVALID_ARGUMENT);
    ck_assert_int_eq(furrow_index_compute(&storetest__v1__worker__descriptor, &index, 1, FURROW_BYTES_LITERAL("w1"),
                                          (furrow_bytes){0}, arena, &entries, NULL),
                     FURROW_OK);
    ck_assert_uint_eq(entries.count, 0);
    ck_assert_int_eq(furrow_index_check(&index, NULL), FURROW_OK);
    ck_assert_int_eq(furrow_index_check(&weight, NULL), FURROW_INVALID_ARGUMENT);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("index entries");
    TCase *cases = tcase_create("index entries");
    tcase_add_checked_fixture(cases, setup, teardown);
    tcase_add_test(cases, every_kind_of_field_has_its_value);
    tcase_add_test(cases, what_is_not_set_is_listed_under_the_empty_value);
    tcase_add_test(cases, a_repeated_field_has_an_entry_per_different_element);
    tcase_add_test(cases, text_is_cut_between_letters_and_holds_no_nul);
    tcase_add_test(cases, integers_sort_as_they_count);
    tcase_add_test(cases, times_sort_as_they_pass);
    tcase_add_test(cases, text_is_folded_before_it_is_cut);
    tcase_add_test(cases, bytes_that_are_no_message_are_refused_and_some_fields_cannot_be_listed_by);
    suite_add_tcase(suite, cases);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
