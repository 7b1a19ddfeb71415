/* Redis's part of the suite; see conformance.c. */
#include "conformance.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WORDS_MAX 12

/* ---- Redis: commands ---- */

static int compare_pairs(const void *a, const void *b)
{
    const furrow_value *left = a, *right = b;
    return strcmp(left->text.data, right->text.data);
}

static void print_value(const furrow_value *value, bool pairs)
{
    switch (value->kind) {
    case FURROW_VALUE_NIL:
        printf("nil");
        break;
    case FURROW_VALUE_TEXT:
        conformance_print_bytes(value->text);
        break;
    case FURROW_VALUE_INTEGER:
        printf("%" PRId64, value->integer);
        break;
    case FURROW_VALUE_LIST:
        if (pairs && value->count % 2 == 0)
            qsort(value->items, value->count / 2, 2 * sizeof *value->items, compare_pairs);
        putchar('[');
        for (size_t i = 0; i < value->count; i++) {
            print_value(&value->items[i], pairs && value->items[i].kind == FURROW_VALUE_LIST);
            putchar(' ');
        }
        putchar(']');
        break;
    }
}

/* Of a time to live what was set, whatever has passed of it. Of an error only its first word: servers word the rest as
 * they like. */
static void command(size_t count, const char *const words[])
{
    furrow_bytes argv[WORDS_MAX];
    furrow_value answer = {.kind = FURROW_VALUE_NIL};
    furrow_error err = {0};
    for (size_t i = 0; i < count; i++) argv[i] = furrow_bytes_of(words[i]);
    for (size_t i = 0; i < count; i++) printf("%s ", words[i]);
    printf("-> ");
    furrow_status status =
        furrow_store_command(conformance_servers->store, argv, count, conformance_arena, &answer, &err);
    const char *text = strncmp(err.text, "redis: ", 7) == 0 ? err.text + 7 : err.text;
    bool pairs = strcmp(words[0], "HGETALL") == 0;
    bool ttl = strcmp(words[0], "TTL") == 0 && answer.kind == FURROW_VALUE_INTEGER && answer.integer > 0;
    if (ttl) answer.integer = (answer.integer + 99) / 100 * 100;
    if (status == FURROW_OK && strcmp(words[0], "HSCAN") == 0 && answer.count == 2) {
        print_value(&answer.items[1], true);
    } else if (status == FURROW_OK) {
        print_value(&answer, pairs);
    } else {
        printf("%s %.*s", furrow_status_name(status), (int)strcspn(text, " "), text);
    }
    putchar('\n');
}

#define COMMAND(...)                                                                                                   \
    command(sizeof((const char *const[]){__VA_ARGS__}) / sizeof(char *), (const char *const[]){__VA_ARGS__})

static const char *key(const char *kind)
{
    return conformance_text("%s%" PRIu64, conformance_draw(12) == 0 ? "s" : kind, conformance_draw(3));
}

static const char *number(void)
{
    return conformance_text("%d", (int)conformance_draw(8) - 3);
}

void conformance_string(void)
{
    switch (conformance_draw(7)) {
    case 0:
        COMMAND("SET", key("s"), conformance_word());
        break;
    case 1:
        COMMAND("SET", key("s"), conformance_word(), "NX", "EX", "1000");
        break;
    case 2:
        COMMAND("SET", key("s"), conformance_word(), "KEEPTTL");
        break;
    case 3:
        COMMAND("GET", key("s"));
        break;
    case 4:
        COMMAND("MGET", key("s"), key("h"), key("s"));
        break;
    case 5:
        COMMAND("MSET", key("s"), conformance_word(), key("s"), conformance_word());
        break;
    default:
        COMMAND("TTL", key("s"));
        break;
    }
}

void conformance_hash(void)
{
    switch (conformance_draw(8)) {
    case 0:
    case 1:
        COMMAND("HSET", key("h"), conformance_word(), conformance_word(), conformance_word(), conformance_word());
        break;
    case 2:
        COMMAND("HSETNX", key("h"), conformance_word(), conformance_word());
        break;
    case 3:
        COMMAND("HGET", key("h"), conformance_word());
        break;
    case 4:
        COMMAND("HMGET", key("h"), conformance_word(), conformance_word());
        break;
    case 5:
        COMMAND("HDEL", key("h"), conformance_word(), conformance_word());
        break;
    case 6:
        COMMAND("HSCAN", key("h"), "0", "COUNT", "100");
        break;
    default:
        COMMAND("HGETALL", key("h"));
        break;
    }
}

void conformance_list(void)
{
    switch (conformance_draw(4)) {
    case 0:
        COMMAND("RPUSH", key("l"), conformance_word(), conformance_word());
        break;
    case 1:
        COMMAND("LRANGE", key("l"), number(), number());
        break;
    case 2:
        COMMAND("LTRIM", key("l"), number(), number());
        break;
    default:
        COMMAND("LLEN", key("l"));
        break;
    }
}

void conformance_sorted(void)
{
    switch (conformance_draw(6)) {
    case 0:
    case 1:
        COMMAND("ZADD", key("z"), number(), conformance_word(), number(), conformance_word());
        break;
    case 2:
        COMMAND("ZREM", key("z"), conformance_word(), conformance_word());
        break;
    case 3:
        COMMAND("ZRANGE", key("z"), number(), number());
        break;
    case 4:
        COMMAND("ZRANGEBYSCORE", key("z"), "-inf", number(), "LIMIT", "0", "3");
        break;
    default:
        COMMAND("ZCARD", key("z"));
        break;
    }
}

void conformance_lex(void)
{
    static const char *const from[] = {"-", "[w1", "(w1", "[w3"}, *const to[] = {"+", "[w4", "(w4", "[w2"};
    const char *where = conformance_text("x%" PRIu64, conformance_draw(2));
    if (conformance_draw(2) == 0)
        COMMAND("ZADD", where, "0", conformance_word());
    else
        COMMAND("ZRANGEBYLEX", where, from[conformance_draw(4)], to[conformance_draw(4)], "LIMIT", "0", "2");
}

void conformance_keys(void)
{
    static const char *const kinds[] = {"s", "h", "l", "z"};
    switch (conformance_draw(4)) {
    case 0:
        COMMAND("UNLINK", key(kinds[conformance_draw(4)]), key(kinds[conformance_draw(4)]));
        break;
    case 1:
        COMMAND("EXISTS", key(kinds[conformance_draw(4)]));
        break;
    case 2:
        COMMAND("EXPIRE", key(kinds[conformance_draw(4)]), "500");
        break;
    default:
        if (conformance_draw(12) == 0)
            COMMAND("FLUSHALL");
        else
            COMMAND("NOSUCH", "x");
        break;
    }
}

/* ---- Redis: the steps of furrow.lua, as the store calls them ---- */

static void print_status(const char *what, furrow_status status)
{
    printf("%s -> %s", what, furrow_status_name(status));
}

void conformance_remember(void)
{
    const char *of[] = {conformance_subject()};
    const char *id = conformance_text("key%" PRIu64, conformance_draw(4));
    furrow_remembered what = {
        .service = "conf", .key = id, .value = furrow_bytes_of(conformance_word()), .of = of, .of_count = 1, .max = 3};
    furrow_remembered_total total = {0};
    furrow_value value = {.kind = FURROW_VALUE_NIL};
    print_status("remember", furrow_store_remember(conformance_servers->store, &what, 1000, &total, NULL));
    printf(" %zu %zu; ", total.count, total.bytes);
    print_status("recall",
                 furrow_store_recall(conformance_servers->store, "conf", id, conformance_arena, &value, NULL));
    print_value(&value, false);
    if (conformance_draw(3) == 0)
        print_status("; forget", furrow_store_forget(conformance_servers->store, "conf", of[0], NULL));
    putchar('\n');
}

void conformance_records(furrow_table *table)
{
    furrow_record_write writes[3];
    size_t count = 1 + conformance_draw(3), applied = 0;
    for (size_t i = 0; i < count; i++) {
        /* field 1 of any message, a text: what matters here is that bytes come back */
        const char *body = conformance_text("\n\x02%s", conformance_word());
        writes[i] =
            (furrow_record_write){.id = furrow_bytes_of(conformance_text("r%" PRIu64, conformance_draw(4))),
                                  .version = 1 + conformance_draw(40),
                                  .body = conformance_draw(6) == 0 ? (furrow_bytes){NULL, 0} : furrow_bytes_of(body)};
    }
    print_status("apply", furrow_record_apply(table, writes, count, &applied, NULL));
    printf(" %zu", applied);
    for (int i = 0; i < 4; i++) {
        furrow_record_read read = {.table = table, .id = conformance_text("r%d", i)};
        (void)!furrow_record_read_many(conformance_servers->store, &read, 1, conformance_arena, NULL);
        printf(" %" PRIu64 "%s", read.record.version, read.record.deleted ? "d" : "");
        conformance_print_bytes(read.record.body);
    }
    putchar('\n');
}

void conformance_marker(furrow_table *table)
{
    static const char *const builds[] = {"B1", "B2", "B3"};
    furrow_marker from = {0}, to = {0}, now = {0};
    bool done = false, held = false;
    (void)!furrow_marker_read(table, &from, NULL);
    to = from;
    to.found = true;
    snprintf(to.shape, sizeof to.shape, "%s", conformance_word());
    snprintf(to.tally, sizeof to.tally, "%.40s 0", to.shape);
    if (conformance_draw(4) == 0) from.found = false;
    if (conformance_draw(2) == 0) {
        snprintf(to.build, sizeof to.build, "%s", builds[conformance_draw(3)]);
        print_status("begin", furrow_marker_begin(table, &from, &to, &done, NULL));
    } else {
        to.position = conformance_draw(50);
        to.astray = conformance_draw(3);
        if (conformance_draw(3) == 0) from.epoch_ns++;
        if (conformance_draw(3) == 0) from.astray++;
        print_status("move", furrow_marker_move(table, &from, &to, &done, NULL));
    }
    (void)!furrow_marker_read(table, &now, NULL);
    printf(" %d: %d %s %s %s %" PRIu64 " %" PRIu64 " %" PRIu64 "; ", done, now.found, now.build, now.shape, now.tally,
           now.position, now.astray, now.newest);
    print_status("lease", furrow_table_lease(table, "repair", conformance_word(), conformance_draw(3) ? 100000 : 0,
                                             &held, NULL));
    printf(" %d", held);
    if (conformance_draw(4) == 0) print_status("; clear", furrow_table_clear(table, now.found ? now.build : "", NULL));
    putchar('\n');
}
