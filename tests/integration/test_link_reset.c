/*
 * A connection that is reset while what came before has not been read, as nats-server does with a client that reads too
 * slowly: the link notices at once and connects again, not only when its next probe is not answered.
 */
#include "link/internal.h"
#include "link_world.h"
#include "log_proxy.h"
#include "support/wait.h"

#include <check.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#define UNREAD_BYTES 50000 /* more than the link reads at a time */

#ifdef __SANITIZE_ADDRESS__
/* nats.c 3.4.1 does not free the half of a message that a connection had when it broke. */
__attribute__((visibility("default"))) const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void)
{
    return "leak:natsBuf_Create";
}
#endif

static void count(void *arg, furrow_msg *msg)
{
    ++*(size_t *)arg;
    furrow_msg_free(msg);
}

static void write_text(int fd, const char *text)
{
    ck_assert_int_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
}

/* Publishes to "flood" and returns when the server has taken it, while the loop stands still. */
static void flood(int port)
{
    static char body[10001], answer[4096];
    struct sockaddr_in to = {
        .sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    size_t len = 0;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ck_assert_int_eq(connect(fd, (struct sockaddr *)&to, sizeof to), 0);
    memset(body, 'x', sizeof body - 1);
    write_text(fd, "CONNECT {\"verbose\":false}\r\n");
    for (int i = 0; i < 12; i++) {
        write_text(fd, "PUB flood 10000\r\n");
        write_text(fd, body);
        write_text(fd, "\r\n");
    }
    write_text(fd, "PING\r\n");
    while (!strstr(answer, "PONG")) {
        ssize_t got = read(fd, answer + len, sizeof answer - 1 - len);
        ck_assert_int_gt(got, 0);
        len += (size_t)got;
    }
    close(fd);
}

static int unread(const furrow_link *link)
{
    int bytes = 0;
    ck_assert(link->conn && ioctl(link->conn->fd, FIONREAD, &bytes) == 0);
    return bytes;
}

static void reset_body(link_world *world)
{
    int port = furrow_test_server_port(world->nats);
    size_t received = 0;
    test_proxy *proxy = test_proxy_start(port);
    /* The probe would find it as well, in ten minutes. */
    furrow_link *link =
        link_world_connect(world, (furrow_link_options){.url = test_proxy_url(proxy), .probe_ms = 600000});
    ck_assert(furrow_link_wait_connected(link, link_world_in_ms(PATIENCE_MS)));
    ck_assert(furrow_link_subscribe(link, "flood", NULL, count, &received, NULL));
    ck_assert_int_eq(furrow_link_flush(link, link_world_in_ms(PATIENCE_MS), NULL), FURROW_OK);
    flood(port);
    ck_assert(FURROW_TEST_EVENTUALLY(unread(link) >= UNREAD_BYTES, PATIENCE_MS));
    test_proxy_reset(proxy);
    ck_assert(FURROW_TEST_EVENTUALLY_IN_TASK(furrow_link_reconnects(link) == 1, PATIENCE_MS));
    ck_assert_int_eq(furrow_link_flush(link, link_world_in_ms(PATIENCE_MS), NULL), FURROW_OK);
    size_t before = received;
    flood(port);
    ck_assert(FURROW_TEST_EVENTUALLY_IN_TASK(received > before, PATIENCE_MS));
    furrow_link_destroy(link);
    test_proxy_stop(proxy);
}

START_TEST(a_reset_before_all_is_read_is_noticed_at_once)
{
    link_world_run(NULL, reset_body);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("link_reset");
    TCase *cases = tcase_create("link_reset");
    tcase_set_timeout(cases, 60);
    tcase_add_test(cases, a_reset_before_all_is_read_is_noticed_at_once);
    suite_add_tcase(suite, cases);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
