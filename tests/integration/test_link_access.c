/* Who is let in, by password, key and certificate, and what the server refuses to one who is. */
#include "base/clock.h"
#include "link/attempt.h"
#include "link_world.h"
#include "support/tempdir.h"
#include "support/wait.h"
#include "tls_peer.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char with_users[] = "authorization { users = [ {user: a, password: b, permissions: {publish: \"t.>\"}},"
                                 " {nkey: UDXU4RCSJNZOIQHZNWXHXORDPRTGNJAHAHFRGZNEEJCPQTT2M7NLCNF4} ] }\n";
static const char seed[] = "SUACSSL3UAHUDXKFSNVUZRF5UHPMWZ6BFDTJ7M6USDXIEDNPPQYYYCU3VY\n";

/* Of a server whose users are told by JWTs: an operator, an account, and a user's credentials, all without an end. */
static const char with_operator[] =
    "operator: eyJ0eXAiOiJKV1QiLCJhbGciOiJlZDI1NTE5LW5rZXkifQ.eyJqdGkiOiIxIiwiaWF0IjoxLCJpc3MiOiJPQTI"
    "0VkJUSjRSWkIzVk9XS0FOQUVER0c3RVJTRldPTVUyRVFRMlNYSEpRMklBUVRJUlNYTUZLNiIsIm5hbWUiOiJ0ZXN0Iiwic3V"
    "iIjoiT0EyNFZCVEo0UlpCM1ZPV0tBTkFFREdHN0VSU0ZXT01VMkVRUTJTWEhKUTJJQVFUSVJTWE1GSzYiLCJuYXRzIjp7InR"
    "5cGUiOiJvcGVyYXRvciIsInZlcnNpb24iOjJ9fQ.be5oP5UPzhxPAEhXAk681391cjN-gSfm1uk_eABRacJnGAtE0zfze3kB"
    "6IdLF1jg-yw-6KX2ryFKustTx38YDA\n"
    "resolver: MEMORY\n"
    "resolver_preload: { AD7USROGAWI2JBRTCIEURXXGC6S27C6NCLJATARITUY4XSVHOTO5K7L6: eyJ0eXAiOiJKV1QiLC"
    "JhbGciOiJlZDI1NTE5LW5rZXkifQ.eyJqdGkiOiIyIiwiaWF0IjoxLCJpc3MiOiJPQTI0VkJUSjRSWkIzVk9XS0FOQUVER0c"
    "3RVJTRldPTVUyRVFRMlNYSEpRMklBUVRJUlNYTUZLNiIsIm5hbWUiOiJhIiwic3ViIjoiQUQ3VVNST0dBV0kySkJSVENJRVV"
    "SWFhHQzZTMjdDNk5DTEpBVEFSSVRVWTRYU1ZIT1RPNUs3TDYiLCJuYXRzIjp7ImxpbWl0cyI6eyJzdWJzIjotMSwiZGF0YSI"
    "6LTEsInBheWxvYWQiOi0xLCJpbXBvcnRzIjotMSwiZXhwb3J0cyI6LTEsIndpbGRjYXJkcyI6dHJ1ZSwiY29ubiI6LTEsImx"
    "lYWYiOi0xfSwidHlwZSI6ImFjY291bnQiLCJ2ZXJzaW9uIjoyfX0.yHAA2TH7gINOhLgJpaBrF0dN236ANKQLLyWT0B2YHXX"
    "dtjQPVr7MOy53UW4pDDBrEW_1V84EgUjSjUnubpJ0Bg }\n";
static const char credentials[] =
    "-----BEGIN NATS USER JWT-----\n"
    "eyJ0eXAiOiJKV1QiLCJhbGciOiJlZDI1NTE5LW5rZXkifQ.eyJqdGkiOiIzIiwiaWF0IjoxLCJpc3MiOiJBRDdVU1JPR0FXS"
    "TJKQlJUQ0lFVVJYWEdDNlMyN0M2TkNMSkFUQVJJVFVZNFhTVkhPVE81SzdMNiIsIm5hbWUiOiJ1Iiwic3ViIjoiVUNET05VU"
    "VhNSFU1QUJHSEtQRjRGNkVWTzRRUE9HVkdMN0NIUFg3NlVIR1VPM1dTNFdQSTVPS0kiLCJuYXRzIjp7InN1YnMiOi0xLCJkY"
    "XRhIjotMSwicGF5bG9hZCI6LTEsInR5cGUiOiJ1c2VyIiwidmVyc2lvbiI6Mn19.VE8uLsiddnP2EN4QkHz1yC3j-ivJRq5i"
    "ZEwy56JlBQ-cDYIGV0sBgljvknT7jCpnCdNzx__MMiit0wA6WYYWAg\n"
    "------END NATS USER JWT------\n"
    "\n"
    "-----BEGIN USER NKEY SEED-----\n"
    "SUAPGIUG36PH63E7KOO56YPYMOLOXCFEQPCOILBYADJHFSNCLUS4IBXP6A\n"
    "------END USER NKEY SEED------\n";

static void write_secret(const link_world *world, const char *secret, char path[160])
{
    snprintf(path, 160, "%s/secret", furrow_test_server_dir(world->nats));
    furrow_test_write_file(path, secret);
}

static void identity_body(link_world *world)
{
    char path[160];
    furrow_error err = {0};
    ck_assert_msg(
        FURROW_TEST_EVENTUALLY_IN_TASK(strcasestr(furrow_link_last_error(world->link), "authorization"), PATIENCE_MS),
        "%s", furrow_link_last_error(world->link));
    ck_assert(!furrow_link_wait_connected(world->link, link_world_in_ms(300)));
    furrow_link *user = link_world_connect(world, (furrow_link_options){.user = "a", .password = "b"});
    ck_assert(furrow_link_wait_connected(user, link_world_in_ms(PATIENCE_MS)));
    write_secret(world, seed, path);
    furrow_link *key = link_world_connect(world, (furrow_link_options){.nkey_seed = path});
    ck_assert_msg(furrow_link_wait_connected(key, link_world_in_ms(PATIENCE_MS)), "%s", furrow_link_last_error(key));
    furrow_link_destroy(user);
    furrow_link_destroy(key);
    furrow_link_options missing = {.url = furrow_test_server_url(world->nats), .nkey_seed = "/no/such/file"};
    ck_assert_ptr_null(furrow_link_create(world->loop, &missing, &err));
    ck_assert_int_eq(err.code, FURROW_INVALID_ARGUMENT);
}

START_TEST(users_and_keys_are_let_in_and_strangers_told_why_not)
{
    link_world_run(&(furrow_test_nats_options){.config = with_users}, identity_body);
}
END_TEST

/*
 * Each has a nonce of its own; of 256 signatures one begins with a byte 0, which nats.c sends as none. The world's own
 * link goes first: it has no identity, and what it is refused must not be counted.
 */
static void connect_a_thousand(link_world *world, const furrow_link_options *options)
{
    enum { ROUNDS = 50, AT_ONCE = 20 };
    furrow_link *links[AT_ONCE];
    furrow_link_destroy(world->link);
    world->link = NULL;
    size_t logged = strlen(furrow_test_server_log(world->nats));
    for (int round = 0; round < ROUNDS; round++) {
        for (int i = 0; i < AT_ONCE; i++) links[i] = link_world_connect(world, *options);
        for (int i = 0; i < AT_ONCE; i++)
            ck_assert_msg(furrow_link_wait_connected(links[i], link_world_in_ms(PATIENCE_MS)), "%s",
                          furrow_link_last_error(links[i]));
        for (int i = 0; i < AT_ONCE; i++) furrow_link_destroy(links[i]);
    }
    ck_assert_ptr_null(strstr(furrow_test_server_log(world->nats) + logged, "authentication error"));
}

static void many_keys_body(link_world *world)
{
    char path[160];
    write_secret(world, seed, path);
    connect_a_thousand(world, &(furrow_link_options){.nkey_seed = path});
}

START_TEST(of_a_thousand_connections_with_a_key_none_is_refused)
{
    link_world_run(&(furrow_test_nats_options){.config = with_users}, many_keys_body);
}
END_TEST

static void many_credentials_body(link_world *world)
{
    char path[160];
    write_secret(world, credentials, path);
    connect_a_thousand(world, &(furrow_link_options){.credentials = path});
    write_secret(world, seed, path);
    furrow_link *lost = link_world_connect(world, (furrow_link_options){.credentials = path});
    ck_assert(FURROW_TEST_EVENTUALLY_IN_TASK(strstr(furrow_link_last_error(lost), "no JWT in "), PATIENCE_MS));
    furrow_link_destroy(lost);
}

START_TEST(of_a_thousand_connections_with_credentials_none_is_refused)
{
    link_world_run(&(furrow_test_nats_options){.config = with_operator, .no_jetstream = true}, many_credentials_body);
}
END_TEST

typedef struct answers {
    size_t refused;
    furrow_status other;
} answers;

static void on_refusal(void *arg, furrow_status status, const char *text, furrow_msg *reply)
{
    answers *seen = arg;
    ck_assert_int_eq(status, FURROW_PERMISSION_DENIED);
    ck_assert_ptr_nonnull(strstr(text, "permission"));
    ck_assert_ptr_null(reply);
    seen->refused++;
}

static void on_other(void *arg, furrow_status status, const char *text, furrow_msg *reply)
{
    answers *seen = arg;
    seen->other = status;
    furrow_msg_free(reply);
}

static void on_silence(void *arg, furrow_msg *msg)
{
    furrow_msg_free(msg);
}

static void refused_body(link_world *world)
{
    uint64_t count = 0;
    furrow_link *user = link_world_connect(world, (furrow_link_options){.user = "a", .password = "b"});
    ck_assert(furrow_link_wait_connected(user, link_world_in_ms(PATIENCE_MS)));
    ck_assert_str_eq(furrow_link_complaint(user, &count), "");
    furrow_subscription *silent = furrow_link_subscribe(user, "t.silent", NULL, on_silence, NULL, NULL);
    ck_assert_ptr_nonnull(silent);
    ck_assert_int_eq(furrow_link_publish(user, &(furrow_outgoing){.subject = "not.mine"}, NULL), FURROW_OK);
    ck_assert(FURROW_TEST_EVENTUALLY_IN_TASK(furrow_link_complaint(user, &count)[0] != '\0', PATIENCE_MS));
    ck_assert_ptr_nonnull(strstr(furrow_link_complaint(user, NULL), "not.mine"));
    ck_assert_uint_eq(count, 1);
    ck_assert(furrow_link_connected(user));
    /* Who waits for an answer is told at once, each of what is his, and nobody else. */
    answers seen = {.other = FURROW_OK};
    furrow_error err;
    static const char *const refused_subjects[] = {"not.mine", "nor.mine", "not.mine"};
    furrow_outgoing slow = {.subject = "t.silent"};
    ck_assert_int_eq(furrow_link_request_async(user, &slow, link_world_in_ms(PATIENCE_MS), on_other, &seen, &err),
                     FURROW_OK);
    for (size_t i = 0; i < 3; i++)
        ck_assert_int_eq(furrow_link_request_async(user, &(furrow_outgoing){.subject = refused_subjects[i]},
                                                   FURROW_NEVER, on_refusal, &seen, &err),
                         FURROW_OK);
    ck_assert(FURROW_TEST_EVENTUALLY_IN_TASK(seen.refused == 3, PATIENCE_MS));
    ck_assert_int_eq(seen.other, FURROW_OK);
    ck_assert_int_eq(furrow_link_request(user, &(furrow_outgoing){.subject = "not.mine"}, FURROW_NEVER, NULL, &err),
                     FURROW_PERMISSION_DENIED);
    ck_assert_ptr_nonnull(strstr(err.text, "not.mine"));
    /* One that comes when the link is gone harms nobody. */
    ck_assert_int_eq(furrow_link_publish(user, &(furrow_outgoing){.subject = "not.mine"}, NULL), FURROW_OK);
    furrow_subscription_destroy(silent);
    furrow_link_destroy(user);
}

START_TEST(what_the_server_refuses_is_told)
{
    link_world_run(&(furrow_test_nats_options){.config = with_users}, refused_body);
}
END_TEST

static const char with_rights[] =
    "authorization { users = [ {user: all, password: b}, {user: a, password: b, permissions: {publish: [\"t.*\", "
    "\"_R_.>\"], subscribe: {allow: [\"t.s\", \"g.x q\"]}}} ] }\n";

static void count_message(void *arg, furrow_msg *msg)
{
    (*(size_t *)arg)++;
    furrow_msg_free(msg);
}

static void attempts_body(link_world *world)
{
    static const struct {
        furrow_attempt made;
        bool allowed;
    } cases[] = {{{.subject = "t.a", .publish = true}, true},
                 {{.subject = "_R_.a", .publish = true}, true},
                 {{.subject = "t.a.b", .publish = true}, false},
                 {{.subject = "g.x", .publish = true}, false},
                 {{.subject = "t.s"}, true},
                 {{.subject = "t.s", .queue = "any"}, true},
                 {{.subject = "t.a"}, false},
                 {{.subject = "g.x"}, false},
                 {{.subject = "g.x", .queue = "q"}, true},
                 {{.subject = "g.x", .queue = "r"}, false}};
    enum { CASES = sizeof cases / sizeof *cases };
    furrow_attempt attempts[CASES];
    furrow_error err;
    size_t heard = 0;
    furrow_link *all = link_world_connect(world, (furrow_link_options){.user = "all", .password = "b"});
    furrow_link *user = link_world_connect(world, (furrow_link_options){.user = "a", .password = "b"});
    ck_assert(furrow_link_wait_connected(all, link_world_in_ms(PATIENCE_MS)));
    ck_assert(furrow_link_wait_connected(user, link_world_in_ms(PATIENCE_MS)));
    furrow_subscription *ears[] = {furrow_link_subscribe(all, "*.*", NULL, count_message, &heard, &err),
                                   furrow_link_subscribe(all, "*.*.*", NULL, count_message, &heard, &err)};
    ck_assert_int_eq(furrow_link_flush(all, link_world_in_ms(PATIENCE_MS), &err), FURROW_OK);
    for (int round = 0; round < 50; round++) {
        for (size_t i = 0; i < CASES; i++) attempts[i] = cases[i].made;
        ck_assert_msg(furrow_attempt_all(user, attempts, CASES, link_world_in_ms(PATIENCE_MS), &err) == FURROW_OK, "%s",
                      err.text);
        for (size_t i = 0; i < CASES; i++)
            ck_assert_msg(attempts[i].allowed == cases[i].allowed, "%s %s", attempts[i].subject,
                          attempts[i].queue ? attempts[i].queue : "");
    }
    for (size_t i = 0; i < CASES; i++) attempts[i] = cases[i].made;
    ck_assert_int_eq(furrow_attempt_all(all, attempts, CASES, link_world_in_ms(PATIENCE_MS), &err), FURROW_OK);
    for (size_t i = 0; i < CASES; i++) ck_assert_msg(attempts[i].allowed, "%s", attempts[i].subject);
    furrow_attempt wild = {.subject = "t.*"};
    ck_assert_int_eq(furrow_attempt_all(user, &wild, 1, FURROW_NEVER, &err), FURROW_INVALID_ARGUMENT);
    /* What is really sent comes after all that was only tried. */
    ck_assert_int_eq(furrow_link_publish(user, &(furrow_outgoing){.subject = "t.real"}, &err), FURROW_OK);
    ck_assert_int_eq(furrow_link_flush(user, link_world_in_ms(PATIENCE_MS), &err), FURROW_OK);
    ck_assert(FURROW_TEST_EVENTUALLY_IN_TASK(heard > 0, PATIENCE_MS));
    ck_assert_int_eq(furrow_link_flush(all, link_world_in_ms(PATIENCE_MS), &err), FURROW_OK);
    ck_assert_uint_eq(heard, 1);
    for (size_t i = 0; i < 2; i++) furrow_subscription_destroy(ears[i]);
    furrow_link_destroy(user);
    furrow_link_destroy(all);
    ck_assert_int_eq(furrow_attempt_all(world->link, attempts, CASES, FURROW_NEVER, &err), FURROW_UNAVAILABLE);
}

START_TEST(what_a_user_may_do_is_asked_without_doing_it)
{
    link_world_run(&(furrow_test_nats_options){.config = with_rights}, attempts_body);
}
END_TEST

static const char *certificates;

static void tls_body(link_world *world)
{
    char ca[128], answer[64];
    furrow_error err = {0};
    ck_assert(!furrow_link_wait_connected(world->link, link_world_in_ms(300))); /* it does not speak TLS */
    snprintf(ca, sizeof ca, "%s/cert.pem", certificates);
    furrow_link *plain = world->link;
    world->link = link_world_connect(world, (furrow_link_options){.tls_ca = ca});
    ck_assert_msg(furrow_link_wait_connected(world->link, link_world_in_ms(PATIENCE_MS)), "%s",
                  furrow_link_last_error(world->link));
    link_world_serve_echo(world);
    for (int i = 0; i < 200; i++)
        ck_assert_int_eq(link_world_call(world->link, "t.echo", "sealed", PATIENCE_MS, answer, sizeof answer, &err),
                         FURROW_OK);
    furrow_link_destroy(world->link);
    world->link = plain;
    furrow_link_options missing = {.url = furrow_test_server_url(world->nats), .tls_ca = "/no/such/file"};
    ck_assert_ptr_null(furrow_link_create(world->loop, &missing, &err));
}

START_TEST(tls_with_a_certificate_we_trust)
{
    char config[512], key[128], cert[128];
    certificates = furrow_test_tempdir();
    snprintf(key, sizeof key, "%s/key.pem", certificates);
    snprintf(cert, sizeof cert, "%s/cert.pem", certificates);
    test_tls_make(certificates);
    snprintf(config, sizeof config, "tls { cert_file: \"%s\", key_file: \"%s\" }\n", cert, key);
    link_world_run(&(furrow_test_nats_options){.config = config}, tls_body);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("link access");
    TCase *tests = tcase_create("link access");
    tcase_set_timeout(tests, 120);
    tcase_add_test(tests, users_and_keys_are_let_in_and_strangers_told_why_not);
    tcase_add_test(tests, of_a_thousand_connections_with_a_key_none_is_refused);
    tcase_add_test(tests, of_a_thousand_connections_with_credentials_none_is_refused);
    tcase_add_test(tests, what_the_server_refuses_is_told);
    tcase_add_test(tests, what_a_user_may_do_is_asked_without_doing_it);
    tcase_add_test(tests, tls_with_a_certificate_we_trust);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
