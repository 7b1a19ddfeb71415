/*
 * One suite for both: things are done to a NATS and a Redis, as the seed decides, and what they answer is printed. That
 * the simulated and the real ones print the same, line by line, is the test (conformance.sh). Times and run ids are
 * left out; everything else counts. Each answer is waited for, so there is one order of things.
 */
#include "conformance.h"

#include "base/clock.h"
#include "base/number.h"
#include "wire/subject.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ROUNDS    250
#define CALL_NS   (5 * FURROW_NS_PER_S)
#define ARENA     ((size_t)4 << 20)
#define WORDS_MAX 12
#define SUBJECT   "conf.Thing.t%u"
#define SUBJECTS  3

static uint64_t dice;
static conformance_world *world;
static furrow_arena *arena;

static uint64_t draw(uint64_t below)
{
    dice ^= dice << 13;
    dice ^= dice >> 7;
    dice ^= dice << 17;
    return (dice >> 20) % below;
}

static const char *text_of(const char *format, ...) __attribute__((format(printf, 1, 2)));

static const char *text_of(const char *format, ...)
{
    char text[400];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    return furrow_arena_strdup(arena, text);
}

static uint64_t soon(void)
{
    return furrow_clock_now_ns() + CALL_NS;
}

/* ---- Redis: commands ---- */

static void print_bytes(furrow_bytes text)
{
    const uint8_t *at = text.data;
    putchar('"');
    for (size_t i = 0; i < text.len; i++)
        if (at[i] >= ' ' && at[i] < 0x7f)
            putchar(at[i]);
        else
            printf("\\%02x", at[i]);
    putchar('"');
}

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
        print_bytes(value->text);
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
    furrow_status status = furrow_store_command(world->store, argv, count, arena, &answer, &err);
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
    return text_of("%s%" PRIu64, draw(12) == 0 ? "s" : kind, draw(3));
}

static const char *word(void)
{
    return text_of("w%" PRIu64, draw(6));
}

static const char *number(void)
{
    return text_of("%d", (int)draw(8) - 3);
}

static void do_string(void)
{
    switch (draw(7)) {
    case 0:
        COMMAND("SET", key("s"), word());
        break;
    case 1:
        COMMAND("SET", key("s"), word(), "NX", "EX", "1000");
        break;
    case 2:
        COMMAND("SET", key("s"), word(), "KEEPTTL");
        break;
    case 3:
        COMMAND("GET", key("s"));
        break;
    case 4:
        COMMAND("MGET", key("s"), key("h"), key("s"));
        break;
    case 5:
        COMMAND("MSET", key("s"), word(), key("s"), word());
        break;
    default:
        COMMAND("TTL", key("s"));
        break;
    }
}

static void do_hash(void)
{
    switch (draw(8)) {
    case 0:
    case 1:
        COMMAND("HSET", key("h"), word(), word(), word(), word());
        break;
    case 2:
        COMMAND("HSETNX", key("h"), word(), word());
        break;
    case 3:
        COMMAND("HGET", key("h"), word());
        break;
    case 4:
        COMMAND("HMGET", key("h"), word(), word());
        break;
    case 5:
        COMMAND("HDEL", key("h"), word(), word());
        break;
    case 6:
        COMMAND("HSCAN", key("h"), "0", "COUNT", "100");
        break;
    default:
        COMMAND("HGETALL", key("h"));
        break;
    }
}

static void do_list(void)
{
    switch (draw(4)) {
    case 0:
        COMMAND("RPUSH", key("l"), word(), word());
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

static void do_sorted(void)
{
    switch (draw(6)) {
    case 0:
    case 1:
        COMMAND("ZADD", key("z"), number(), word(), number(), word());
        break;
    case 2:
        COMMAND("ZREM", key("z"), word(), word());
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

static void do_lex(void)
{
    static const char *const from[] = {"-", "[w1", "(w1", "[w3"}, *const to[] = {"+", "[w4", "(w4", "[w2"};
    const char *where = text_of("x%" PRIu64, draw(2));
    if (draw(2) == 0)
        COMMAND("ZADD", where, "0", word());
    else
        COMMAND("ZRANGEBYLEX", where, from[draw(4)], to[draw(4)], "LIMIT", "0", "2");
}

static void do_keys(void)
{
    static const char *const kinds[] = {"s", "h", "l", "z"};
    switch (draw(4)) {
    case 0:
        COMMAND("UNLINK", key(kinds[draw(4)]), key(kinds[draw(4)]));
        break;
    case 1:
        COMMAND("EXISTS", key(kinds[draw(4)]));
        break;
    case 2:
        COMMAND("EXPIRE", key(kinds[draw(4)]), "500");
        break;
    default:
        if (draw(12) == 0)
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

static const char *subject_name(void)
{
    return text_of(SUBJECT, (unsigned)draw(SUBJECTS));
}

static void do_remember(void)
{
    const char *of[] = {subject_name()};
    const char *id = text_of("key%" PRIu64, draw(4));
    furrow_remembered what = {
        .service = "conf", .key = id, .value = furrow_bytes_of(word()), .of = of, .of_count = 1, .max = 3};
    furrow_remembered_total total = {0};
    furrow_value value = {.kind = FURROW_VALUE_NIL};
    print_status("remember", furrow_store_remember(world->store, &what, 1000, &total, NULL));
    printf(" %zu %zu; ", total.count, total.bytes);
    print_status("recall", furrow_store_recall(world->store, "conf", id, arena, &value, NULL));
    print_value(&value, false);
    if (draw(3) == 0) print_status("; forget", furrow_store_forget(world->store, "conf", of[0], NULL));
    putchar('\n');
}

static void do_records(furrow_table *table)
{
    furrow_record_write writes[3];
    size_t count = 1 + draw(3), applied = 0;
    for (size_t i = 0; i < count; i++) {
        /* field 1 of any message, a text: what matters here is that bytes come back */
        const char *body = text_of("\n\x02%s", word());
        writes[i] = (furrow_record_write){.id = furrow_bytes_of(text_of("r%" PRIu64, draw(4))),
                                          .version = 1 + draw(40),
                                          .body = draw(6) == 0 ? (furrow_bytes){NULL, 0} : furrow_bytes_of(body)};
    }
    print_status("apply", furrow_record_apply(table, writes, count, &applied, NULL));
    printf(" %zu", applied);
    for (int i = 0; i < 4; i++) {
        furrow_record_read read = {.table = table, .id = text_of("r%d", i)};
        (void)!furrow_record_read_many(world->store, &read, 1, arena, NULL);
        printf(" %" PRIu64 "%s", read.record.version, read.record.deleted ? "d" : "");
        print_bytes(read.record.body);
    }
    putchar('\n');
}

static void do_marker(furrow_table *table)
{
    static const char *const builds[] = {"B1", "B2", "B3"};
    furrow_marker from = {0}, to = {0}, now = {0};
    bool done = false, held = false;
    (void)!furrow_marker_read(table, &from, NULL);
    to = from;
    to.found = true;
    snprintf(to.shape, sizeof to.shape, "%s", word());
    if (draw(4) == 0) from.found = false;
    if (draw(2) == 0) {
        snprintf(to.build, sizeof to.build, "%s", builds[draw(3)]);
        print_status("begin", furrow_marker_begin(table, &from, &to, &done, NULL));
    } else {
        to.position = draw(50);
        if (draw(3) == 0) from.epoch_ns++;
        print_status("move", furrow_marker_move(table, &from, &to, &done, NULL));
    }
    (void)!furrow_marker_read(table, &now, NULL);
    printf(" %d: %d %s %s %" PRIu64 " %" PRIu64 "; ", done, now.found, now.build, now.shape, now.position, now.newest);
    print_status("lease", furrow_table_lease(table, "repair", word(), draw(3) ? 100000 : 0, &held, NULL));
    printf(" %d", held);
    if (draw(4) == 0) print_status("; clear", furrow_table_clear(table, now.found ? now.build : "", NULL));
    putchar('\n');
}

/* ---- JetStream ---- */

static void do_publish(void)
{
    static const char *const expectations[] = {"any", "newest", "none", "wrong"};
    const char *subject = subject_name(), *body = word();
    size_t expects = draw(4);
    furrow_js_stored newest = {0};
    furrow_js_puback ack = {0};
    furrow_error err = {0};
    furrow_status found = furrow_js_get_last(world->link, CONFORMANCE_STREAM, subject, soon(), arena, &newest, NULL);
    furrow_js_publish_options options = {.expected_seq = FURROW_JS_ANY_SEQUENCE};
    if (expects > 0) options.expected_seq = expects == 1 && found == FURROW_OK ? (int64_t)newest.sequence : 0;
    if (expects == 3) options.expected_seq = 999;
    furrow_header header = {"X-Word", word()};
    if (draw(2)) options.headers = &header, options.header_count = 1;
    /* A message id with a stale expectation is judged by 2.9 and 2.12 in different order: not both here. */
    if (expects == 0 && draw(3) == 0) options.msg_id = text_of("id%" PRIu64, draw(4));
    furrow_status status = furrow_js_publish(world->link, subject, furrow_bytes_of(body), &options, soon(), &ack, &err);
    printf("publish %s %s %s id=%s -> %s %" PRIu64 "%s\n", subject, body, expectations[expects],
           options.msg_id ? options.msg_id : "", furrow_status_name(status), ack.sequence,
           ack.duplicate ? " duplicate" : "");
}

static void print_stored(furrow_status status, const furrow_js_stored *stored)
{
    printf(" -> %s", furrow_status_name(status));
    if (status != FURROW_OK) {
        putchar('\n');
        return;
    }
    char *header = furrow_js_stored_header(stored, "X-Word", arena);
    printf(" %" PRIu64 " %s %s %s ", stored->sequence, stored->subject, stored->timestamp_ns > 0 ? "dated" : "undated",
           header ? header : "-");
    print_bytes(stored->data);
    putchar('\n');
}

static void do_get(void)
{
    const char *subject = draw(5) ? subject_name() : "conf.Thing.nobody";
    uint64_t sequence = draw(60);
    furrow_js_stored stored = {0};
    switch (draw(3)) {
    case 0:
        printf("last %s", subject);
        print_stored(furrow_js_get_last(world->link, CONFORMANCE_STREAM, subject, soon(), arena, &stored, NULL),
                     &stored);
        break;
    case 1:
        printf("next %s %" PRIu64, subject, sequence);
        print_stored(
            furrow_js_get_next(world->link, CONFORMANCE_STREAM, subject, sequence, soon(), arena, &stored, NULL),
            &stored);
        break;
    default:
        printf("at %" PRIu64, sequence);
        print_stored(
            furrow_js_get(world->link, CONFORMANCE_STREAM, sequence ? sequence : 1, soon(), arena, &stored, NULL),
            &stored);
        break;
    }
}

/* What the stream has after @sequence. */
static uint64_t count_after(uint64_t sequence)
{
    uint64_t count = 0;
    for (unsigned i = 0; i < SUBJECTS; i++) {
        furrow_js_stored stored = {.sequence = sequence};
        while (furrow_js_get_next(world->link, CONFORMANCE_STREAM, text_of(SUBJECT, i), stored.sequence + 1, soon(),
                                  arena, &stored, NULL) == FURROW_OK)
            count++;
    }
    return count;
}

/* As it is once the server has settled what was published, acked or pushed out: it does so on threads of its own. */
static furrow_status settled_consumer(const char *name, furrow_js_consumer_state *now)
{
    furrow_js_consumer_state before = {.pending = UINT64_MAX};
    furrow_status status = FURROW_OK;
    uint64_t until = soon();
    for (int same = 0; status == FURROW_OK && same < 3 && furrow_clock_now_ns() < until;) {
        status = furrow_js_consumer_info(world->link, CONFORMANCE_STREAM, name, soon(), now, NULL);
        now->created_ns = 0;
        bool all = status == FURROW_OK && now->pending == count_after(now->delivered_seq);
        same = all && memcmp(now, &before, sizeof before) == 0 ? same + 1 : 0;
        before = *now;
        furrow_task_sleep_ms(2);
    }
    return status;
}

static void print_consumer(const char *name)
{
    furrow_js_consumer_state now = {0};
    furrow_status status = settled_consumer(name, &now);
    printf("consumer %s -> %s delivered %" PRIu64 " floor %" PRIu64 " in hand %" PRIu64 " pending %" PRIu64 "\n", name,
           furrow_status_name(status), now.delivered_seq, now.ack_floor_seq, now.ack_pending, now.pending);
}

static void do_info(void)
{
    furrow_js_stream_state state = {0};
    furrow_status status =
        furrow_js_stream_info(world->link, draw(6) ? CONFORMANCE_STREAM : "NOBODY", soon(), &state, NULL);
    printf("stream -> %s %s %" PRIu64 "-%" PRIu64 " %" PRIu64 "\n", furrow_status_name(status),
           state.created_ns > 0 ? "dated" : "", state.first_seq, state.last_seq, state.messages);
    print_consumer(draw(6) ? "one" : "nobody");
}

/* ---- a pull by hand ---- */

typedef struct puller {
    furrow_msg *messages[64];
    size_t count, wanted;
    furrow_waiter *waiter;
} puller;

static void on_pulled(void *arg, furrow_msg *msg)
{
    puller *self = arg;
    self->messages[self->count++] = msg;
    if (self->count >= self->wanted || !msg->reply) furrow_waiter_done(self->waiter);
}

static void settle_pulled(const furrow_msg *msg)
{
    static const char *const verdicts[] = {"+ACK", "-NAK", "+TERM", ""};
    const char *verdict = verdicts[draw(10) < 7 ? 0 : draw(4)];
    furrow_msg *reply = NULL;
    if (draw(8) == 0) {
        printf(" kept\n");
        return;
    }
    furrow_outgoing out = {.subject = msg->reply, .data = furrow_bytes_of(verdict)};
    furrow_status status = furrow_link_request(world->link, &out, soon(), &reply, NULL);
    furrow_msg_free(reply);
    printf(" %s %s\n", verdict, furrow_status_name(status));
}

static void print_pulled(const furrow_msg *msg)
{
    furrow_ack ack;
    if (!furrow_subject_parse_ack(msg->reply, &ack)) {
        const char *status = furrow_msg_header(msg, "Status"), *text = furrow_msg_header(msg, "Description");
        const char *left = furrow_msg_header(msg, "Nats-Pending-Messages");
        printf("  status %s %s %s\n", status ? status : "", text ? text : "", left ? left : "");
        return;
    }
    const char *header = furrow_msg_header(msg, "X-Word");
    printf("  %s %" PRIu64 " delivered %" PRIu64 " times, %" PRIu64 " pending %s ", msg->subject, ack.stream_seq,
           ack.delivered, ack.pending, header ? header : "-");
    print_bytes(msg->data);
    settle_pulled(msg);
}

static void pull(size_t wanted, const char *body)
{
    char inbox[FURROW_SUBJECT_MAX];
    furrow_waiter waiter = furrow_waiter_make();
    puller self = {.wanted = wanted, .waiter = &waiter};
    furrow_link_inbox(world->link, inbox);
    furrow_subscription *subscription = furrow_link_subscribe(world->link, inbox, NULL, on_pulled, &self, NULL);
    furrow_outgoing out = {.subject = "$JS.API.CONSUMER.MSG.NEXT." CONFORMANCE_STREAM ".one",
                           .reply = inbox,
                           .data = furrow_bytes_of(body)};
    printf("pull %s -> %s\n", body, furrow_status_name(furrow_link_publish(world->link, &out, NULL)));
    (void)furrow_wait(&waiter, soon());
    for (size_t i = 0; i < self.count; i++) {
        print_pulled(self.messages[i]);
        furrow_msg_free(self.messages[i]);
    }
    furrow_subscription_destroy(subscription);
}

/* As many as there surely are, so that all that is asked for comes; nothing, where there is nothing. */
static void do_pull(void)
{
    furrow_js_consumer_state now = {0};
    (void)!settled_consumer("one", &now);
    uint64_t wanted = 1 + draw(4);
    if (wanted > now.pending) wanted = now.pending;
    /* One that was delivered before and has no room now is taken back by 2.9 as if it never had been. */
    if (draw(6) == 0 && now.pending > 0 && now.ack_pending == 0) {
        pull(1, "{\"batch\":5,\"max_bytes\":10,\"expires\":500000000}");
    } else if (wanted > 0) {
        pull(wanted, text_of("{\"batch\":%" PRIu64 ",\"expires\":5000000000}", wanted));
    } else if (now.ack_pending == 0) {
        pull(1, "{\"batch\":3,\"no_wait\":true}");
        pull(1, "{\"batch\":3,\"expires\":50000000}");
    }
    print_consumer("one");
}

/* ---- the side reader and plain NATS ---- */

static furrow_status on_read(void *arg, const furrow_js_stored *messages, size_t count, uint64_t reached,
                             furrow_error *err)
{
    uint64_t *sums = arg;
    for (size_t i = 0; i < count; i++) sums[0] += messages[i].sequence * (messages[i].data.len + 1);
    sums[1] += count;
    return FURROW_OK;
}

static void do_read(void)
{
    uint64_t sums[2] = {0}, from = draw(40);
    furrow_js_read_options options = {.stream = CONFORMANCE_STREAM, .start_seq = from, .end_seq = from + draw(60)};
    furrow_status status = furrow_js_read(world->link, &options, on_read, sums, NULL);
    printf("read from %" PRIu64 " to %" PRIu64 " -> %s %" PRIu64 " messages, sum %" PRIu64 "\n", options.start_seq,
           options.end_seq, furrow_status_name(status), sums[1], sums[0]);
}

static void on_counted(void *arg, furrow_msg *msg)
{
    ++*(unsigned *)arg;
    furrow_msg_free(msg);
}

/* To two plain ones and a queue group of three: three get it. Nobody's request ends at once. */
static void do_core(void)
{
    unsigned counts[5] = {0};
    furrow_subscription *listening[5];
    furrow_subscribe_options queue = {.queue = "q"};
    furrow_msg *reply = NULL;
    for (size_t i = 0; i < 5; i++)
        listening[i] = furrow_link_subscribe(world->link, i == 1 ? "core.*" : "core.a", i > 1 ? &queue : NULL,
                                             on_counted, &counts[i], NULL);
    (void)!furrow_link_publish(world->link, &(furrow_outgoing){.subject = "core.a"}, NULL);
    (void)!furrow_link_flush(world->link, soon(), NULL);
    furrow_status status =
        furrow_link_request(world->link, &(furrow_outgoing){.subject = "nobody.here"}, soon(), &reply, NULL);
    furrow_msg_free(reply);
    printf("core -> %u %u %u, nobody: %s\n", counts[0], counts[1], counts[2] + counts[3] + counts[4],
           furrow_status_name(status));
    for (size_t i = 0; i < 5; i++) furrow_subscription_destroy(listening[i]);
}

/* ---- all of it ---- */

static furrow_table *make_table(void)
{
    static const furrow_table_options options = {.service = "conf", .entity = "Thing"};
    return furrow_table_create(world->store, &options, NULL);
}

void conformance_run(conformance_world *of, uint64_t seed)
{
    static void (*const ways[])(void) = {do_string,  do_hash,    do_list, do_sorted, do_lex,  do_keys,
                                         do_publish, do_publish, do_get,  do_info,   do_pull, do_remember};
    world = of;
    arena = furrow_arena_create(ARENA);
    dice = seed * 0x9e3779b97f4a7c15U + 1;
    furrow_table *table = make_table();
    for (size_t i = 0; i < ROUNDS; i++) {
        furrow_arena_reset(arena);
        ways[draw(sizeof ways / sizeof *ways)]();
        if (i % 5 == 0) do_records(table);
        if (i % 7 == 0) do_marker(table);
        if (i % 50 == 0) do_read();
        if (i % 60 == 0) do_core();
        fflush(stdout);
    }
    furrow_table_destroy(table);
    furrow_arena_destroy(arena);
}
