/* Messages in arenas: what is refused before protobuf-c sees it. */
#include "wire/message.h"

#include "base/buffer.h"
#include "wire/json.h"
#include "wire_test.pb-c.h"

#include <check.h>
#include <pthread.h>
#include <stdlib.h>

/* Sanitizers blow frames up; tasks get more under them too. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define STACK_BYTES ((size_t)192 * 1024)
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define STACK_BYTES ((size_t)192 * 1024)
#endif
#endif
#ifndef STACK_BYTES
#define STACK_BYTES ((size_t)44 * 1024)
#endif

static furrow_arena *arena;
static furrow_error err;

static void setup(void)
{
    arena = furrow_arena_create(0);
    err = (furrow_error){0};
}

static void teardown(void)
{
    furrow_arena_destroy(arena);
}

static furrow_status unpack(const ProtobufCMessageDescriptor *descriptor, furrow_bytes bytes, void *out)
{
    return furrow_message_unpack(descriptor, bytes, arena, out, &err);
}

#define BYTES(text) FURROW_BYTES_LITERAL(text)

START_TEST(a_message_survives_pack_and_unpack)
{
    Wiretest__V1__Phone phone = WIRETEST__V1__PHONE__INIT, *phones[] = {&phone, &phone};
    Wiretest__V1__Contact contact = WIRETEST__V1__CONTACT__INIT;
    Wiretest__V1__Person person = WIRETEST__V1__PERSON__INIT, *back;
    furrow_bytes packed;

    phone.number = "+15595550123";
    contact.n_phones = 2;
    contact.phones = phones;
    person.id = "e1";
    person.contact = &contact;
    person.hourly_rate_cents = -5;
    ck_assert_int_eq(furrow_message_pack(&person.base, arena, &packed, &err), FURROW_OK);
    ck_assert_int_eq(unpack(person.base.descriptor, packed, &back), FURROW_OK);
    ck_assert_str_eq(back->id, "e1");
    ck_assert_str_eq(back->display_name, "");
    ck_assert_uint_eq(back->contact->n_phones, 2);
    ck_assert_str_eq(back->contact->phones[1]->number, "+15595550123");
    ck_assert_int_eq(back->hourly_rate_cents, -5);
}
END_TEST

START_TEST(no_bytes_are_the_default_message)
{
    Wiretest__V1__Person *person;

    ck_assert_int_eq(unpack(&wiretest__v1__person__descriptor, (furrow_bytes){NULL, 0}, &person), FURROW_OK);
    ck_assert_str_eq(person->id, "");
    person = (void *)furrow_message_new(&wiretest__v1__person__descriptor, arena);
    ck_assert_str_eq(person->id, "");
}
END_TEST

START_TEST(malformed_bytes_are_refused)
{
    static const struct {
        const char *bytes;
        size_t len;
        const char *field;
    } bad[] = {
        {"\x0a", 1, ""}, /* a length is missing */
        {"\x0a\x05"
         "ab",
         4, ""},                                                      /* cut short */
        {"\x80", 1, ""},                                              /* the tag does not end */
        {"\x00\x00", 2, ""},                                          /* field number 0 */
        {"\x80\x80\x80\x80\x10\x00", 6, ""},                          /* a tag past 32 bits */
        {"\x0b\x0c", 2, ""},                                          /* a group */
        {"\x0e", 1, ""},                                              /* wire type 6 */
        {"\x0a\xff\xff\xff\xff\x0f", 6, ""},                          /* a length of 4 GiB */
        {"\x30\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 12, ""}, /* a varint of 11 bytes */
        {"\x08\x01", 2, "id"},                                        /* a number where text belongs */
        {"\x32\x01\x01", 3, "color"},                                 /* bytes where a number belongs */
        {"\x62\x01\x80", 3, "shifts"},                                /* packed, and cut short */
        {"\x0a\x01\xff", 3, "id"},                                    /* not UTF-8 */
        {"\x0a\x02\xc0\x80", 4, "id"},                                /* over-long NUL */
        {"\x0a\x03\xed\xa0\x80", 5, "id"},                            /* surrogate */
        {"\x4a\x05\x12\x03\x0a\x01\xff", 7, "contact.phones.number"},
        {"\x4a\x02\x12\x05", 4, "contact"},
    };
    Wiretest__V1__Person *person = NULL;

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        ck_assert_msg(unpack(&wiretest__v1__person__descriptor, (furrow_bytes){bad[i].bytes, bad[i].len}, &person) ==
                          FURROW_INVALID_ARGUMENT,
                      "case %zu", i);
        ck_assert_str_eq(err.field, bad[i].field);
    }
    ck_assert_ptr_null(person);
}
END_TEST

/* Proto3's strings may hold NULs; in memory each is C0 80, which no peer can send. */
START_TEST(a_nul_in_a_string_is_kept)
{
    uint8_t *longer = furrow_arena_alloc(arena, 132);
    memset(longer, 0, 132); /* in memory its length takes a byte more, and so does that of what it is in */
    memcpy(longer, "\x0a\x7f", 2);
    const struct {
        const ProtobufCMessageDescriptor *type;
        furrow_bytes bytes;
        const char *json;
    } kept[] = {
        {&wiretest__v1__person__descriptor,
         BYTES("\x0a\x03"
               "a\0b"),
         "{\"id\":\"a\\u0000b\"}"},
        {&wiretest__v1__person__descriptor, BYTES("\x0a\x01\0"), "{\"id\":\"\\u0000\"}"},
        {&wiretest__v1__person__descriptor, BYTES("\x0a\x04\0\xc3\xa9\0"), "{\"id\":\"\\u0000\xc3\xa9\\u0000\"}"},
        {&wiretest__v1__person__descriptor, {longer, 129}, NULL},
        {&wiretest__v1__person__descriptor, BYTES("\x4a\x05\x12\x03\x0a\x01\0"), NULL},
        {&wiretest__v1__scalars__descriptor, BYTES("\x7a\x02\xc0\x80"), NULL}, /* unknown or bytes: as they are */
    };
    for (size_t i = 0; i < sizeof kept / sizeof *kept; i++) {
        ProtobufCMessage *message, *copy;
        furrow_bytes packed;
        furrow_buffer out;
        ck_assert_msg(unpack(kept[i].type, kept[i].bytes, &message) == FURROW_OK, "case %zu: %s", i, err.text);
        ck_assert_int_eq(furrow_message_pack(message, arena, &packed, &err), FURROW_OK);
        ck_assert_msg(furrow_bytes_equal(packed, kept[i].bytes), "case %zu: %zu bytes", i, packed.len);
        ck_assert_int_eq(furrow_message_check(kept[i].type, packed, &err), FURROW_OK);
        ck_assert_int_eq(furrow_message_copy(message, arena, &copy, &err), FURROW_OK);
        furrow_buffer_init(&out, 4000);
        furrow_message_append(copy, &out);
        ck_assert(!out.failed && furrow_bytes_equal((furrow_bytes){out.data, out.len}, packed));
        furrow_buffer_reset(&out);
        ck_assert_int_eq(furrow_json_encode(message, NULL, &out, &err), FURROW_OK);
        furrow_bytes json = {out.data, out.len};
        ck_assert_msg(!kept[i].json || furrow_bytes_is(json, kept[i].json), "%.*s", (int)out.len, (char *)out.data);
        if (kept[i].type == &wiretest__v1__person__descriptor) {
            ck_assert_int_eq(furrow_json_decode(kept[i].type, json, arena, &copy, &err), FURROW_OK);
            ck_assert_int_eq(furrow_message_pack(copy, arena, &packed, &err), FURROW_OK);
            ck_assert(furrow_bytes_equal(packed, kept[i].bytes));
        }
        furrow_buffer_fini(&out);
    }
    Wiretest__V1__Person *person;
    ck_assert_int_eq(unpack(&wiretest__v1__person__descriptor, kept[0].bytes, &person), FURROW_OK);
    ck_assert_str_eq(person->id, "a\xc0\x80"
                                 "b");
}
END_TEST

/* Each "~" of the text becomes a NUL on the wire. */
/* "Field presence": it is not the default, which is compared bit by bit. As event, answer, request and record. */
START_TEST(minus_zero_is_no_default)
{
    const struct {
        const ProtobufCMessageDescriptor *type;
        furrow_bytes bytes;
    } kept[] = {
        {&wiretest__v1__scalars__descriptor, BYTES("\x5d\0\0\0\x80")},
        {&wiretest__v1__scalars__descriptor, BYTES("\x61\0\0\0\0\0\0\0\x80")},
        {&wiretest__v1__scalars__descriptor, BYTES("\x08\x01\x5d\0\0\0\x80\x61\0\0\0\0\0\0\0\x80")},
        {&wiretest__v1__repeated__descriptor, BYTES("\x52\x05\x5d\0\0\0\x80\x52\x02\x08\x01")},
        {&wiretest__v1__repeated__descriptor, BYTES("\x2a\x08\0\0\0\0\0\0\0\x80")},
        {&wiretest__v1__choice__descriptor, BYTES("\x1a\x05\x5d\0\0\0\x80")},
        {&wiretest__v1__well_known__descriptor, BYTES("\x42\x09\x09\0\0\0\0\0\0\0\x80")},
        {&wiretest__v1__all__descriptor, BYTES("\x3a\x07\x0a\x05\x5d\0\0\0\x80")},
        {&wiretest__v1__maps__descriptor, BYTES("\x2a\x0b\x08\x02\x11\0\0\0\0\0\0\0\x80")},
    };
    for (size_t i = 0; i < sizeof kept / sizeof *kept; i++) {
        ProtobufCMessage *message, *copy;
        furrow_bytes packed;
        furrow_buffer appended;
        ck_assert_int_eq(unpack(kept[i].type, kept[i].bytes, &message), FURROW_OK);
        ck_assert_int_eq(furrow_message_pack(message, arena, &packed, &err), FURROW_OK);
        ck_assert_msg(furrow_bytes_equal(packed, kept[i].bytes), "case %zu: %zu bytes", i, packed.len);
        ck_assert_int_eq(furrow_message_copy(message, arena, &copy, &err), FURROW_OK);
        furrow_buffer_init(&appended, 1000);
        furrow_message_append(copy, &appended);
        ck_assert(!appended.failed && furrow_bytes_equal((furrow_bytes){appended.data, appended.len}, packed));
        furrow_buffer_fini(&appended);
    }
    Wiretest__V1__Scalars zero = WIRETEST__V1__SCALARS__INIT;
    furrow_bytes packed;
    ck_assert_int_eq(furrow_message_pack(&zero.base, arena, &packed, &err), FURROW_OK);
    ck_assert_uint_eq(packed.len, 0);
}
END_TEST

/* Beside what this build does not know, and in order each time: the same message has the same bytes. */
START_TEST(minus_zero_stands_beside_unknown_fields)
{
    furrow_bytes bytes = BYTES("\x08\x01\x98\x06\x07\x5d\0\0\0\x80"), first, second;
    ProtobufCMessage *message, *again;
    ck_assert_int_eq(unpack(&wiretest__v1__scalars__descriptor, bytes, &message), FURROW_OK);
    ck_assert_int_eq(furrow_message_pack(message, arena, &first, &err), FURROW_OK);
    ck_assert_int_eq(unpack(&wiretest__v1__scalars__descriptor, first, &again), FURROW_OK);
    ck_assert_int_eq(furrow_message_pack(again, arena, &second, &err), FURROW_OK);
    ck_assert(furrow_bytes_equal(first, bytes) && furrow_bytes_equal(second, bytes));
    ck_assert_uint_eq(message->n_unknown_fields, 1);
}
END_TEST

START_TEST(text_with_nul_bytes_is_kept_wherever_it_stands)
{
    static const char *const kept[] = {
        "{\"tree\":{\"name\":\"a~\"}}",
        "{\"tree\":{\"next\":{\"name\":\"~a\"}}}",
        "{\"tree\":{\"children\":[{},{\"name\":\"a long name that ends in ~\"}]}}",
        "{\"repeated\":{\"names\":[\"a\",\"b~c\"]}}",
        "{\"repeated\":{\"scalars\":[{\"aString\":\"~\"}]}}",
        "{\"maps\":{\"labels\":{\"a~\":\"1\"}}}",
        "{\"maps\":{\"labels\":{\"a\":\"~1\"}}}",
        "{\"maps\":{\"byNumber\":{\"1\":{\"aString\":\"é~\"}}}}",
        "{\"choice\":{\"text\":\"a~b\"}}",
        "{\"wellKnown\":{\"maybeText\":\"~\"}}",
        "{\"all\":{\"all\":{\"tree\":{\"name\":\"~\"}}}}",
    };

    for (size_t i = 0; i < sizeof kept / sizeof *kept; i++) {
        ProtobufCMessage *message = NULL;
        furrow_bytes packed, again;
        furrow_buffer text;
        ck_assert_int_eq(
            furrow_json_decode(&wiretest__v1__all__descriptor, furrow_bytes_of(kept[i]), arena, &message, &err),
            FURROW_OK);
        ck_assert_int_eq(furrow_message_pack(message, arena, &packed, &err), FURROW_OK);
        for (char *at = (char *)(uintptr_t)packed.data;
             (at = memchr(at, '~', (size_t)((const char *)packed.data + packed.len - at)));)
            *at = '\0';
        ck_assert_msg(unpack(&wiretest__v1__all__descriptor, packed, &message) == FURROW_OK, "%s: %s", kept[i],
                      err.text);
        ck_assert_int_eq(furrow_message_pack(message, arena, &again, &err), FURROW_OK);
        ck_assert_msg(furrow_bytes_equal(packed, again), "%s", kept[i]);
        furrow_buffer_init(&text, 4000);
        ck_assert_int_eq(furrow_json_encode(message, NULL, &text, &err), FURROW_OK);
        char *json = furrow_arena_memdup(arena, text.data, text.len), *nul = json;
        furrow_buffer_fini(&text);
        for (; (nul = strstr(nul, "\\u0000")); memmove(nul + 1, nul + 6, strlen(nul + 6) + 1)) *nul = '~';
        ck_assert_str_eq(json, kept[i]);
    }
}
END_TEST

START_TEST(times_out_of_range_are_refused_by_name)
{
    static const int64_t bad[] = {INT64_MIN, INT64_MAX, 253402300800, -62135596801, 1LL << 40};
    Wiretest__V1__WellKnown known = WIRETEST__V1__WELL_KNOWN__INIT, *read = NULL;
    Wiretest__V1__All all = WIRETEST__V1__ALL__INIT;
    Google__Protobuf__Timestamp at = GOOGLE__PROTOBUF__TIMESTAMP__INIT;
    Google__Protobuf__Duration took = GOOGLE__PROTOBUF__DURATION__INIT;
    furrow_bytes packed;

    all.well_known = &known;
    known.at = &at;
    for (size_t i = 0; i <= sizeof bad / sizeof *bad; i++) {
        at.seconds = i < sizeof bad / sizeof *bad ? bad[i] : 0;
        at.nanos = i < sizeof bad / sizeof *bad ? 0 : -1;
        ck_assert_int_eq(furrow_message_pack(&all.base, arena, &packed, &err), FURROW_OK);
        ck_assert_int_eq(unpack(all.base.descriptor, packed, &read), FURROW_INVALID_ARGUMENT);
        ck_assert_str_eq(err.field, "well_known.at");
    }
    known.at = NULL;
    known.took = &took;
    took.seconds = -315576000001;
    ck_assert_int_eq(furrow_message_pack(&known.base, arena, &packed, &err), FURROW_OK);
    ck_assert_int_eq(unpack(known.base.descriptor, packed, &read), FURROW_INVALID_ARGUMENT);
    ck_assert_str_eq(err.field, "took");
    took.seconds = -315576000000;
    ck_assert_int_eq(furrow_message_pack(&known.base, arena, &packed, &err), FURROW_OK);
    ck_assert_int_eq(unpack(known.base.descriptor, packed, &read), FURROW_OK);
    ck_assert_int_eq(read->took->seconds, -315576000000);
}
END_TEST

START_TEST(unknown_fields_and_both_packings_are_accepted)
{
    Wiretest__V1__Repeated *message;
    furrow_bytes bytes = BYTES("\x08\x01\x0a\x02\x02\x03\x12\x02\x04\x05\x10\x06\xf8\x3f\x01\xfa\x3f\x01\xff");

    ck_assert_int_eq(unpack(&wiretest__v1__repeated__descriptor, bytes, &message), FURROW_OK);
    ck_assert_uint_eq(message->n_numbers, 3);
    ck_assert_int_eq(message->numbers[2], 3);
    ck_assert_uint_eq(message->n_loose, 3);
    ck_assert_int_eq(message->loose[2], 6);
    ck_assert_uint_eq(message->base.n_unknown_fields, 2);
}
END_TEST

/* Tree.next inside itself: @depth messages in all. */
static furrow_bytes nest(unsigned depth)
{
    uint8_t *end = (uint8_t *)furrow_arena_alloc(arena, 4096) + 4096, *at = end;

    while (--depth > 0) {
        size_t len = (size_t)(end - at);
        if (len >= 0x80) *--at = (uint8_t)(len >> 7);
        *--at = (uint8_t)(len >= 0x80 ? len | 0x80 : len);
        *--at = 0x1a;
    }
    return (furrow_bytes){at, (size_t)(end - at)};
}

START_TEST(nesting_has_a_limit)
{
    Wiretest__V1__Tree *tree;

    ck_assert_int_eq(unpack(&wiretest__v1__tree__descriptor, nest(FURROW_MESSAGE_DEPTH_MAX), &tree), FURROW_OK);
    ck_assert_int_eq(unpack(&wiretest__v1__tree__descriptor, nest(FURROW_MESSAGE_DEPTH_MAX + 1), &tree),
                     FURROW_INVALID_ARGUMENT);
    ck_assert_ptr_nonnull(strstr(err.text, "deep"));
}
END_TEST

static void *unpack_the_deepest(void *result)
{
    Wiretest__V1__Tree *tree;
    furrow_buffer text;
    ProtobufCMessage *back;

    furrow_buffer_init(&text, 1u << 20);
    if (unpack(&wiretest__v1__tree__descriptor, nest(FURROW_MESSAGE_DEPTH_MAX), &tree) == FURROW_OK &&
        furrow_json_encode(&tree->base, NULL, &text, &err) == FURROW_OK &&
        furrow_json_decode(tree->base.descriptor, (furrow_bytes){text.data, text.len}, arena, &back, &err) == FURROW_OK)
        *(bool *)result = true;
    furrow_buffer_fini(&text);
    return NULL;
}

/* A thread with little more than half of what a task has: what overruns it ends the test. */
START_TEST(the_deepest_message_fits_a_tasks_stack)
{
    pthread_attr_t attributes;
    pthread_t thread;
    bool done = false;

    ck_assert_int_eq(pthread_attr_init(&attributes), 0);
    ck_assert_int_eq(pthread_attr_setstacksize(&attributes, STACK_BYTES), 0);
    ck_assert_int_eq(pthread_create(&thread, &attributes, unpack_the_deepest, &done), 0);
    ck_assert_int_eq(pthread_join(thread, NULL), 0);
    ck_assert(done);
    pthread_attr_destroy(&attributes);
}
END_TEST

/* Encoding guide, "last one wins": what stands twice is as if its parts stood one behind the other. */
START_TEST(an_embedded_message_that_stands_twice_is_merged)
{
    static const struct {
        const ProtobufCMessageDescriptor *type;
        const char *bytes, *json;
        size_t len;
    } merged[] = {
        {&wiretest__v1__all__descriptor, "\x0a\x02\x08\x05\x0a\x02\x10\x07",
         "{\"scalars\":{\"anInt32\":5,\"anInt64\":\"7\"}}", 8},
        {&wiretest__v1__all__descriptor, "\x0a\x02\x08\x05\x0a\x02\x08\x06", "{\"scalars\":{\"anInt32\":6}}", 8},
        {&wiretest__v1__all__descriptor, "\x0a\x00\x0a\x02\x08\x05\x0a\x00", "{\"scalars\":{\"anInt32\":5}}", 8},
        {&wiretest__v1__all__descriptor, "\x12\x03\x0a\x01\x01\x12\x03\x0a\x01\x02",
         "{\"repeated\":{\"numbers\":[1,2]}}", 10},
        {&wiretest__v1__all__descriptor, "\x22\x04\x1a\x02\x08\x05\x22\x03\x32\x01\x78",
         "{\"choice\":{\"scalars\":{\"anInt32\":5},\"after\":\"x\"}}", 11},
        {&wiretest__v1__all__descriptor, "\x3a\x04\x0a\x02\x08\x05\x3a\x04\x0a\x02\x10\x07",
         "{\"all\":{\"scalars\":{\"anInt32\":5,\"anInt64\":\"7\"}}}", 12},
        {&wiretest__v1__choice__descriptor, "\x1a\x02\x08\x05\x1a\x02\x10\x07",
         "{\"scalars\":{\"anInt32\":5,\"anInt64\":\"7\"}}", 8},
        {&wiretest__v1__choice__descriptor, "\x1a\x02\x08\x05\x0a\x01\x61\x1a\x02\x10\x07",
         "{\"scalars\":{\"anInt64\":\"7\"}}", 11},
        {&wiretest__v1__choice__descriptor, "\x1a\x02\x08\x05\x1a\x02\x10\x07\x0a\x01\x61", "{\"text\":\"a\"}", 11},
        {&wiretest__v1__tree__descriptor, "\x12\x0a\x1a\x03\x0a\x01\x61\x1a\x03\x0a\x01\x62",
         "{\"children\":[{\"next\":{\"name\":\"b\"}}]}", 12},
    };
    for (size_t i = 0; i < sizeof merged / sizeof *merged; i++) {
        ProtobufCMessage *message;
        furrow_buffer json;
        furrow_buffer_init(&json, 1u << 20);
        ck_assert_msg(unpack(merged[i].type, (furrow_bytes){merged[i].bytes, merged[i].len}, &message) == FURROW_OK,
                      "%s", err.text);
        ck_assert_int_eq(furrow_json_encode(message, NULL, &json, &err), FURROW_OK);
        furrow_buffer_append_byte(&json, 0);
        ck_assert_str_eq((const char *)json.data, merged[i].json);
        furrow_buffer_fini(&json);
    }
    ProtobufCMessage *message; /* each part may be, and the whole may not: 1 s and -1 ns */
    ck_assert_int_eq(unpack(&wiretest__v1__well_known__descriptor,
                            BYTES("\x12\x02\x08\x01\x12\x0b\x10\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"), &message),
                     FURROW_INVALID_ARGUMENT);
}
END_TEST

START_TEST(a_small_arena_is_exhausted_not_overrun)
{
    furrow_arena *small = furrow_arena_create(256);
    uint8_t bytes[400];
    ProtobufCMessage *out = NULL;

    for (size_t i = 0; i < sizeof bytes; i += 2) memcpy(bytes + i, "\x12", 2); /* 200 empty children */
    ck_assert_int_eq(
        furrow_message_unpack(&wiretest__v1__tree__descriptor, (furrow_bytes){bytes, sizeof bytes}, small, &out, &err),
        FURROW_RESOURCE_EXHAUSTED);
    ck_assert_ptr_null(out);
    furrow_arena_destroy(small);
}
END_TEST

/* Refused for what they are, not for the memory of the moment. */
START_TEST(fields_that_take_far_more_memory_than_bytes_are_refused)
{
    static char unknown[900000], empty[900000];
    Wiretest__V1__Repeated *message;
    memset(unknown, 'x', sizeof unknown); /* field 15, a varint */
    for (size_t i = 0; i < sizeof empty; i += 2) memcpy(empty + i, "\x10\x01", 2);
    ck_assert_int_eq(unpack(&wiretest__v1__repeated__descriptor, (furrow_bytes){unknown, sizeof unknown}, &message),
                     FURROW_INVALID_ARGUMENT);
    ck_assert_int_eq(unpack(&wiretest__v1__repeated__descriptor, (furrow_bytes){empty, sizeof empty}, &message),
                     FURROW_INVALID_ARGUMENT);
    ck_assert_int_eq(unpack(&wiretest__v1__repeated__descriptor, (furrow_bytes){empty, 20000}, &message), FURROW_OK);
    /* What one has asked for oneself may, as far as the arena goes. */
    furrow_bytes answer = {empty, sizeof empty};
    FURROW_AUTO(furrow_arena) large = furrow_arena_create(64 << 20);
    ck_assert_int_eq(furrow_message_unpack_answer(&wiretest__v1__repeated__descriptor, answer, large,
                                                  (ProtobufCMessage **)&message, &err),
                     FURROW_OK);
    FURROW_AUTO(furrow_arena) small = furrow_arena_create(1 << 20);
    ck_assert_int_eq(furrow_message_unpack_answer(&wiretest__v1__repeated__descriptor, answer, small,
                                                  (ProtobufCMessage **)&message, &err),
                     FURROW_RESOURCE_EXHAUSTED);
}
END_TEST

START_TEST(utf8_follows_rfc_3629)
{
    static const char *const good[] = {"",
                                       "ascii and more ascii",
                                       "\xc2\x80",
                                       "\xe0\xa0\x80",
                                       "\xed\x9f\xbf",
                                       "\xee\x80\x80",
                                       "\xf0\x90\x80\x80",
                                       "\xf4\x8f\xbf\xbf",
                                       ("12345678\xc3\xa9"
                                        "12345678"),
                                       ("ma\xc3\xb1"
                                        "ana")};
    static const char *const bad[] = {"\x80",
                                      "\xc1\xbf",
                                      "\xc2",
                                      "\xe0\x9f\xbf",
                                      "\xed\xa0\x80",
                                      "\xf0\x8f\xbf\xbf",
                                      "\xf4\x90\x80\x80",
                                      "\xf5\x80\x80\x80",
                                      "\xe2\x82",
                                      "12345678\xff",
                                      "1234567890\xc3",
                                      "12345678123\xe2\x28\xa1",
                                      ("\xff"
                                       "12345678")};

    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        ck_assert_msg(furrow_utf8_valid(good[i], strlen(good[i])), "good %zu", i);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        ck_assert_msg(!furrow_utf8_valid(bad[i], strlen(bad[i])), "bad %zu", i);
}
END_TEST

START_TEST(a_copy_is_deep)
{
    Wiretest__V1__Tree child = WIRETEST__V1__TREE__INIT, tree = WIRETEST__V1__TREE__INIT, *copy;
    char name[] = "leaf";

    child.name = name;
    tree.next = &child;
    ck_assert_int_eq(furrow_message_copy(&tree.base, arena, (ProtobufCMessage **)&copy, &err), FURROW_OK);
    name[0] = 'X';
    ck_assert_str_eq(copy->next->name, "leaf");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("message");
    TCase *tests = tcase_create("message");
    SRunner *runner = srunner_create(suite);

    suite_add_tcase(suite, tests);
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, a_message_survives_pack_and_unpack);
    tcase_add_test(tests, no_bytes_are_the_default_message);
    tcase_add_test(tests, malformed_bytes_are_refused);
    tcase_add_test(tests, minus_zero_is_no_default);
    tcase_add_test(tests, a_nul_in_a_string_is_kept);
    tcase_add_test(tests, minus_zero_stands_beside_unknown_fields);
    tcase_add_test(tests, text_with_nul_bytes_is_kept_wherever_it_stands);
    tcase_add_test(tests, times_out_of_range_are_refused_by_name);
    tcase_add_test(tests, unknown_fields_and_both_packings_are_accepted);
    tcase_add_test(tests, nesting_has_a_limit);
    tcase_add_test(tests, the_deepest_message_fits_a_tasks_stack);
    tcase_add_test(tests, an_embedded_message_that_stands_twice_is_merged);
    tcase_add_test(tests, a_small_arena_is_exhausted_not_overrun);
    tcase_add_test(tests, fields_that_take_far_more_memory_than_bytes_are_refused);
    tcase_add_test(tests, utf8_follows_rfc_3629);
    tcase_add_test(tests, a_copy_is_deep);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
