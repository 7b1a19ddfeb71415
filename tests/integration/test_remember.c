/* What is remembered under idempotency keys, against a real Redis: once, for an entity's life, within its bounds. */
#include "store_world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void remember_body(store_world *world)
{
    furrow_value value;
    ck_assert(store_world_connected(world->store));
    ck_assert_ok(furrow_store_recall(world->store, "test", "k", world->arena, &value, failure));
    ck_assert_int_eq(value.kind, FURROW_VALUE_NIL);
    furrow_remembered what = {.service = "test", .key = "k", .value = furrow_bytes_of("first")};
    ck_assert_ok(furrow_store_remember(world->store, &what, 86400, NULL, failure));
    what.value = furrow_bytes_of("second");
    ck_assert_ok(furrow_store_remember(world->store, &what, 86400, NULL, failure));
    ck_assert_ok(furrow_store_recall(world->store, "test", "k", world->arena, &value, failure));
    ck_assert_str_eq(value.text.data, "first");
    ck_assert_int_gt(store_world_number(world, "TTL test:@idem:k"), 86000);
}

START_TEST(the_first_remembered_value_stands)
{
    store_world_run(NULL, remember_body);
}
END_TEST

static bool remembers(store_world *world, const char *key)
{
    furrow_value value;
    ck_assert_ok(furrow_store_recall(world->store, "test", key, world->arena, &value, failure));
    return value.kind == FURROW_VALUE_TEXT;
}

static void forget_body(store_world *world)
{
    static const char *const one[] = {"shop.v1.Item.a"}, *const two[] = {"shop.v1.Item.a", "shop.v1.Other.b"};
    furrow_remembered what = {
        .service = "test", .key = "of-a", .value = furrow_bytes_of("x"), .of = one, .of_count = 1};
    ck_assert(store_world_connected(world->store));
    ck_assert_ok(furrow_store_remember(world->store, &what, 86400, NULL, failure));
    what = (furrow_remembered){
        .service = "test", .key = "of-both", .value = furrow_bytes_of("x"), .of = two, .of_count = 2};
    ck_assert_ok(furrow_store_remember(world->store, &what, 86400, NULL, failure));
    what = (furrow_remembered){
        .service = "test", .key = "of-b", .value = furrow_bytes_of("x"), .of = two + 1, .of_count = 1};
    ck_assert_ok(furrow_store_remember(world->store, &what, 86400, NULL, failure));
    ck_assert_int_gt(store_world_number(world, "TTL test:@idem:of:shop.v1.Item.a"), 86000);

    /* All that tells of a goes, and the list; what tells of others stays. */
    ck_assert_ok(furrow_store_forget(world->store, "test", "shop.v1.Item.a", failure));
    ck_assert(!remembers(world, "of-a") && !remembers(world, "of-both") && remembers(world, "of-b"));
    ck_assert_int_eq(store_world_number(world, "EXISTS test:@idem:of:shop.v1.Item.a"), 0);
    ck_assert_int_eq(store_world_number(world, "ZCARD test:@idem:of:shop.v1.Other.b"), 1);
    ck_assert_int_eq(store_world_number(world, "ZCARD test:@idem:@kept"), 1);
    ck_assert_ok(furrow_store_forget(world->store, "test", "shop.v1.Item.a", failure));

    /* And once a tombstone is there nothing of it is remembered any more. */
    store_world_number(world, "SETRANGE test:{Item}:a 0 12345678");
    what =
        (furrow_remembered){.service = "test", .key = "late", .value = furrow_bytes_of("x"), .of = two, .of_count = 2};
    ck_assert_ok(furrow_store_remember(world->store, &what, 86400, NULL, failure));
    ck_assert(!remembers(world, "late"));
}

START_TEST(what_is_remembered_of_an_entity_goes_with_it)
{
    store_world_run(NULL, forget_body);
}
END_TEST

/* Of many more than there may be the newest stay; who asks again with a key that is there changes nothing. */
static void bounded_body(store_world *world)
{
    enum { MOST = 100, ALL = 10 * MOST };
    static const char *const of[] = {"shop.v1.Item.a"};
    char key[16];
    furrow_remembered_total total = {0};
    ck_assert(store_world_connected(world->store));
    for (int i = 1; i <= ALL; i++) {
        snprintf(key, sizeof key, "k%d", i);
        furrow_remembered what = {
            .service = "test", .key = key, .value = furrow_bytes_of("x"), .of = of, .of_count = i % 2, .max = MOST};
        ck_assert_ok(furrow_store_remember(world->store, &what, 86400, &total, failure));
        ck_assert_uint_eq(total.count, i < MOST ? (size_t)i : MOST);
        if (i % 7 > 0) continue;
        ck_assert_ok(furrow_store_remember(world->store, &what, 86400, &total, failure));
        ck_assert_uint_eq(total.count, i < MOST ? (size_t)i : MOST);
    }
    ck_assert(!remembers(world, "k1") && !remembers(world, "k900") && remembers(world, "k901") &&
              remembers(world, "k1000"));
    ck_assert_int_eq(store_world_number(world, "DBSIZE"), MOST + 3);
    ck_assert_int_eq(store_world_number(world, "ZCARD test:@idem:of:shop.v1.Item.a"), MOST / 2);
    ck_assert_int_gt(store_world_number(world, "TTL test:@idem:@kept"), 86000);

    /* A bound that was lowered is come to in steps; what is forgotten makes room. */
    furrow_remembered what = {.service = "test", .key = "less", .value = furrow_bytes_of("x"), .max = 10};
    ck_assert_ok(furrow_store_remember(world->store, &what, 86400, &total, failure));
    ck_assert_uint_eq(total.count, 10);
    ck_assert_int_eq(store_world_number(world, "ZCARD test:@idem:of:shop.v1.Item.a"), 4);
    ck_assert_ok(furrow_store_forget(world->store, "test", of[0], failure));
    ck_assert_int_eq(store_world_number(world, "ZCARD test:@idem:@kept"), 6); /* "less", and the even ones */
    ck_assert_int_eq(store_world_number(world, "DBSIZE"), 8);
}

START_TEST(of_more_values_than_may_be_remembered_the_oldest_go)
{
    store_world_run(NULL, bounded_body);
}
END_TEST

/* How much they count for is what is in the list, whatever came and went. */
static void check_bytes(store_world *world, furrow_remembered_total total)
{
    uint64_t sum = 0;
    furrow_value listed;
    ck_assert_ok(store_world_ask(world, world->store, "ZRANGE test:@idem:@kept 0 -1", &listed, failure));
    for (size_t i = 0; i < listed.count; i++) sum += strtoul(strstr(listed.items[i].text.data, " =") + 2, NULL, 10);
    ck_assert_uint_eq(listed.count, total.count);
    ck_assert_uint_eq(sum, total.bytes);
    ck_assert_uint_eq(strtoul(store_world_text(world, "GET test:@idem:@bytes"), NULL, 10), sum);
}

/* Values of all sizes: so many of the newest stay as fit. */
static void bytes_body(store_world *world)
{
    enum { MOST = 200000, ALL = 400 };
    static const char *const of[] = {"shop.v1.Item.a", "shop.v1.Item.b"};
    char key[16], value[4000];
    furrow_remembered_total total = {0};
    memset(value, 'x', sizeof value);
    ck_assert(store_world_connected(world->store));
    for (int i = 0; i < ALL; i++) {
        snprintf(key, sizeof key, "k%d", i);
        furrow_remembered what = {.service = "test",
                                  .key = key,
                                  .value = {value, 1 + (size_t)i * 977 % sizeof value},
                                  .of = of,
                                  .of_count = (size_t)i % 3,
                                  .max_bytes = MOST};
        ck_assert_ok(furrow_store_remember(world->store, &what, 86400, &total, failure));
        ck_assert_uint_gt(total.bytes, 0);
        ck_assert_uint_le(total.bytes, MOST);
        ck_assert(remembers(world, key));
        if (i % 50 == 49) check_bytes(world, total);
    }
    ck_assert_uint_gt(total.bytes, MOST - 8000);
    ck_assert(!remembers(world, "k0"));
    ck_assert_ok(furrow_store_forget(world->store, "test", of[0], failure));
    furrow_remembered what = {.service = "test", .key = "last", .value = furrow_bytes_of("x"), .max_bytes = MOST};
    ck_assert_ok(furrow_store_remember(world->store, &what, 86400, &total, failure));
    check_bytes(world, total);
    ck_assert_uint_lt(total.bytes, MOST / 2);
    /* One that is larger than all together may be takes the others' place, and then has none itself. */
    what = (furrow_remembered){.service = "test", .key = "large", .value = furrow_bytes_of("x"), .max_bytes = 1};
    ck_assert_ok(furrow_store_remember(world->store, &what, 86400, &total, failure));
    while (total.count > 0) ck_assert_ok(furrow_store_remember(world->store, &what, 86400, &total, failure));
    ck_assert_int_eq(store_world_number(world, "DBSIZE"), 0);
}

START_TEST(of_values_that_take_more_than_they_may_the_oldest_go)
{
    store_world_run(NULL, bytes_body);
}
END_TEST

static void many_forgotten_body(store_world *world)
{
    static const char *const of[] = {"shop.v1.Item.a"};
    char key[16];
    ck_assert(store_world_connected(world->store));
    for (int i = 0; i < 2500; i++) {
        snprintf(key, sizeof key, "k%d", i);
        furrow_remembered what = {
            .service = "test", .key = key, .value = furrow_bytes_of("x"), .of = of, .of_count = 1};
        ck_assert_ok(furrow_store_remember(world->store, &what, 86400, NULL, failure));
    }
    ck_assert_ok(furrow_store_forget(world->store, "test", of[0], failure));
    ck_assert_int_eq(store_world_number(world, "DBSIZE"), 0);
}

START_TEST(any_number_of_remembered_values_is_forgotten)
{
    store_world_run(NULL, many_forgotten_body);
}
END_TEST
int main(void)
{
    const TTest *const tests[] = {
        the_first_remembered_value_stands,
        what_is_remembered_of_an_entity_goes_with_it,
        any_number_of_remembered_values_is_forgotten,
        of_more_values_than_may_be_remembered_the_oldest_go,
        of_values_that_take_more_than_they_may_the_oldest_go,
    };
    return store_world_main("remember", tests, sizeof tests / sizeof tests[0]);
}
