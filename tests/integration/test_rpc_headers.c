/*
 * Headers as other libraries and careless ones write them, in raw protocol: empty ones beside those that matter, names
 * in any case and twice, blocks that cannot be read. With a body and without one, which nats.c treats differently.
 */
#include "rpc_world.h"

#include "base/buffer.h"
#include "support/wait.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#define MANY_BYTES 1000000

static const rpc_world_options with_redis = {.redis = true, .client = {.max_attempts = 1}};

typedef struct heard {
    furrow_msg *reply;
} heard;

static void on_reply(void *arg, furrow_msg *msg)
{
    heard *all = arg;
    ck_assert_ptr_null(all->reply);
    all->reply = msg;
}

/* @block of @len bytes is sent as it is. What the answer's status is; the text in *why, the body in *text. */
static furrow_status send_raw(rpc_world *world, const char *method, const char *block, size_t len, const char *body,
                              char **text, furrow_error *why)
{
    struct sockaddr_in to = {.sin_family = AF_INET,
                             .sin_port = htons((uint16_t)furrow_test_server_port(world->nats)),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    char line[512], inbox[FURROW_SUBJECT_MAX];
    heard all = {.reply = NULL};
    furrow_link_inbox(world->caller, inbox);
    furrow_subscription *answers = furrow_link_subscribe(world->caller, inbox, NULL, on_reply, &all, why);
    ck_assert_int_eq(furrow_link_flush(world->caller, rpc_world_in_ms(PATIENCE_MS), why), FURROW_OK);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ck_assert_int_eq(connect(fd, (struct sockaddr *)&to, sizeof to), 0);
    int head =
        snprintf(line, sizeof line, "CONNECT {\"verbose\":false,\"headers\":true}\r\nHPUB " PROBE "%s %s %zu %zu\r\n",
                 method, inbox, len, len + strlen(body));
    ck_assert_int_eq(write(fd, line, (size_t)head), head);
    ck_assert_int_eq(write(fd, block, len), (ssize_t)len);
    ck_assert_int_eq(dprintf(fd, "%s\r\n", body), (int)strlen(body) + 2);
    ck_assert(FURROW_TEST_EVENTUALLY_IN_TASK(all.reply != NULL, PATIENCE_MS));
    close(fd);
    furrow_subscription_destroy(answers);
    furrow_status status = furrow_client_reply_status(all.reply, why);
    if (text) *text = furrow_arena_memdup(world->arena, all.reply->data.data, all.reply->data.len);
    furrow_msg_free(all.reply);
    return status;
}

#define SEND(method, block, body, text) send_raw(world, method, block, sizeof block - 1, body, text, &failure)

/* What stock clients send: an empty header beside a key. */
static void empty_body(rpc_world *world)
{
    static const char before[] = "NATS/1.0\r\nIdempotency-Key: k\r\nX-Request-Id: \r\n\r\n",
                      after[] = "NATS/1.0\r\nX-Request-Id:\r\nIdempotency-Key: k\r\n\r\n",
                      lower[] = "NATS/1.0\r\nidempotency-key:k\r\n\r\n";
    furrow_error failure = {0};
    char *first, *second, *third;
    ck_assert_int_eq(SEND("Create", before, "{\"name\":\"a\"}", &first), FURROW_OK);
    ck_assert_int_eq(SEND("Create", after, "{\"name\":\"a\"}", &second), FURROW_OK);
    ck_assert_int_eq(SEND("Create", lower, "{\"name\":\"a\"}", &third), FURROW_OK);
    ck_assert_str_eq(first, second);
    ck_assert_str_eq(first, third);
    ck_assert_uint_eq(world->effects, 1);
    /* A request without a body is one, too. */
    ck_assert_int_eq(SEND("Create", "NATS/1.0\r\nX:\r\nIDEMPOTENCY-KEY: e\r\nY:\r\n\r\n", "", NULL), FURROW_OK);
    ck_assert_int_eq(SEND("Create", "NATS/1.0\r\nIdempotency-Key: e\r\n\r\n", "", NULL), FURROW_OK);
    ck_assert_uint_eq(world->effects, 2);
}

START_TEST(each_header_counts_whatever_stands_beside_it)
{
    rpc_world_run(&with_redis, empty_body);
}
END_TEST

static void any_case_body(rpc_world *world)
{
    furrow_error failure = {0};
    char *text;
    ck_assert_int_eq(SEND("Echo", "NATS/1.0\r\ngrpc-timeout: 1x\r\n\r\n", "{}", NULL), FURROW_INVALID_ARGUMENT);
    ck_assert_int_eq(SEND("Echo", "NATS/1.0\r\nfurrow-after: nonsense\r\n\r\n", "{}", NULL), FURROW_INVALID_ARGUMENT);
    ck_assert_int_eq(SEND("Echo", "NATS/1.0\r\ncontent-type: text/plain\r\n\r\n", "{}", NULL), FURROW_INVALID_ARGUMENT);
    ck_assert_int_eq(SEND("Echo", "NATS/1.0\r\naccept: application/json\r\n\r\n", "", &text), FURROW_OK);
    ck_assert_str_eq(text, "{}");
    ck_assert_int_eq(SEND("Echo", "NATS/1.0\r\nX-TEST: seen\r\n\r\n", "{}", NULL), FURROW_OK);
    ck_assert_str_eq(world->metadata, "seen");
}

START_TEST(names_are_the_same_in_any_case)
{
    rpc_world_run(&with_redis, any_case_body);
}
END_TEST

static void twice_body(rpc_world *world)
{
    furrow_error failure = {0};
    char *text;
    ck_assert_int_eq(SEND("Echo", "NATS/1.0\r\nAccept: text/html\r\naccept: application/json;q=0.5\r\n\r\n", "", &text),
                     FURROW_OK);
    ck_assert_str_eq(text, "{}");
    ck_assert_int_eq(SEND("Echo", "NATS/1.0\r\nFurrow-After: a.b=1\r\nFurrow-After: wrong\r\n\r\n", "{}", NULL),
                     FURROW_INVALID_ARGUMENT);
    ck_assert_ptr_nonnull(strstr(failure.text, "pair 2"));
    ck_assert_int_eq(SEND("Echo", "NATS/1.0\r\nGrpc-Timeout: 1S\r\ngrpc-timeout: 2S\r\n\r\n", "{}", NULL),
                     FURROW_INVALID_ARGUMENT);
    ck_assert_ptr_nonnull(strstr(failure.text, "Grpc-Timeout is there twice"));
    ck_assert_int_eq(SEND("Echo", "NATS/1.0\r\nGrpc-Timeout: 1S\r\ngrpc-timeout: 1S\r\n\r\n", "{}", NULL), FURROW_OK);
    ck_assert_int_eq(SEND("Create", "NATS/1.0\r\nIdempotency-Key: a\r\nIdempotency-Key: b\r\n\r\n", "{}", NULL),
                     FURROW_INVALID_ARGUMENT);
    ck_assert_uint_eq(world->effects, 0);
}

START_TEST(a_name_that_is_there_twice_is_a_list_or_refused)
{
    rpc_world_run(&with_redis, twice_body);
}
END_TEST

/* As large a message as a client may send, of one line: what is looked at again for each line would take minutes. */
static void many_body(rpc_world *world)
{
    static const struct {
        const char *line;
        furrow_status status;
    } lines[] = {{"grpc-timeout:9S\r\n", FURROW_OK},
                 {"Content-Type:application/json\r\n", FURROW_OK},
                 {"Idempotency-Key:k\r\n", FURROW_OK},
                 {"Furrow-Max-Age:9H\r\n", FURROW_OK},
                 {"Accept:*/*\r\n", FURROW_OK},
                 {"traceparent:x\r\n", FURROW_OK},
                 {"tracestate:a=b\r\n", FURROW_OK},
                 {"Furrow-After:a.b=1\r\n", FURROW_INVALID_ARGUMENT},
                 {"x:\r\n", FURROW_OK}};
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        furrow_error failure = {0};
        furrow_buffer block;
        furrow_buffer_init(&block, 1 << 20);
        furrow_buffer_append_text(&block, "NATS/1.0\r\n");
        while (block.len < MANY_BYTES) furrow_buffer_append_text(&block, lines[i].line);
        furrow_buffer_append_text(&block, "\r\n");
        furrow_status status =
            send_raw(world, "Create", (char *)block.data, block.len, "{\"name\":\"a\"}", NULL, &failure);
        ck_assert_msg(status == lines[i].status, "%s: %s %s", lines[i].line, furrow_status_name(status), failure.text);
        furrow_buffer_fini(&block);
    }
}

START_TEST(one_line_tens_of_thousands_of_times_holds_nobody_up)
{
    rpc_world_run(&with_redis, many_body);
}
END_TEST

static void unreadable_body(rpc_world *world)
{
    static const struct {
        const char *block, *says;
        size_t len;
    } bad[] = {{"NATS/1.0\r\nno colon\r\n\r\n", "line 2", 22},
               {"NATS/1.0\r\nx: 1\nIdempotency-Key: k\r\n\r\n", "line 2", 37},
               {"HTTP/1.1 200 OK\r\n\r\n", "line 1", 19},
               {"NATS/1.0\r\nx: 1\r\ny: 2\0003\r\n\r\n", "line 3", 27}};
    furrow_error failure = {0};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        for (int with_body = 0; with_body < 2; with_body++) {
            furrow_status status = send_raw(world, "Create", bad[i].block, bad[i].len,
                                            with_body ? "{\"name\":\"a\"}" : "", NULL, &failure);
            ck_assert_msg(status == FURROW_INVALID_ARGUMENT && strstr(failure.text, bad[i].says), "%s: %s %s",
                          bad[i].block, furrow_status_name(status), failure.text);
        }
    ck_assert_uint_eq(world->effects, 0);
}

START_TEST(a_block_that_cannot_be_read_is_refused_with_its_line)
{
    rpc_world_run(&with_redis, unreadable_body);
}
END_TEST

/* What an editor writes at the beginning of a file. */
static void byte_order_body(rpc_world *world)
{
    static const char json[] = "NATS/1.0\r\nContent-Type: application/json\r\n\r\n", none[] = "NATS/1.0\r\n\r\n";
    furrow_error failure = {0};
    ck_assert_int_eq(SEND("Echo", json, "\xef\xbb\xbf{}", NULL), FURROW_OK);
    ck_assert_int_eq(SEND("Echo", json, " \r\n{}", NULL), FURROW_OK);
    ck_assert_int_eq(SEND("Echo", none, "\xef\xbb\xbf{}", NULL), FURROW_INVALID_ARGUMENT);
    ck_assert_ptr_nonnull(strstr(failure.text, "byte order mark"));
    ck_assert_int_eq(SEND("Echo", none, " {}", NULL), FURROW_INVALID_ARGUMENT);
    ck_assert_ptr_nonnull(strstr(failure.text, "Content-Type: application/json"));
    ck_assert_int_eq(SEND("Echo", none, "{\"name\":", NULL), FURROW_INVALID_ARGUMENT);
    ck_assert_ptr_null(strstr(failure.text, "begins with"));
    ck_assert_int_eq(SEND("Echo", none, "E00002", NULL), FURROW_INVALID_ARGUMENT);
    ck_assert_ptr_nonnull(strstr(failure.text, "which begins with '{'"));
    ck_assert_ptr_nonnull(strstr(failure.text, "these bytes are no "));
    ck_assert_int_eq(SEND("Echo", none, "\n\x7f", NULL), FURROW_INVALID_ARGUMENT); /* a message that is cut short */
    ck_assert_ptr_null(strstr(failure.text, "begins with"));
}

START_TEST(what_stands_before_json_is_read_over_or_told)
{
    rpc_world_run(&with_redis, byte_order_body);
}
END_TEST

/* Of a request it says nothing. nats.c takes one of 503 without a body for its own "no responders"; it is answered, too. */
static void status_body(rpc_world *world)
{
    furrow_error failure = {0};
    ck_assert_int_eq(SEND("Echo", "NATS/1.0 503\r\n\r\n", "{}", NULL), FURROW_OK);
    ck_assert_int_eq(SEND("Echo", "NATS/1.0 404 None\r\nX-Test: here\r\n\r\n", "", NULL), FURROW_OK);
    ck_assert_str_eq(world->metadata, "here");
    for (int i = 0; i < 3; i++) {
        ck_assert_int_eq(SEND("Create", "NATS/1.0 503\r\nIdempotency-Key: s\r\n\r\n", "", NULL), FURROW_OK);
        ck_assert_int_eq(SEND("Echo", "NATS/1.0 503 No Responders\r\nX-Test: still\r\n\r\n", "", NULL), FURROW_OK);
        ck_assert_str_eq(world->metadata, "still");
        ck_assert_int_eq(SEND("Echo", "NATS/1.0\r\nStatus: 503\r\nX-Test: line\r\n\r\n", "", NULL), FURROW_OK);
        ck_assert_str_eq(world->metadata, "line");
    }
    ck_assert_uint_eq(world->effects, 1);
}

START_TEST(a_status_is_no_matter)
{
    rpc_world_run(&with_redis, status_body);
}
END_TEST

#define PARENT "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

/* How many lines, and which: a list, a trace that nobody can know, and what is too long to be carried on. */
static void trace_body(rpc_world *world)
{
    furrow_error failure = {0};
    size_t size = 100000, end;
    char *block = furrow_arena_alloc(world->arena, size + 200);
    ck_assert_int_eq(SEND("Echo",
                          "NATS/1.0\r\ntracestate: a=1\r\nTRACEPARENT:  " PARENT " \r\nTraceState:\r\n"
                          "tracestate: b=2 , c=3\r\n\r\n",
                          "{}", NULL),
                     FURROW_OK);
    ck_assert_str_eq(world->trace, PARENT);
    ck_assert_str_eq(world->state, "a=1,b=2,c=3");
    ck_assert_int_eq(SEND("Echo",
                          "NATS/1.0\r\ntraceparent: " PARENT "\r\ntraceparent: " PARENT "\r\ntracestate: a=1\r\n\r\n",
                          "{}", NULL),
                     FURROW_OK);
    ck_assert_str_ne(world->trace, "");
    ck_assert_ptr_null(strstr(world->trace, "0af7651916cd43dd8448eb211c80319c"));
    ck_assert_str_eq(world->state, "");
    end = (size_t)sprintf(block, "NATS/1.0\r\ntraceparent: " PARENT "\r\ntracestate: a=");
    memset(block + end, 'x', size);
    memcpy(block + end + size, "\r\n\r\n", 4);
    ck_assert_int_eq(send_raw(world, "Echo", block, end + size + 4, "{}", NULL, &failure), FURROW_OK);
    ck_assert_str_eq(world->trace, PARENT);
    ck_assert_str_eq(world->state, "");
}

START_TEST(a_trace_is_read_from_all_its_lines)
{
    rpc_world_run(&with_redis, trace_body);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {each_header_counts_whatever_stands_beside_it,
                                  names_are_the_same_in_any_case,
                                  a_name_that_is_there_twice_is_a_list_or_refused,
                                  a_block_that_cannot_be_read_is_refused_with_its_line,
                                  one_line_tens_of_thousands_of_times_holds_nobody_up,
                                  what_stands_before_json_is_read_over_or_told,
                                  a_status_is_no_matter,
                                  a_trace_is_read_from_all_its_lines};
    return rpc_world_main("rpc_headers", tests, sizeof tests / sizeof *tests);
}
