/*
 * Bodies that are wrong: whatever the bytes are, the caller is told what is wrong with which field, and the server goes
 * on.
 */
#include "rpc_world.h"

#include "wire/json.h"
#include "wire/message.h"

#include <stdio.h>

static void bodies_body(rpc_world *world)
{
    static const struct {
        const char *body, *field, *text;
    } cases[] = {{"{\"text\":\"a\"", "", ""},
                 {"{\"nothing\":1}", "nothing", ""},
                 {"{\"inner\":{\"nothing\":1}}", "inner[\"nothing\"]", ""},
                 {"{\"text\":\"a\",\"text\":\"b\"}", "text", ""},
                 {"{\"small\":2147483648}", "small", ""},
                 {"{\"small\":1.5}", "small", ""},
                 {"{\"small\":\"x\"}", "small", ""},
                 {"{\"natural\":-1}", "natural", ""},
                 {"{\"large\":\"9223372036854775808\"}", "large", ""},
                 {"{\"flag\":\"yes\"}", "flag", ""},
                 {"{\"raw\":\"***\"}", "raw", ""},
                 {"{\"list\":\"x\"}", "list", ""},
                 {"{\"list\":[1]}", "list[0]", ""},
                 {"{\"colour\":\"COLOUR_NONE\"}", "colour", ""},
                 {"{\"text\":\"\xff\"}", "", ""},
                 {"{\"text\":\"\\ud800\"}", "", ""},
                 {"{} {}", "", ""},
                 {"{\"text\":}", "", ""},
                 {"{", "", ""},
                 {"\x0a\x05hi", "", "Sample"},
                 {"\x0a\x02\xff\xfe", "text", "UTF-8"},
                 {"\x0b\x0c", "", "group"},
                 {"\x10\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", "", ""},
                 {"\x12\x01x", "small", ""},
                 {"plain text", "", ""},
                 {"\xff\xff\xff\xff\xff", "", ""}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        rpc_raw request = {.method = "Echo", .body = furrow_bytes_of(cases[i].body)};
        furrow_error err = rpc_world_error(world, &request);
        ck_assert_msg(err.code == FURROW_INVALID_ARGUMENT, "case %zu: %s: %s", i, furrow_status_name(err.code),
                      err.text);
        ck_assert_msg(strstr(err.text, cases[i].text) != NULL, "case %zu: %s", i, err.text);
        ck_assert_msg(err.text[0] != '\0', "case %zu", i);
        if (cases[i].body[0] == '{') /* the details of a JSON answer are in its text */
            ck_assert_msg(strstr(err.text, cases[i].field) != NULL, "case %zu: %s", i, err.text);
        else
            ck_assert_msg(strcmp(err.field, cases[i].field) == 0, "case %zu: field %s", i, err.field);
    }
    ck_assert_uint_eq(world->runs, 0);
    rpc_world_alive(world);
}

START_TEST(a_wrong_body_is_an_invalid_argument_that_names_the_field)
{
    rpc_world_run(NULL, bodies_body);
}
END_TEST

static void rules_body(rpc_world *world)
{
    static const char all[] = "must be at least 1 character; numbers[1]: must be greater than 0";
    const furrow_bytes bad = {"\x12\x02\x01\x00", 4}; /* no name, and of the numbers one is 0 */
    rpc_raw request = {.method = "Obey", .body = bad};
    furrow_error err = rpc_world_error(world, &request);
    ck_assert_int_eq(err.code, FURROW_INVALID_ARGUMENT);
    ck_assert_str_eq(err.field, "name");
    ck_assert_str_eq(err.text, all);
    request.body = furrow_bytes_of("{\"numbers\":[1,0]}");
    err = rpc_world_error(world, &request);
    ck_assert_int_eq(err.code, FURROW_INVALID_ARGUMENT);
    ck_assert_str_eq(err.text + strlen("name: "), all);
    static const char second[] = "\"field\":\"numbers[1]\",\"description\"";
    const furrow_msg *reply = rpc_world_raw(world, &request);
    ck_assert_ptr_nonnull(memmem(reply->data.data, reply->data.len, second, strlen(second)));
    ck_assert_uint_eq(world->runs, 0);
    request.body = furrow_bytes_of("{\"name\":\"plum\",\"numbers\":[1]}");
    ck_assert_str_eq(rpc_world_text(world, &request), "{\"text\":\"plum\"}");
    rpc_world_alive(world);
}

START_TEST(a_request_that_breaks_rules_is_told_all_of_them_and_meets_no_handler)
{
    rpc_world_run(NULL, rules_body);
}
END_TEST

/* More than are told one by one, and more than the text has room for. */
static void many_rules_body(rpc_world *world)
{
    uint8_t body[102] = {0x12, 100}; /* a hundred numbers, all 0 */
    furrow_error err = rpc_world_error(world, &(rpc_raw){.method = "Obey", .body = {body, sizeof body}});
    ck_assert_int_eq(err.code, FURROW_INVALID_ARGUMENT);
    ck_assert_ptr_nonnull(
        strstr(err.text, "must be at least 1 character; numbers[0]: must be greater than 0; numbers[1]"));
    ck_assert_ptr_nonnull(strstr(err.text, "; and 5"));
    ck_assert_uint_eq(world->runs, 0);
}

START_TEST(the_first_of_many_broken_rules_are_told_and_the_others_counted)
{
    rpc_world_run(NULL, many_rules_body);
}
END_TEST

static void cut_body(rpc_world *world)
{
    Rpctest__V1__Sample inner = RPCTEST__V1__SAMPLE__INIT, request = RPCTEST__V1__SAMPLE__INIT;
    inner.text = "within";
    request.text = "outside";
    request.small = -1;
    request.inner = &inner;
    furrow_bytes whole = rpc_world_pack(world, &request.base);
    furrow_buffer json;
    furrow_buffer_init(&json, 65536);
    ck_assert_ok(furrow_json_encode(&request.base, NULL, &json, failure));
    for (size_t len = 0; len <= whole.len; len++) {
        rpc_raw cut = {.method = "Echo", .body = {whole.data, len}};
        furrow_error err = {0};
        furrow_status status = furrow_client_reply_status(rpc_world_raw(world, &cut), &err);
        ck_assert(status == FURROW_OK || status == FURROW_INVALID_ARGUMENT);
    }
    for (size_t len = 1; len < json.len; len++)
        rpc_world_refuses(world, &(rpc_raw){.method = "Echo", .body = {json.data, len}}, FURROW_INVALID_ARGUMENT, "");
    furrow_buffer_fini(&json);
    rpc_world_alive(world);
}

START_TEST(a_body_cut_anywhere_is_refused_or_read)
{
    rpc_world_run(NULL, cut_body);
}
END_TEST

static void size_body(rpc_world *world)
{
    char *large = furrow_arena_zalloc(world->arena, 5000);
    rpc_world_refuses(world, &(rpc_raw){.method = "Echo", .body = {large, 1001}}, FURROW_INVALID_ARGUMENT,
                      "at most 1000");
    memset(large, ' ', 1000);
    large[0] = '{';
    large[999] = '}';
    ck_assert_str_eq(rpc_world_text(world, &(rpc_raw){.method = "Echo", .body = {large, 1000}}), "{}");
    rpc_world_alive(world);
}

START_TEST(an_oversized_body_is_refused)
{
    rpc_world_run(&(rpc_world_options){.server = {.max_request_bytes = 1000}}, size_body);
}
END_TEST

static void memory_body(rpc_world *world)
{
    enum { LEN = 60000 };
    char *many = furrow_arena_alloc(world->arena, LEN);
    for (size_t i = 0; i < LEN; i += 2) memcpy(many + i, "\x42\x00", 2); /* 30000 empty texts of `list` */
    rpc_world_refuses(world, &(rpc_raw){.method = "Echo", .body = {many, LEN}}, FURROW_RESOURCE_EXHAUSTED, "memory");
    rpc_world_alive(world);
}

START_TEST(a_body_that_unpacks_to_more_than_a_calls_memory_is_refused)
{
    rpc_world_run(&(rpc_world_options){.server = {.arena_bytes = 65536}}, memory_body);
}
END_TEST

static void depth_body(rpc_world *world)
{
    enum { DEEP = 20000 };
    furrow_buffer json;
    furrow_buffer_init(&json, 1 << 20);
    for (int i = 0; i < DEEP; i++) furrow_buffer_append_text(&json, "{\"inner\":");
    furrow_buffer_append_text(&json, "{}");
    for (int i = 0; i < DEEP; i++) furrow_buffer_append_byte(&json, '}');
    rpc_world_refuses(world, &(rpc_raw){.method = "Echo", .body = {json.data, json.len}}, FURROW_INVALID_ARGUMENT,
                      "deep");

    uint8_t *at = furrow_arena_alloc(world->arena, 1 << 20), *end = at + (1 << 20);
    size_t len = 0;
    for (int i = 0; i < 2000; i++) { /* from the innermost outwards: tag 9, length, what is inside */
        uint8_t head[4] = {0x4a};
        size_t n = 1;
        for (size_t left = len; n == 1 || left > 0; left >>= 7)
            head[n++] = (uint8_t)(left & 0x7f) | (left > 0x7f ? 0x80 : 0);
        memcpy(end - len - n, head, n);
        len += n;
    }
    rpc_world_refuses(world, &(rpc_raw){.method = "Echo", .body = {end - len, len}}, FURROW_INVALID_ARGUMENT, "deep");
    furrow_buffer_fini(&json);
    rpc_world_alive(world);
}

START_TEST(deep_nesting_is_refused_in_both_encodings)
{
    rpc_world_run(NULL, depth_body);
}
END_TEST

static uint32_t seed = 20261123;

static uint32_t draw(uint32_t below)
{
    seed ^= seed << 13;
    seed ^= seed >> 17;
    seed ^= seed << 5;
    return seed % below;
}

typedef struct fuzz {
    size_t ended, ok, wrong;
} fuzz;

static void on_fuzz(void *arg, furrow_status status, const char *text, furrow_msg *reply)
{
    fuzz *all = arg;
    furrow_error err = {0};
    all->ended++;
    if (status == FURROW_OK) status = furrow_client_reply_status(reply, &err);
    furrow_msg_free(reply);
    if (status == FURROW_OK)
        all->ok++;
    else if (status != FURROW_INVALID_ARGUMENT || err.text[0] == '\0')
        all->wrong++;
}

/* Random bytes, or a good body of either encoding with a few bytes changed. */
static size_t make_body(uint8_t *out, size_t max, const furrow_bytes good[2])
{
    uint32_t kind = draw(4);
    size_t len;
    if (kind < 2) {
        len = draw(kind == 0 ? 40 : (uint32_t)max);
        for (size_t i = 0; i < len; i++) out[i] = (uint8_t)draw(256);
        if (len > 0 && draw(4) == 0) out[0] = '{';
        return len;
    }
    len = good[kind - 2].len;
    memcpy(out, good[kind - 2].data, len);
    for (uint32_t changes = 1 + draw(4); changes > 0; changes--) out[draw((uint32_t)len)] = (uint8_t)draw(256);
    return draw(4) == 0 ? draw((uint32_t)len) : len;
}

static void fuzz_body(rpc_world *world)
{
    enum { TOTAL = 20000, AT_ONCE = 250, MAX = 600 };
    static const char json[] = "{\"text\":\"hi\",\"large\":\"-12\",\"raw\":\"AP8=\",\"list\":[\"x\",\"y\"],\"inner\":{"
                               "\"flag\":true,\"real\":1e3},"
                               "\"counts\":{\"bins\":3}}";
    Rpctest__V1__Sample inner = RPCTEST__V1__SAMPLE__INIT, sample = RPCTEST__V1__SAMPLE__INIT;
    inner.text = "within, and a little longer";
    sample.inner = &inner;
    sample.text = "outside";
    sample.large = -5;
    furrow_bytes good[2] = {furrow_bytes_of(json), rpc_world_pack(world, &sample.base)};
    uint8_t body[MAX];
    fuzz all = {0};
    for (size_t sent = 0; sent < TOTAL;) {
        for (size_t i = 0; i < AT_ONCE; i++, sent++) {
            furrow_outgoing out = {.subject = PROBE "Echo", .data = {body, make_body(body, MAX, good)}};
            ck_assert_ok(
                furrow_link_request_async(world->caller, &out, rpc_world_in_ms(PATIENCE_MS), on_fuzz, &all, failure));
        }
        ck_assert(FURROW_TEST_EVENTUALLY_IN_TASK(all.ended == sent, PATIENCE_MS));
    }
    ck_assert_uint_eq(all.wrong, 0);
    ck_assert_uint_gt(all.ok, TOTAL / 50);
    ck_assert_uint_lt(all.ok, TOTAL);
    rpc_world_alive(world);
}

START_TEST(twenty_thousand_random_bodies_each_get_an_answer)
{
    rpc_world_run(NULL, fuzz_body);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        a_wrong_body_is_an_invalid_argument_that_names_the_field,
        a_request_that_breaks_rules_is_told_all_of_them_and_meets_no_handler,
        the_first_of_many_broken_rules_are_told_and_the_others_counted,
        a_body_cut_anywhere_is_refused_or_read,
        an_oversized_body_is_refused,
        a_body_that_unpacks_to_more_than_a_calls_memory_is_refused,
        deep_nesting_is_refused_in_both_encodings,
        twenty_thousand_random_bodies_each_get_an_answer,
    };
    return rpc_world_main("rpc_bodies", tests, sizeof tests / sizeof *tests);
}
