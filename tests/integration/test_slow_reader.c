/*
 * A caller that asks for page after page and reads none, as a raw client: a library would read. Under the limits that
 * config/dev writes into every nats.conf, and under its users and permissions. Others' calls go on meanwhile, the
 * service publishes no more of its pages than one caller may have, and who stays is cut off.
 */
#include "base/clock.h"
#include "link/nkey.h"
#include "rpc/client.h"
#include "support/farm.h"
#include "support/wait.h"
#include "wire/json.h"

#include <arpa/inet.h>
#include <check.h>
#include <errno.h>
#include <poll.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define JOBS             1000
#define PAGES            300
#define FLOOD            1000
#define OTHERS_CALLS     300
#define FLOODED_MS       5000       /* what one of them may take, with all its tries */
#define CALLER_BYTES     (4u << 20) /* FURROW_CALLER_BYTES' default */
#define MONITORS         20000
#define MONITORS_AT_ONCE 250
#define CUT_OFF          2    /* times */
#define RECEIVE_BUFFER   4096 /* the smallest: what the kernel takes for it is soon full */

static furrow_error err;

/* ---- the reader that does not ---- */

/* As far as the server takes it: it may have ended the connection. */
static void send_text(int fd, const char *text)
{
    for (size_t len = strlen(text); len > 0;) {
        ssize_t sent = send(fd, text, len, MSG_NOSIGNAL);
        if (sent <= 0) return;
        text += sent;
        len -= (size_t)sent;
    }
}

/* Up to and with the first line that begins with @word. */
static char *read_line(farm *f, int fd, const char *word)
{
    char *line = furrow_arena_alloc(f->arena, 8192);
    for (size_t len = 0; len < 8191;) {
        ck_assert_int_eq(recv(fd, line + len, 1, 0), 1);
        if (line[len++] != '\n') continue;
        line[len] = '\0';
        if (strncmp(line, word, strlen(word)) == 0) return line;
        len = 0;
    }
    ck_abort_msg("no %s came", word);
}

static const char *page_subject(farm *f)
{
    return farm_text(f, "%s.page", farm_inbox(f, FARM_OTHER_CLIENT));
}

/* Signed in as the other client, and subscribed to its pages. */
static int connect_reader(farm *f)
{
    struct sockaddr_in to = {.sin_family = AF_INET,
                             .sin_port = htons((uint16_t)furrow_test_server_port(f->nats)),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    char key[FURROW_NKEY_MAX], sig[128], *nonce = NULL;
    uint8_t signature[FURROW_NKEY_SIGNATURE];
    const char *seed = farm_text(f, "%s/" FARM_OTHER_CLIENT ".nk", f->keys);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), small = RECEIVE_BUFFER;
    ck_assert_int_eq(setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof small), 0);
    ck_assert_msg(connect(fd, (struct sockaddr *)&to, sizeof to) == 0, "%s", strerror(errno));
    const char *info = read_line(f, fd, "INFO ") + strlen("INFO ");
    ck_assert(furrow_json_find_text(furrow_bytes_of(info), "nonce", f->arena, &nonce));
    ck_assert_int_eq(furrow_nkey_public(seed, key, &err), FURROW_OK);
    ck_assert_int_eq(furrow_nkey_sign(seed, nonce, signature, &err), FURROW_OK);
    sodium_bin2base64(sig, sizeof sig, signature, sizeof signature, sodium_base64_VARIANT_URLSAFE_NO_PADDING);
    send_text(fd, farm_text(f,
                            "CONNECT {\"verbose\":false,\"headers\":true,\"nkey\":\"%s\",\"sig\":\"%s\"}\r\n"
                            "SUB %s 1\r\nPING\r\n",
                            key, sig, page_subject(f)));
    read_line(f, fd, "PONG");
    return fd;
}

static void ask_subject(farm *f, int fd, const char *subject, const char *body)
{
    send_text(fd, farm_text(f, "PUB %s %s %zu\r\n%s\r\n", subject, page_subject(f), strlen(body), body));
}

static void ask(farm *f, int fd, const char *method, const char *body)
{
    ask_subject(f, fd, farm_text(f, "job.v1.JobService.%s", method), body);
}

static void ask_for_page(farm *f, int fd)
{
    ask(f, fd, "ListJobs", "{\"pageSize\":1000}");
}

/* Has the server ended the connection? Without reading what it has sent. */
static bool is_cut_off(int fd)
{
    struct pollfd at = {.fd = fd, .events = POLLRDHUP};
    return poll(&at, 1, 0) == 1 && (at.revents & (POLLRDHUP | POLLHUP | POLLERR)) != 0;
}

/* ---- its witness: the same user, the same subject, and reads ---- */

typedef struct witness {
    size_t pages, refusals, bytes, largest;
} witness;

static void on_page(void *arg, furrow_msg *msg)
{
    witness *self = arg;
    furrow_error why = {0};
    if (furrow_client_reply_status(msg, &why) == FURROW_OK) {
        self->pages++;
        self->bytes += msg->data.len;
        if (msg->data.len > self->largest) self->largest = msg->data.len;
    } else {
        ck_assert_int_eq(why.code, FURROW_RESOURCE_EXHAUSTED);
        ck_assert_ptr_nonnull(memmem(msg->data.data, msg->data.len, "retryDelay", strlen("retryDelay")));
        self->refusals++;
    }
    furrow_msg_free(msg);
}

/* ---- what others have of it ---- */

static void seed_jobs(farm *f)
{
    farm_start_all(f, 1);
    for (int i = 0; i < JOBS; i++) {
        furrow_status status = farm_call(
            f, "job.v1.JobService.OpenJob",
            farm_text(f,
                      "{\"id\":\"J-%04d\",\"code\":\"C%04d\",\"name\":\"%099d\",\"kind\":\"JOB_KIND_HARVEST\","
                      "\"pay\":{\"type\":\"PAY_TYPE_HOURLY\"},\"locationIds\":[\"B1\"]}",
                      i, i, i),
            NULL, &err);
        ck_assert_msg(status == FURROW_OK, "%s", err.text);
    }
}

static void call_as_another(farm *f)
{
    furrow_status status = farm_call(f, "job.v1.JobService.GetJob", "{\"id\":\"J1\"}", NULL, &err);
    ck_assert_msg(status == FURROW_OK, "another caller: %s", err.text);
}

typedef struct scene {
    farm *f;
    furrow_link *link; /* the witness's */
    furrow_subscription *subscription;
    witness seen;
    uint64_t began_ns;
} scene;

static void open_scene(scene *self, farm *f)
{
    *self = (scene){.f = f, .link = farm_link_as(f, FARM_OTHER_CLIENT)};
    self->subscription = furrow_link_subscribe(self->link, page_subject(f), NULL, on_page, &self->seen, &err);
    ck_assert_ptr_nonnull(self->subscription);
    ck_assert_int_eq(furrow_link_flush(self->link, farm_within_ms(FARM_PATIENCE_MS), &err), FURROW_OK);
    self->began_ns = furrow_clock_now_ns();
}

/* A second's worth at once, that much a second from then on, and the one page that goes over it. */
static void check_bound(const scene *self)
{
    double seconds = (double)(furrow_clock_now_ns() - self->began_ns) / FURROW_NS_PER_S;
    ck_assert_msg((double)self->seen.bytes <= (seconds + 1) * CALLER_BYTES + (double)self->seen.largest,
                  "%zu bytes in %.1f s", self->seen.bytes, seconds);
}

static void close_scene(scene *self)
{
    furrow_subscription_destroy(self->subscription);
    furrow_link_destroy(self->link);
}

static void burst_body(farm *f)
{
    scene all;
    seed_jobs(f);
    open_scene(&all, f);
    int reader = connect_reader(f);
    for (int i = 0; i < PAGES; i++) ask_for_page(f, reader);
    for (int i = 0; i < OTHERS_CALLS; i++) call_as_another(f);
    ck_assert(FURROW_TEST_EVENTUALLY_IN_TASK(all.seen.pages + all.seen.refusals == PAGES, FARM_PATIENCE_MS));
    check_bound(&all);
    ck_assert_uint_gt(all.seen.refusals, 0);
    ck_assert_uint_gt(all.seen.largest, 100000);
    close(reader);
    close_scene(&all);
}

START_TEST(others_are_served_while_a_caller_reads_none_of_three_hundred_pages)
{
    farm_run(burst_body);
}
END_TEST

/* One page after the other, as fast as they may be had, from the same connection until it ends, and then from another. */
static void patient_body(farm *f)
{
    scene all;
    seed_jobs(f);
    open_scene(&all, f);
    size_t asked = 0, cut_off = 0, calls = 0;
    int reader = connect_reader(f);
    for (uint64_t end = farm_within_ms(2 * FARM_PATIENCE_MS); cut_off < CUT_OFF; calls++) {
        ck_assert_msg(furrow_clock_now_ns() < end, "cut off %zu times, after %zu pages", cut_off, all.seen.pages);
        if (is_cut_off(reader)) {
            cut_off++;
            close(reader);
            reader = connect_reader(f);
            asked = all.seen.pages + all.seen.refusals; /* what went there may be lost */
        }
        if (asked <= all.seen.pages + all.seen.refusals) {
            ask_for_page(f, reader);
            asked++;
        }
        call_as_another(f);
    }
    check_bound(&all);
    ck_assert_ptr_nonnull(strstr(furrow_test_server_log(f->nats), "WriteDeadline of 2s")); /* by config/dev's limits */
    ck_assert_uint_gt(calls, all.seen.pages); /* each page of its was followed by another's answer, and more */
    close(reader);
    close_scene(&all);
}

START_TEST(who_asks_on_and_never_reads_is_cut_off_and_others_are_served)
{
    farm_run(patient_body);
}
END_TEST

/* In a flood it may be refused, with more requests than can be worked on; then it is served when it tries again. */
static void call_again_as_another(farm *f)
{
    furrow_status status = FURROW_RESOURCE_EXHAUSTED;
    for (uint64_t end = farm_within_ms(FLOODED_MS); status == FURROW_RESOURCE_EXHAUSTED;) {
        ck_assert_msg(furrow_clock_now_ns() < end, "another caller: %s", err.text);
        status = farm_call(f, "job.v1.JobService.GetJob", "{\"id\":\"J1\"}", NULL, &err);
        if (status == FURROW_RESOURCE_EXHAUSTED) furrow_task_sleep_ms(10);
    }
    ck_assert_msg(status == FURROW_OK, "another caller: %s", err.text);
}

/* Answers too small to be counted one by one, by the thousand. */
static void flood_body(farm *f)
{
    farm_start_all(f, 1);
    int reader = connect_reader(f);
    size_t calls = 0;
    for (uint64_t end = farm_within_ms(2 * FARM_PATIENCE_MS); !is_cut_off(reader); calls++) {
        ck_assert_msg(furrow_clock_now_ns() < end, "not cut off");
        for (int i = 0; i < FLOOD; i++) ask(f, reader, "GetJob", "{\"id\":\"J1\"}");
        call_again_as_another(f);
    }
    for (int i = 0; i < OTHERS_CALLS; i++) call_again_as_another(f);
    ck_assert_uint_gt(calls, 1);
    close(reader);
}

START_TEST(others_are_served_while_a_caller_reads_none_of_a_flood_of_small_answers)
{
    farm_run(flood_body);
}
END_TEST

/* What a service tells of itself, asked for as fast as it may be, by one who reads none; the witness has it all. */
static void monitors_body(farm *f)
{
    static const char *const subjects[] = {"$SRV.STATS.job", "$SRV.INFO.job"};
    scene all;
    farm_start_all(f, 1);
    open_scene(&all, f);
    int reader = connect_reader(f);
    size_t asked = 0;
    while (asked < MONITORS && !is_cut_off(reader)) {
        for (int i = 0; i < MONITORS_AT_ONCE; i++) ask_subject(f, reader, subjects[asked++ % 2], "");
        call_again_as_another(f);
    }
    close(reader);
    ck_assert_int_eq(furrow_link_flush(all.link, farm_within_ms(FARM_PATIENCE_MS), &err), FURROW_OK);
    call_again_as_another(f);
    check_bound(&all);
    ck_assert_uint_gt(all.seen.pages, 0);
    ck_assert_uint_lt(all.seen.pages, asked);
    close_scene(&all);
}

START_TEST(what_a_service_tells_of_itself_is_bounded_like_its_pages)
{
    farm_run(monitors_body);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("slow reader");
    TCase *tests = tcase_create("slow reader");
    tcase_set_timeout(tests, 180);
    tcase_add_test(tests, others_are_served_while_a_caller_reads_none_of_three_hundred_pages);
    tcase_add_test(tests, others_are_served_while_a_caller_reads_none_of_a_flood_of_small_answers);
    tcase_add_test(tests, who_asks_on_and_never_reads_is_cut_off_and_others_are_served);
    tcase_add_test(tests, what_a_service_tells_of_itself_is_bounded_like_its_pages);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed > 0;
}
