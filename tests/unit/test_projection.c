/* Projection: what a replica declares comes through, byte for byte, and nothing else does. */
#include "wire/projection.h"

#include "wire/message.h"
#include "wire_test.pb-c.h"

#include <check.h>
#include <stdlib.h>

static furrow_arena *arena;
static furrow_projection *projection;
static furrow_error err;

static void setup(void)
{
    arena = furrow_arena_create(0);
    projection = furrow_projection_create(&wiretest__v1__person_part__descriptor, &err);
    ck_assert_ptr_nonnull(projection);
}

static void teardown(void)
{
    furrow_projection_destroy(projection);
    furrow_arena_destroy(arena);
}

static furrow_bytes pack(const void *message)
{
    furrow_bytes packed;

    ck_assert_int_eq(furrow_message_pack(message, arena, &packed, &err), FURROW_OK);
    return packed;
}

/* The output buffer is exactly as long as the event, so the address sanitizer sees the first byte too many. */
static furrow_bytes project(furrow_bytes event)
{
    uint8_t *out = malloc(event.len ? event.len : 1);
    size_t len = 0;

    ck_assert_int_eq(furrow_projection_apply(projection, event, out, &len, &err), FURROW_OK);
    furrow_bytes kept = {furrow_arena_memdup(arena, out, len), len};
    free(out);
    return kept;
}

static void expect(furrow_bytes event, furrow_bytes kept)
{
    furrow_bytes got = project(event);

    ck_assert_uint_eq(got.len, kept.len);
    ck_assert_mem_eq(got.data, kept.data, kept.len);
    got = project(kept);
    ck_assert(furrow_bytes_equal(got, kept));
}
#define EXPECT(event, kept) expect(FURROW_BYTES_LITERAL(event), FURROW_BYTES_LITERAL(kept))

START_TEST(a_projected_entity_is_the_packed_subset)
{
    Wiretest__V1__Phone phone = WIRETEST__V1__PHONE__INIT, *phones[] = {&phone};
    Wiretest__V1__Contact contact = WIRETEST__V1__CONTACT__INIT;
    Wiretest__V1__Person person = WIRETEST__V1__PERSON__INIT, report = WIRETEST__V1__PERSON__INIT,
                         *reports[] = {&report};
    Wiretest__V1__PersonPart__Phone kept_phone = WIRETEST__V1__PERSON_PART__PHONE__INIT, *kept_phones[] = {&kept_phone};
    Wiretest__V1__PersonPart__Contact kept_contact = WIRETEST__V1__PERSON_PART__CONTACT__INIT;
    Wiretest__V1__PersonPart part = WIRETEST__V1__PERSON_PART__INIT, kept_report = WIRETEST__V1__PERSON_PART__INIT,
                             *kept_reports[] = {&kept_report};
    Google__Protobuf__Timestamp at = GOOGLE__PROTOBUF__TIMESTAMP__INIT;
    int32_t shifts[] = {1, 200, -3};

    kept_phone.number = phone.number = "+15595550123";
    phone.kind = "mobile";
    contact = (Wiretest__V1__Contact){
        .base = contact.base, .address = "far away", .n_phones = 1, .phones = phones, .email = "a@b"};
    kept_contact.n_phones = 1;
    kept_contact.phones = kept_phones;
    kept_report.id = report.id = "e2";
    report.badge = "secret";
    at.seconds = 1700000000;
    part.id = person.id = "e1";
    part.display_name = person.display_name = "Ana";
    person.given_name = "Ana María";
    person.private_.data = (uint8_t *)shifts;
    person.private_.len = sizeof shifts;
    part.color = person.color = WIRETEST__V1__COLOR__COLOR_INFRARED;
    person.contact = &contact;
    part.contact = &kept_contact;
    part.shifts = person.shifts = shifts;
    part.n_shifts = person.n_shifts = 3;
    person.updated_at = &at;
    part.n_reports = person.n_reports = 1;
    person.reports = reports;
    part.reports = kept_reports;
    part.far = person.far = "sparse";
    part.farther = person.farther = -1;
    expect(pack(&person), pack(&part));
}
END_TEST

START_TEST(the_order_of_the_event_is_kept)
{
    EXPECT("", "");
    EXPECT("\x1a\x01x", "");
    EXPECT("\x0a\x03\0z\0\x1a\x01x", "\x0a\x03\0z\0");
    EXPECT("\x30\x02\x1a\x01x\x0a\x02"
           "e1",
           "\x30\x02\x0a\x02"
           "e1");
    EXPECT("\x0a\x02"
           "e1\x1a\x01x\x0a\x02"
           "e2",
           "\x0a\x02"
           "e1\x0a\x02"
           "e2");
}
END_TEST

START_TEST(both_packings_are_kept_as_they_are)
{
    EXPECT("\x60\x01\x62\x02\x02\x03\x60\x04", "\x60\x01\x62\x02\x02\x03\x60\x04");
}
END_TEST

START_TEST(unknown_enum_numbers_survive)
{
    EXPECT("\x30\xe8\x07", "\x30\xe8\x07");
}
END_TEST

START_TEST(an_empty_submessage_stays_present)
{
    EXPECT("\x4a\x00", "\x4a\x00");
    EXPECT("\x4a\x04\x0a\x02xy", "\x4a\x00");
}
END_TEST

START_TEST(a_shrinking_submessage_gets_a_shorter_length)
{
    uint8_t event[300] = {0x4a, 0xa9, 0x02, 0x0a, 0xa0, 0x02}; /* contact: address of 288 bytes, then one phone */

    memset(event + 6, 'a', 288);
    memcpy(event + 294,
           "\x12\x04\x0a\x02"
           "12",
           6);
    event[1] = 0xa9;
    expect((furrow_bytes){event, 300}, FURROW_BYTES_LITERAL("\x4a\x06\x12\x04\x0a\x02"
                                                            "12"));
    /* A length in more bytes than it needs becomes short as well. */
    EXPECT("\x4a\x86\x00\x12\x04\x0a\x02"
           "12",
           "\x4a\x06\x12\x04\x0a\x02"
           "12");
}
END_TEST

START_TEST(large_field_numbers_are_found)
{
    EXPECT("\xc2\xbb\x01\x01x\xca\xbb\x01\x01y\x80\xea\x30\x05\x88\xea\x30\x05", "\xc2\xbb\x01\x01x\x80\xea\x30\x05");
}
END_TEST

START_TEST(malformed_events_are_refused)
{
    static const struct {
        const char *bytes;
        size_t len;
    } bad[] = {{"\x0a\x05"
                "ab",
                4},
               {"\x1a\x05"
                "ab",
                4},
               {"\x1b\x1c", 2},
               {"\x00", 1},
               {"\x80", 1},
               {"\x0a\x01\xff", 3},
               {"\x30\x80", 2},
               {"\x4a\x02\x12\x05", 4},
               {"\x08\x01", 2},
               {"\x62\x01\x80", 3},
               {"\x4a\x02\x0a", 3},
               {"\x4a\x05\x12\x03\x0a\x01\xff", 7}};
    uint8_t out[16];

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        size_t len = 42;
        ck_assert_msg(furrow_projection_apply(projection, (furrow_bytes){bad[i].bytes, bad[i].len}, out, &len, &err) ==
                          FURROW_INVALID_ARGUMENT,
                      "case %zu", i);
        ck_assert_uint_eq(len, 42);
    }
    ck_assert_ptr_nonnull(strstr(err.text, "field 1 of wiretest.v1.PersonPart.Phone"));
}
END_TEST

START_TEST(bytes_in_dropped_fields_are_nobodys_business)
{
    EXPECT("\x1a\x01\xff\x72\x02\xff\xfe\x0a\x01x", "\x0a\x01x");
}
END_TEST

START_TEST(recursion_is_followed_to_the_depth_limit)
{
    uint8_t event[400], out[400], *end = event + sizeof event, *at = end;
    size_t len;

    for (unsigned depth = 1; depth < FURROW_MESSAGE_DEPTH_MAX; depth++) {
        size_t inner = (size_t)(end - at);
        if (inner >= 0x80) *--at = (uint8_t)(inner >> 7);
        *--at = (uint8_t)(inner >= 0x80 ? inner | 0x80 : inner);
        *--at = 0x7a;
    }
    furrow_bytes deepest = {at, (size_t)(end - at)};
    ck_assert_int_eq(furrow_projection_apply(projection, deepest, out, &len, &err), FURROW_OK);
    ck_assert(furrow_bytes_equal((furrow_bytes){out, len}, deepest));
    size_t inner = deepest.len;
    *--at = (uint8_t)(inner >> 7);
    *--at = (uint8_t)(inner | 0x80);
    *--at = 0x7a;
    ck_assert_int_eq(furrow_projection_apply(projection, (furrow_bytes){at, (size_t)(end - at)}, out, &len, &err),
                     FURROW_INVALID_ARGUMENT);
}
END_TEST

START_TEST(the_shape_is_the_kept_fields)
{
    char first[33], again[33], other[33];
    furrow_projection *twin = furrow_projection_create(&wiretest__v1__person_part__descriptor, &err);
    furrow_projection *different = furrow_projection_create(&wiretest__v1__person_other__descriptor, &err);

    furrow_projection_shape(projection, first);
    furrow_projection_shape(twin, again);
    furrow_projection_shape(different, other);
    ck_assert_uint_eq(strlen(first), 32);
    ck_assert_str_eq(first, again);
    ck_assert_str_ne(first, other);
    furrow_projection_destroy(twin);
    furrow_projection_destroy(different);
    furrow_projection_destroy(NULL);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("projection");
    TCase *tests = tcase_create("projection");
    SRunner *runner = srunner_create(suite);

    suite_add_tcase(suite, tests);
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, a_projected_entity_is_the_packed_subset);
    tcase_add_test(tests, the_order_of_the_event_is_kept);
    tcase_add_test(tests, both_packings_are_kept_as_they_are);
    tcase_add_test(tests, unknown_enum_numbers_survive);
    tcase_add_test(tests, an_empty_submessage_stays_present);
    tcase_add_test(tests, a_shrinking_submessage_gets_a_shorter_length);
    tcase_add_test(tests, large_field_numbers_are_found);
    tcase_add_test(tests, malformed_events_are_refused);
    tcase_add_test(tests, bytes_in_dropped_fields_are_nobodys_business);
    tcase_add_test(tests, recursion_is_followed_to_the_depth_limit);
    tcase_add_test(tests, the_shape_is_the_kept_fields);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
