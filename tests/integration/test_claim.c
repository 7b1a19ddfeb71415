/*
 * Claims: one holder for a value, whoever else wants it, dies half-way, or comes back late. Takers are tasks of this
 * process and of child processes, which are this program again.
 */
#include "log_world.h"

#include "base/loop.h"
#include "wire/message.h"

#include <signal.h>
#include <unistd.h>

#define TAKERS 100

static furrow_error err;
static furrow_written written;

static bool wears(const furrow_state *state, const char *value)
{
    const test_counter *counter = (const test_counter *)state->message;
    return counter && strcmp(counter->badge, value) == 0;
}

static bool holds(const furrow_claim_request *request, const furrow_state *state)
{
    return wears(state, request->value);
}

static furrow_claim_request claim(log_world *world, furrow_entity *holders, const char *value, const char *holder,
                                  const furrow_command *command)
{
    return (furrow_claim_request){.claims = world->claims,
                                  .holders = holders,
                                  .value = value,
                                  .holder = holder,
                                  .command = command,
                                  .holds = holds};
}

/* A holder takes the badge inside of its decision; NULL gives up the one it has. */
typedef struct wearing {
    log_world *world;
    furrow_entity *holders;
    const char *id, *badge;
    const furrow_command *command;
    void (*between)(struct wearing *self); /* after the claim, before the write */
    int decisions;
} wearing;

static furrow_status decide_badge(void *arg, const furrow_state *current, furrow_arena *arena, furrow_decision *out,
                                  furrow_error *error)
{
    wearing *self = arg;
    self->decisions++;
    if (self->badge) {
        furrow_claim_request request = claim(self->world, self->holders, self->badge, self->id, self->command);
        furrow_status status = furrow_claim_take(&request, arena, error);
        if (status != FURROW_OK) return status;
        if (self->between) self->between(self);
    }
    test_counter *next = (test_counter *)(current->message ? furrow_arena_memdup(arena, current->message, sizeof *next)
                                                           : furrow_message_new(log_counter.descriptor, arena));
    next->id = furrow_arena_strdup(arena, self->id);
    next->badge = furrow_arena_strdup(arena, self->badge ? self->badge : "");
    *out = (furrow_decision){.next = &next->base, .event = "badged"};
    return FURROW_OK;
}

static furrow_status wear(wearing *self, furrow_arena *arena, furrow_written *out, furrow_error *error)
{
    furrow_write write = {.id = self->id, .command = self->command, .decide = decide_badge, .arg = self};
    return furrow_entity_write(self->holders, &write, arena, out, error);
}

static furrow_status wear_simply(log_world *world, const char *id, const char *badge)
{
    furrow_command command = log_command();
    wearing self = {world, world->counters, id, badge, &command};
    return wear(&self, world->arena, &written, &err);
}

static void release(log_world *world, const char *id, const char *badge)
{
    furrow_command command = log_command();
    furrow_claim_request request = claim(world, world->counters, badge, id, &command);
    log_must(furrow_claim_release(&request, world->arena, &err), &err);
}

/* The claim on @badge as the log has it. */
static furrow_state claim_state(log_world *world, const char *badge)
{
    uint8_t hash[FURROW_HASH_BYTES];
    char id[FURROW_ID_SIZE];
    furrow_state state;
    furrow_bytes part = furrow_bytes_of(badge);
    furrow_secret_hash(log_secret(), "claim", &part, 1, hash);
    furrow_id_from_hash(hash, id);
    log_must(furrow_entity_load_log(world->claims, id, world->arena, &state, &err), &err);
    return state;
}

static const char *claim_holder(log_world *world, const char *badge)
{
    furrow_state state = claim_state(world, badge);
    return state.message ? ((const Logtest__V1__BadgeClaim *)state.message)->holder : "nobody";
}

/* A message on a claim's subject that is none frees no value: the holder keeps it, nobody else gets it. */
static void poisoned_claim(log_world *world)
{
    log_must(wear_simply(world, "c1", "17"), &err);
    furrow_state before = claim_state(world, "17");
    for (int round = 0; round < 3; round++) {
        furrow_js_puback ack;
        furrow_js_publish_options options = {.expected_seq = FURROW_JS_ANY_SEQUENCE};
        char subject[FURROW_SUBJECT_MAX];
        const Logtest__V1__BadgeClaim *held = (const Logtest__V1__BadgeClaim *)before.message;
        snprintf(subject, sizeof subject, "%s.%s", log_claim.name, held->id);
        log_must(
            furrow_js_publish(world->link, subject, FURROW_BYTES_LITERAL("\x0a\xff"), &options, log_soon(), &ack, &err),
            &err);
        ck_assert_int_eq(wear_simply(world, round == 1 ? "c1" : "c2", "17"),
                         round == 1 ? FURROW_OK : FURROW_ALREADY_EXISTS);
        ck_assert_str_eq(claim_holder(world, "17"), "c1");
    }
}

START_TEST(a_claim_that_was_poisoned_still_holds)
{
    log_run(poisoned_claim);
}
END_TEST

/* ---- many at once ---- */

static struct {
    log_world *world;
    int running, won, refused, other;
} takers;

static void taker(void *arg)
{
    const char *id = arg;
    furrow_error error = {0};
    furrow_written mine;
    FURROW_AUTO(furrow_arena) arena = furrow_arena_create(0);
    furrow_command command = {.deadline_ns = furrow_clock_now_ns() + 30 * FURROW_NS_PER_S};
    log_world *world = takers.world;
    wearing self = {world, id[strlen(id) - 1] % 2 ? world->counters : world->other_counters, id, "B-17", &command};
    furrow_status status = wear(&self, arena, &mine, &error);
    takers.won += status == FURROW_OK;
    takers.refused += status == FURROW_ALREADY_EXISTS;
    takers.other += status != FURROW_OK && status != FURROW_ALREADY_EXISTS;
    if (status != FURROW_OK && status != FURROW_ALREADY_EXISTS)
        fprintf(stderr, "%s: %s\n", furrow_status_name(status), error.text);
    takers.running--;
}

static void run_takers(log_world *world, const char *prefix, int count)
{
    static char ids[TAKERS][32];
    takers.world = world;
    takers.running = count;
    takers.won = takers.refused = takers.other = 0;
    for (int i = 0; i < count; i++) {
        snprintf(ids[i], sizeof ids[i], "%s%d", prefix, i);
        log_must(furrow_loop_spawn(world->loop, taker, ids[i], &err), &err);
    }
    ck_assert(FURROW_TEST_EVENTUALLY_IN_TASK(takers.running == 0, 60000));
}

static void hundred_takers(log_world *world)
{
    run_takers(world, "t", TAKERS);
    ck_assert_int_eq(takers.won, 1);
    ck_assert_int_eq(takers.refused, TAKERS - 1);
    furrow_state winner = log_newest(world, claim_holder(world, "B-17"));
    ck_assert(wears(&winner, "B-17"));
}

START_TEST(of_100_takers_over_two_links_one_gets_the_value)
{
    log_run(hundred_takers);
}
END_TEST

static furrow_test_process *start_child(log_world *world, const char *what)
{
    char nats[128], redis[128], part[64];
    const char *env[] = {nats, redis, part, "CK_FORK=no", NULL}, *argv[] = {"/proc/self/exe", NULL};
    snprintf(nats, sizeof nats, "CLAIM_NATS=%s", furrow_test_server_url(world->nats));
    snprintf(redis, sizeof redis, "CLAIM_REDIS=%s", furrow_test_server_url(world->redis));
    snprintf(part, sizeof part, "CLAIM_CHILD=%s", what);
    return furrow_test_process_start(&(furrow_test_process_options){.argv = argv, .env = env});
}

static void processes(log_world *world)
{
    furrow_test_process *children[3];
    const char *names[] = {"p", "q", "r"};
    int won = 0, code = -1;
    for (int i = 0; i < 3; i++) children[i] = start_child(world, names[i]);
    for (int i = 0; i < 3; i++) {
        int mine = 0, refused = 0;
        ck_assert(furrow_test_process_wait(children[i], 60000, &code));
        ck_assert_msg(code == 0, "%s", furrow_test_process_stderr(children[i]));
        const char *said = strstr(furrow_test_process_stdout(children[i]), "won ");
        ck_assert(said && sscanf(said, "won %d refused %d", &mine, &refused) == 2);
        ck_assert_msg(mine + refused == TAKERS, "%s", furrow_test_process_stderr(children[i]));
        won += mine;
        furrow_test_process_destroy(children[i]);
    }
    ck_assert_int_eq(won, 1);
    furrow_state winner = log_newest(world, claim_holder(world, "B-17"));
    ck_assert(wears(&winner, "B-17"));
}

START_TEST(of_300_takers_in_three_processes_one_gets_the_value)
{
    log_run(processes);
}
END_TEST

/* ---- one after the other ---- */

static void hand_over(log_world *world)
{
    log_must(wear_simply(world, "ann", "B-1"), &err);
    ck_assert_int_eq(wear_simply(world, "bob", "B-1"), FURROW_ALREADY_EXISTS);
    ck_assert_msg(strstr(err.text, "ann"), "%s", err.text);
    log_must(wear_simply(world, "ann", "B-1"), &err); /* again, by who has it */
    log_must(wear_simply(world, "bob", "B-2"), &err);

    release(world, "ann", "B-1"); /* still holds it: stays */
    ck_assert_str_eq(claim_holder(world, "B-1"), "ann");
    log_must(wear_simply(world, "ann", NULL), &err);
    uint64_t version = written.state.version;
    release(world, "bob", "B-1"); /* not his */
    ck_assert_str_eq(claim_holder(world, "B-1"), "ann");
    release(world, "ann", "B-1");
    ck_assert_str_eq(claim_holder(world, "B-1"), "nobody");
    ck_assert_uint_eq(log_newest(world, "ann").version, version); /* a release does not touch the holder */
    log_must(wear_simply(world, "cid", "B-1"), &err);
    ck_assert_int_eq(wear_simply(world, "ann", "B-1"), FURROW_ALREADY_EXISTS);
}

START_TEST(a_value_is_held_given_back_and_taken_by_another)
{
    log_run(hand_over);
}
END_TEST

/* Given up but not given back: no fence is needed, nor a wait, which would make all of them slow and not only some. */
static void not_given_back(log_world *world)
{
    enum { TIMES = 10 };
    const char *from = "ann", *to = "bob";
    uint64_t fastest_ns = UINT64_MAX;
    log_must(wear_simply(world, from, "B-1"), &err);
    for (int i = 0; i < TIMES && fastest_ns >= FURROW_CLAIM_GRACE_MS * FURROW_NS_PER_MS; i++) {
        log_must(wear_simply(world, from, NULL), &err);
        uint64_t version = written.state.version, begun = furrow_clock_now_ns();
        log_must(wear_simply(world, to, "B-1"), &err);
        uint64_t took_ns = furrow_clock_now_ns() - begun;
        if (took_ns < fastest_ns) fastest_ns = took_ns;
        ck_assert_uint_eq(log_newest(world, from).version, version);
        ck_assert_str_eq(claim_holder(world, "B-1"), to);
        const char *next = from;
        from = to;
        to = next;
    }
    ck_assert_uint_lt(fastest_ns, FURROW_CLAIM_GRACE_MS * FURROW_NS_PER_MS);
}

START_TEST(a_value_that_was_given_up_is_taken_over_at_once)
{
    log_run(not_given_back);
}
END_TEST

/* ---- half-way ---- */

static void die(wearing *self)
{
    printf("claimed\n");
    fflush(stdout);
    raise(SIGKILL);
}

static void dead_taker(log_world *world)
{
    furrow_test_process *child = start_child(world, "die");
    int code = 0;
    ck_assert(furrow_test_process_wait(child, 30000, &code));
    ck_assert_int_eq(code, 128 + SIGKILL);
    ck_assert(strstr(furrow_test_process_stdout(child), "claimed\n"));
    furrow_test_process_destroy(child);
    ck_assert_str_eq(claim_holder(world, "B-17"), "mort");
    ck_assert_uint_eq(log_newest(world, "mort").version, 0);

    log_must(wear_simply(world, "ann", "B-17"), &err);
    ck_assert_str_eq(claim_holder(world, "B-17"), "ann");

    /* What the dead one had still on its way comes too late. */
    furrow_js_puback ack;
    furrow_js_publish_options late = {.expected_seq = 0};
    ck_assert_int_eq(furrow_js_publish(world->link, "logtest.v1.Counter.mort", FURROW_BYTES_LITERAL("x"), &late,
                                       log_soon(), &ack, &err),
                     FURROW_ABORTED);
    ck_assert_int_eq(wear_simply(world, "mort", "B-17"), FURROW_ALREADY_EXISTS);
}

START_TEST(a_taker_that_dies_half_way_is_fenced_and_replaced)
{
    log_run(dead_taker);
}
END_TEST

/* Slow ones: between their claim and their write the value goes to somebody else. */
static void overtake(wearing *self)
{
    if (self->decisions > 1) return;
    furrow_command command = log_command();
    wearing rival = {self->world, self->world->other_counters, "rival", self->badge, &command};
    furrow_written mine;
    log_must(wear(&rival, self->world->arena, &mine, &err), &err);
}

static furrow_status wear_slowly(log_world *world, const char *id, const char *badge, int *decisions)
{
    furrow_command command = log_command();
    wearing slow = {world, world->counters, id, badge, &command, overtake};
    furrow_status status = wear(&slow, world->arena, &written, &err);
    *decisions = slow.decisions;
    return status;
}

static void slow_takers(log_world *world)
{
    int decisions;
    ck_assert_int_eq(wear_slowly(world, "new", "B-1", &decisions),
                     FURROW_ALREADY_EXISTS); /* never was: fenced by a tombstone */
    ck_assert_int_eq(decisions, 2);
    ck_assert(log_newest(world, "new").deleted);

    log_must(wear_simply(world, "rival", NULL), &err);
    log_must(wear_simply(world, "old", NULL), &err);
    furrow_command plain = log_command();
    log_must(log_add(world->counters, world->arena, "old", 5, &plain, &written, &err), &err);
    ck_assert_int_eq(wear_slowly(world, "old", "B-2", &decisions),
                     FURROW_ALREADY_EXISTS); /* exists: fenced by the same state again */
    ck_assert_int_eq(decisions, 2);
    furrow_state old = log_newest(world, "old");
    ck_assert_int_eq(log_value(&old), 5);
    furrow_js_stored stored = log_stored(world, "old");
    ck_assert_str_eq(furrow_js_stored_header(&stored, "ce-type", world->arena), "logtest.v1.Counter.fenced");

    log_must(wear_simply(world, "rival", NULL), &err);
    log_must(log_delete(world->counters, world->arena, "old", &plain, &written, &err), &err);
    ck_assert_int_eq(wear_slowly(world, "old", "B-3", &decisions),
                     FURROW_ALREADY_EXISTS); /* deleted: fenced by another tombstone */
    ck_assert_int_eq(decisions, 2);
    ck_assert(log_newest(world, "old").deleted);
    ck_assert_str_eq(claim_holder(world, "B-3"), "rival");
}

START_TEST(a_slow_taker_cannot_write_what_another_has_taken_over)
{
    log_run(slow_takers);
}
END_TEST

/* A release must not pull the claim from under a command of the same holder that takes the value again. */
static void release_behind(wearing *self)
{
    if (self->decisions == 1) release(self->world, self->id, self->badge);
}

static void release_races_with_take(log_world *world)
{
    furrow_command command = log_command();
    log_must(wear_simply(world, "ann", "B-1"), &err);
    log_must(wear_simply(world, "ann", NULL), &err);
    wearing again = {world, world->counters, "ann", "B-1", &command, release_behind};
    log_must(wear(&again, world->arena, &written, &err), &err);
    ck_assert_str_eq(claim_holder(world, "B-1"), "ann");
    ck_assert_int_eq(wear_simply(world, "bob", "B-1"), FURROW_ALREADY_EXISTS);
}

START_TEST(a_late_release_leaves_a_claim_that_was_taken_again)
{
    log_run(release_races_with_take);
}
END_TEST

/* ---- all at random: nobody ever holds what another holds ---- */

#define PEOPLE 6
#define BADGES 3
#define MOVES  40
static int movers_running;

static void mover(void *arg)
{
    static const char *const badges[] = {"B-1", "B-2", "B-3"};
    log_world *world = takers.world;
    size_t number = (size_t)(uintptr_t)arg;
    uint32_t dice = (uint32_t)number * 2654435761u + 1;
    char id[16];
    snprintf(id, sizeof id, "m%zu", number);
    FURROW_AUTO(furrow_arena) arena = furrow_arena_create((size_t)64 << 20);
    for (int move = 0; move < MOVES; move++, furrow_arena_reset(arena)) {
        dice = dice * 1664525u + 1013904223u;
        const char *badge = badges[dice >> 16 & 3 ? (dice >> 20) % BADGES : 0];
        furrow_command command = {.deadline_ns = furrow_clock_now_ns() + 30 * FURROW_NS_PER_S};
        furrow_error error = {0};
        furrow_written mine;
        wearing self = {world, number % 2 ? world->counters : world->other_counters, id,
                        (dice >> 24) % 2 ? badge : NULL, &command};
        furrow_status status = wear(&self, arena, &mine, &error);
        ck_assert_msg(status == FURROW_OK || status == FURROW_ALREADY_EXISTS || status == FURROW_ABORTED, "%s: %s",
                      furrow_status_name(status), error.text);
        furrow_claim_request request = claim(world, self.holders, badge, id, &command);
        if (!self.badge) (void)!furrow_claim_release(&request, arena, &error);
    }
    movers_running--;
}

/* Replays the log in its order and looks at every moment. */
static void check_history(log_world *world)
{
    char wears[PEOPLE][16] = {{0}};
    furrow_js_stream_state about;
    log_must(furrow_js_stream_info(world->link, log_counter.stream, log_soon(), &about, &err), &err);
    for (uint64_t seq = about.first_seq; seq <= about.last_seq; seq++) {
        furrow_js_stored stored;
        FURROW_AUTO(furrow_arena) arena = furrow_arena_create(0);
        furrow_status status = furrow_js_get(world->link, log_counter.stream, seq, log_soon(), arena, &stored, &err);
        if (status == FURROW_NOT_FOUND) continue;
        log_must(status, &err);
        test_counter *counter = logtest__v1__counter__unpack(NULL, stored.data.len, stored.data.data);
        int who = atoi(furrow_subject_last(stored.subject) + 1);
        snprintf(wears[who], sizeof wears[who], "%s", stored.data.len ? counter->badge : "");
        logtest__v1__counter__free_unpacked(counter, NULL);
        for (int other = 0; other < PEOPLE; other++)
            ck_assert_msg(other == who || !wears[who][0] || strcmp(wears[who], wears[other]) != 0,
                          "at %llu both m%d and m%d hold %s", (unsigned long long)seq, who, other, wears[who]);
    }
}

static void random_moves(log_world *world)
{
    furrow_msg *reply;
    char body[] = "{\"name\":\"COUNTER\",\"subjects\":[\"logtest.v1.Counter.*\"],\"retention\":\"limits\",\"max_"
                  "consumers\":-1,\"max_msgs\":-1,"
                  "\"max_bytes\":-1,\"max_age\":0,\"max_msgs_per_subject\":1000,\"max_msg_size\":-1,\"discard\":"
                  "\"old\",\"storage\":\"file\","
                  "\"num_replicas\":1,\"duplicate_window\":100000000}";
    furrow_outgoing update = {.subject = "$JS.API.STREAM.UPDATE.COUNTER", .data = furrow_bytes_of(body)};
    log_must(furrow_link_request(world->link, &update, log_soon(), &reply, &err), &err);
    furrow_msg_free(reply);
    takers.world = world;
    movers_running = PEOPLE;
    for (uintptr_t i = 0; i < PEOPLE; i++) log_must(furrow_loop_spawn(world->loop, mover, (void *)i, &err), &err);
    ck_assert(FURROW_TEST_EVENTUALLY_IN_TASK(movers_running == 0, 80000));
    check_history(world);
}

START_TEST(at_no_moment_of_the_log_two_hold_the_same_value)
{
    log_run(random_moves);
}
END_TEST

/* ---- child processes ---- */

static const char *child_part;

static void child_body(log_world *world)
{
    if (strcmp(child_part, "die") == 0) {
        furrow_command command = log_command();
        wearing self = {world, world->counters, "mort", "B-17", &command, die};
        log_must(wear(&self, world->arena, &written, &err), &err);
        return;
    }
    run_takers(world, child_part, TAKERS);
    printf("won %d refused %d\n", takers.won, takers.refused);
}

/* A test too, since check's assertions work nowhere else. */
START_TEST(child)
{
    log_run_child(getenv("CLAIM_NATS"), getenv("CLAIM_REDIS"), child_body);
}
END_TEST

static int run_child(void)
{
    Suite *suite = suite_create("child");
    TCase *cases = tcase_create("child");
    tcase_set_timeout(cases, 90);
    tcase_add_test(cases, child);
    suite_add_tcase(suite, cases);
    return log_main(suite);
}

int main(void)
{
    child_part = getenv("CLAIM_CHILD");
    if (child_part) return run_child();
    Suite *suite = suite_create("claim");
    TCase *cases = tcase_create("claim");
    tcase_set_timeout(cases, 90);
    tcase_add_test(cases, of_100_takers_over_two_links_one_gets_the_value);
    tcase_add_test(cases, of_300_takers_in_three_processes_one_gets_the_value);
    tcase_add_test(cases, a_claim_that_was_poisoned_still_holds);
    tcase_add_test(cases, a_value_is_held_given_back_and_taken_by_another);
    tcase_add_test(cases, a_value_that_was_given_up_is_taken_over_at_once);
    tcase_add_test(cases, a_taker_that_dies_half_way_is_fenced_and_replaced);
    tcase_add_test(cases, a_slow_taker_cannot_write_what_another_has_taken_over);
    tcase_add_test(cases, a_late_release_leaves_a_claim_that_was_taken_again);
    tcase_add_test(cases, at_no_moment_of_the_log_two_hold_the_same_value);
    suite_add_tcase(suite, cases);
    return log_main(suite);
}
