/*
 * The write path when things break: the ack that does not come (a proxy before nats-server loses it, or the request,
 * and then cuts the connection), the server that is killed, Redis away, records in doubt.
 */
#include "log_proxy.h"
#include "log_world.h"

#include "base/loop.h"
#include "store/trust.h"

/* For a command to get as far as its ack on a busy machine, when it is to end for want of time. */
#define ENOUGH_MS 2000

typedef struct command_run {
    log_world *world;
    furrow_command command;
    int64_t add;
    bool done;
    furrow_status status;
    furrow_written written;
    furrow_error err;
} command_run;

static furrow_error err;
static furrow_written written;

static void run_command(void *arg)
{
    command_run *run = arg;
    run->status =
        log_add(run->world->counters, run->world->arena, "c1", run->add, &run->command, &run->written, &run->err);
    run->done = true;
}

static void start(command_run *run)
{
    log_must(furrow_loop_spawn(run->world->loop, run_command, run, &err), &err);
}

static void await(command_run *run)
{
    ck_assert(FURROW_TEST_EVENTUALLY_IN_TASK(run->done, 20000));
}

/* The counter at 10, and `link` through the proxy. */
static test_proxy *begin(log_world *world)
{
    furrow_command command = log_command();
    test_proxy *proxy = test_proxy_start(furrow_test_server_port(world->nats));
    log_reconnect_through(world, test_proxy_url(proxy));
    log_must(log_set(world->counters, world->arena, "c1", 10, &command, &written, &err), &err);
    return proxy;
}

static void add_by_others(log_world *world, int times)
{
    furrow_command command = log_command();
    for (int i = 0; i < times; i++)
        log_must(log_add(world->other_counters, world->arena, "c1", 100, &command, &written, &err), &err);
}

static int64_t value_in_log(log_world *world)
{
    furrow_state state = log_newest(world, "c1");
    return log_value(&state);
}

/* The command's event is in the log, its ack is not with us. */
static void lose_the_ack(command_run *run, test_proxy *proxy)
{
    uint64_t before = log_newest(run->world, "c1").version;
    test_proxy_set(proxy, PROXY_LOSE_ANSWERS);
    start(run);
    ck_assert(FURROW_TEST_EVENTUALLY_IN_TASK(log_newest(run->world, "c1").version > before, 10000));
    ck_assert(!run->done);
}

/* Neither it nor its ack. */
static void lose_the_request(command_run *run, test_proxy *proxy)
{
    test_proxy_set(proxy, PROXY_LOSE_REQUESTS);
    start(run);
    ck_assert(FURROW_TEST_EVENTUALLY_IN_TASK(test_proxy_lost(proxy) > 0, 10000));
    ck_assert(!run->done);
}

static void ack_lost(log_world *world)
{
    test_proxy *proxy = begin(world);
    const furrow_command commands[] = {log_command(), log_keyed("k1", "add 1")};
    for (int i = 0; i < 2; i++) {
        command_run run = {.world = world, .command = commands[i], .add = 1};
        lose_the_ack(&run, proxy);
        test_proxy_cut(proxy);
        await(&run);
        log_must(run.status, &run.err);
        ck_assert(run.written.wrote && !run.written.repeated);
        ck_assert_int_eq(log_value(&run.written.state), 11 + i);
        ck_assert_int_eq(value_in_log(world), 11 + i);
        ck_assert_uint_eq(run.written.state.version, log_newest(world, "c1").version);
        ck_assert_uint_eq(run.written.state.version, log_load(world, "c1").version);
    }
    test_proxy_stop(proxy);
}

START_TEST(a_lost_ack_is_found_in_the_log)
{
    log_run(ack_lost);
}
END_TEST

static void request_lost(log_world *world)
{
    test_proxy *proxy = begin(world);
    const furrow_command commands[] = {log_command(), log_keyed("k1", "add 1")};
    for (int i = 0; i < 2; i++) {
        command_run run = {.world = world, .command = commands[i], .add = 1};
        lose_the_request(&run, proxy);
        test_proxy_cut(proxy);
        await(&run);
        log_must(run.status, &run.err);
        ck_assert(run.written.wrote);
        ck_assert_int_eq(value_in_log(world), 11 + i);
    }
    test_proxy_stop(proxy);
}

START_TEST(a_lost_event_is_published_again)
{
    log_run(request_lost);
}
END_TEST

static void overtaken_while_lost(log_world *world)
{
    test_proxy *proxy = begin(world);
    command_run run = {.world = world, .command = log_command(), .add = 1};
    lose_the_request(&run, proxy);
    add_by_others(world, 1);
    test_proxy_cut(proxy);
    await(&run);
    log_must(run.status, &run.err);
    ck_assert_int_eq(value_in_log(world), 111);
    ck_assert_int_eq(log_value(&run.written.state), 111);
    test_proxy_stop(proxy);
}

START_TEST(a_lost_event_that_was_overtaken_is_decided_again)
{
    log_run(overtaken_while_lost);
}
END_TEST

/* The log keeps three states: with two more ours is still there, with three it has gone. */
static void moved_on(log_world *world)
{
    test_proxy *proxy = begin(world);
    command_run run = {.world = world, .command = log_command(), .add = 1};
    lose_the_ack(&run, proxy);
    add_by_others(world, 2);
    test_proxy_cut(proxy);
    await(&run);
    log_must(run.status, &run.err);
    ck_assert(run.written.wrote);
    ck_assert_int_eq(log_value(&run.written.state), 11);
    ck_assert_int_eq(value_in_log(world), 211);

    run = (command_run){.world = world, .command = log_command(), .add = 1};
    lose_the_ack(&run, proxy);
    add_by_others(world, 3);
    test_proxy_cut(proxy);
    await(&run);
    ck_assert_int_eq(run.status, FURROW_DEADLINE_EXCEEDED);
    ck_assert(strstr(run.err.text, "may have been written"));

    run = (command_run){.world = world, .command = log_keyed("k1", "add 1"), .add = 1};
    lose_the_ack(&run, proxy);
    add_by_others(world, 3);
    log_await_window_closed(world);
    test_proxy_cut(proxy);
    await(&run);
    log_must(run.status, &run.err);
    ck_assert(run.written.repeated);
    ck_assert_int_eq(value_in_log(world), 211 + 1 + 300 + 1 + 300);
    test_proxy_stop(proxy);
}

START_TEST(a_lost_ack_is_settled_though_others_wrote_since_or_told_as_unknown)
{
    log_run(moved_on);
}
END_TEST

static void never_settled(log_world *world)
{
    test_proxy *proxy = begin(world);
    command_run run = {.world = world, .command = log_command(), .add = 1};
    run.command.deadline_ns = furrow_clock_now_ns() + ENOUGH_MS * FURROW_NS_PER_MS;
    lose_the_ack(&run, proxy);
    await(&run);
    ck_assert_int_eq(run.status, FURROW_DEADLINE_EXCEEDED);
    ck_assert_uint_lt(furrow_clock_now_ns(), run.command.deadline_ns + ENOUGH_MS * FURROW_NS_PER_MS);
    test_proxy_cut(proxy);
    test_proxy_stop(proxy);
}

START_TEST(what_cannot_be_settled_ends_at_the_deadline)
{
    log_run(never_settled);
}
END_TEST

/* ---- the server dies ---- */

#define WRITERS 60
typedef struct writer {
    log_world *world;
    int number, *running;
    bool keyed;
} writer;

static void write_until_done(void *arg)
{
    const writer *self = arg;
    furrow_error error = {0};
    furrow_written mine;
    char id[16], key[16];
    FURROW_AUTO(furrow_arena) arena = furrow_arena_create(0);
    snprintf(id, sizeof id, "w%d", self->number % 20);
    snprintf(key, sizeof key, "k%d", self->number);
    furrow_status status;
    do { /* what was not written is not hidden; what was, must not be written again */
        furrow_command command = self->keyed ? log_keyed(key, "add 1") : log_command();
        command.deadline_ns = furrow_clock_now_ns() + 30 * FURROW_NS_PER_S;
        status = log_add(self->world->counters, arena, id, 1, &command, &mine, &error);
        if (status == FURROW_UNAVAILABLE) furrow_task_sleep_ms(5);
    } while (status == FURROW_UNAVAILABLE || status == FURROW_ABORTED);
    ck_assert_msg(status == FURROW_OK, "%s: %s", furrow_status_name(status), error.text);
    --*self->running;
}

static void server_killed(log_world *world)
{
    for (int round = 0; round < 4; round++) {
        writer writers[WRITERS];
        int running = WRITERS;
        for (int i = 0; i < WRITERS; i++) {
            writers[i] = (writer){world, round * WRITERS + i, &running, i % 2};
            log_must(furrow_loop_spawn(world->loop, write_until_done, &writers[i], &err), &err);
        }
        ck_assert(
            FURROW_TEST_EVENTUALLY_IN_TASK(running <= WRITERS - 12 * round, 20000)); /* another moment each time */
        furrow_test_server_kill(world->nats);
        furrow_test_server_restart(world->nats);
        ck_assert(FURROW_TEST_EVENTUALLY_IN_TASK(running == 0, 40000));
    }
    ck_assert(furrow_link_wait_connected(world->other_link, log_soon()));
    int64_t sum = 0;
    for (int i = 0; i < 20; i++) {
        char id[16];
        snprintf(id, sizeof id, "w%d", i);
        furrow_state state = log_newest(world, id);
        sum += log_value(&state);
    }
    ck_assert_int_eq(sum, 4 * WRITERS);
}

START_TEST(commands_in_flight_while_the_server_is_killed_take_effect_once)
{
    log_run(server_killed);
}
END_TEST

static void nats_away(log_world *world)
{
    furrow_command command = log_command();
    furrow_test_server_stop(world->nats);
    ck_assert(FURROW_TEST_EVENTUALLY_IN_TASK(!furrow_link_connected(world->link), 10000));
    ck_assert_int_eq(log_set(world->counters, world->arena, "c1", 1, &command, &written, &err), FURROW_UNAVAILABLE);
    furrow_test_server_restart(world->nats);
}

START_TEST(without_nats_a_command_is_unavailable_at_once)
{
    log_run(nats_away);
}
END_TEST

/* ---- Redis ---- */

static furrow_status decide_and_kill_redis(void *arg, const furrow_state *current, furrow_arena *arena,
                                           furrow_decision *out, furrow_error *error)
{
    log_world *world = arg;
    test_counter *next = furrow_arena_memdup(arena, current->message, sizeof *next);
    next->value = 77;
    furrow_test_server_kill(world->redis);
    *out = (furrow_decision){.next = &next->base, .event = "changed"};
    return FURROW_OK;
}

static void redis_away(log_world *world)
{
    furrow_command command = log_command();
    log_must(log_set(world->counters, world->arena, "c1", 1, &command, &written, &err), &err);
    furrow_write write = {.id = "c1", .command = &command, .decide = decide_and_kill_redis, .arg = world};
    log_must(furrow_entity_write(world->counters, &write, world->arena, &written, &err), &err);
    ck_assert(written.wrote);
    ck_assert_int_eq(value_in_log(world), 77);
    ck_assert(FURROW_TEST_EVENTUALLY_IN_TASK(!furrow_store_connected(world->store), 10000));
    ck_assert_int_eq(log_add(world->counters, world->arena, "c1", 1, &command, &written, &err), FURROW_UNAVAILABLE);
    furrow_state state;
    ck_assert_int_eq(furrow_entity_load(world->counters, "c1", world->arena, &state, &err), FURROW_UNAVAILABLE);
    ck_assert_int_eq(value_in_log(world), 77);
    furrow_test_server_restart(world->redis);
    ck_assert(furrow_store_wait_connected(world->store, log_soon()));
    log_must(log_add(world->counters, world->arena, "c1", 1, &command, &written, &err), &err);
    ck_assert_int_eq(log_value(&written.state), 78);
}

START_TEST(after_the_ack_redis_does_not_matter_and_before_it_a_command_is_unavailable)
{
    log_run(redis_away);
}
END_TEST

static furrow_status decide_and_pause_redis(void *arg, const furrow_state *current, furrow_arena *arena,
                                            furrow_decision *out, furrow_error *error)
{
    log_world *world = arg;
    test_counter *next = furrow_arena_memdup(arena, current->message, sizeof *next);
    next->value = 77;
    furrow_test_server_pause(world->redis);
    *out = (furrow_decision){.next = &next->base, .event = "changed"};
    return FURROW_OK;
}

/* Over a store that would itself wait for longer than the test may take. */
static void redis_hangs(log_world *world)
{
    furrow_command command = log_command();
    furrow_store_options options = {.url = furrow_test_server_url(world->redis), .timeout_ms = 600000};
    furrow_store *store = furrow_store_create(world->loop, &options, &err);
    ck_assert(store && furrow_store_wait_connected(store, log_soon()));
    furrow_table *table = furrow_table_create(store, furrow_table_about(world->counter_table), &err);
    furrow_entity *counters = furrow_entity_create(
        &(furrow_entity_options){.contract = &log_counter, .link = world->link, .table = table, .service = "counting"},
        &err);
    ck_assert(table && counters);
    log_must(log_set(counters, world->arena, "c1", 1, &command, &written, &err), &err);
    furrow_write write = {.id = "c1", .command = &command, .decide = decide_and_pause_redis, .arg = world};
    log_must(furrow_entity_write(counters, &write, world->arena, &written, &err), &err);
    ck_assert(written.wrote && furrow_store_connected(store)); /* it did not wait for the store to give up */
    ck_assert_int_eq(value_in_log(world), 77);
    furrow_test_server_resume(world->redis);
    log_must(log_add(counters, world->arena, "c1", 1, &command, &written, &err), &err);
    ck_assert_int_eq(log_value(&written.state), 78);
    furrow_entity_destroy(counters);
    furrow_table_destroy(table);
    furrow_store_destroy(store);
}

START_TEST(after_the_ack_a_hung_redis_is_not_waited_for)
{
    log_run(redis_hangs);
}
END_TEST

/* ---- records in doubt ---- */

/* A command whose record Redis refuses as another build's, after its event is in the log. */
typedef struct doubt_run {
    log_world *world;
    furrow_table_guard guard;
    furrow_command command;
    bool doubted, done;
    furrow_status status;
    furrow_written written;
    furrow_error err;
} doubt_run;

/* As the replica does it, who then looks what the log has. */
static void on_doubt(furrow_table_guard *guard)
{
    doubt_run *run = (doubt_run *)(void *)((char *)guard - offsetof(doubt_run, guard));
    furrow_table_know_log(run->world->counter_table, false);
    run->doubted = true;
}

static void set_build(log_world *world, const char *build)
{
    const furrow_bytes argv[] = {FURROW_BYTES_LITERAL("SET"), FURROW_BYTES_LITERAL("counting:{Counter}:@build"),
                                 furrow_bytes_of(build)};
    log_must(furrow_store_command(world->store, argv, 3, world->arena, NULL, &err), &err);
}

static furrow_status decide_and_rebuild(void *arg, const furrow_state *current, furrow_arena *arena,
                                        furrow_decision *out, furrow_error *error)
{
    doubt_run *run = arg;
    test_counter *next = furrow_arena_memdup(arena, current->message, sizeof *next);
    next->value += 5;
    set_build(run->world, "b2 0 0 0");
    *out = (furrow_decision){.next = &next->base, .event = "changed"};
    return FURROW_OK;
}

static void run_into_doubt(void *arg)
{
    doubt_run *run = arg;
    furrow_write write = {.id = "c1", .command = &run->command, .decide = decide_and_rebuild, .arg = run};
    run->status = furrow_entity_write(run->world->counters, &write, run->world->arena, &run->written, &run->err);
    run->done = true;
}

static void trust_again(log_world *world)
{
    furrow_table_adopt(world->counter_table, "b1");
    furrow_table_trust(world->counter_table, furrow_store_generation(world->store));
}

/* The counter at 10, and a command in doubt that adds 5. */
static void come_into_doubt(doubt_run *run, log_world *world, uint64_t within_ms)
{
    *run = (doubt_run){.world = world, .guard.doubted = on_doubt, .command = log_command()};
    furrow_table_set_guard(world->counter_table, &run->guard);
    set_build(world, "b1 0 0 0");
    trust_again(world);
    furrow_table_know_log(world->counter_table, true);
    log_must(log_set(world->counters, world->arena, "c1", 10, &run->command, &written, &err), &err);
    run->command.deadline_ns = furrow_clock_now_ns() + within_ms * FURROW_NS_PER_MS;
    log_must(furrow_loop_spawn(world->loop, run_into_doubt, run, &err), &err);
    ck_assert(FURROW_TEST_EVENTUALLY_IN_TASK(run->doubted, 10000));
    ck_assert_int_eq(value_in_log(world), 15);
    ck_assert(!run->done);
}

static void end_doubt(doubt_run *run, furrow_status status, const char *says)
{
    ck_assert(FURROW_TEST_EVENTUALLY_IN_TASK(run->done, 20000));
    ck_assert_int_eq(run->status, status);
    ck_assert_msg(strstr(run->err.text, says) != NULL, "%s", run->err.text);
    furrow_table_set_guard(run->world->counter_table, NULL);
}

static void delete_newest(log_world *world)
{
    char body[64];
    furrow_msg *reply;
    furrow_outgoing out = {.subject = "$JS.API.STREAM.MSG.DELETE.COUNTER"};
    snprintf(body, sizeof body, "{\"seq\":%llu}", (unsigned long long)log_newest(world, "c1").version);
    out.data = furrow_bytes_of(body);
    log_must(furrow_link_request(world->link, &out, log_soon(), &reply, &err), &err);
    ck_assert_msg(memmem(reply->data.data, reply->data.len, "true", 4), "%.*s", (int)reply->data.len,
                  (const char *)reply->data.data);
    furrow_msg_free(reply);
}

/* UNAVAILABLE says that it may be run again: not of what is in the log. */
static void in_doubt(log_world *world)
{
    doubt_run run;
    come_into_doubt(&run, world, 10000); /* it is all there again */
    set_build(world, "b1 0 0 0");
    trust_again(world);
    furrow_table_know_log(world->counter_table, true);
    end_doubt(&run, FURROW_OK, "");
    furrow_state state = log_load(world, "c1");
    ck_assert_int_eq(log_value(&state), 15);
    ck_assert_uint_eq(state.version, run.written.state.version);

    come_into_doubt(&run, world, ENOUGH_MS); /* nobody can say what the log has */
    end_doubt(&run, FURROW_DEADLINE_EXCEEDED, "it may have been written");
    come_into_doubt(&run, world, ENOUGH_MS); /* the log has it, and the records stay another's */
    furrow_table_know_log(world->counter_table, true);
    end_doubt(&run, FURROW_DEADLINE_EXCEEDED, "it may have been written");
    come_into_doubt(&run, world, 10000); /* the log has lost it */
    delete_newest(world);
    furrow_table_know_log(world->counter_table, true);
    end_doubt(&run, FURROW_UNAVAILABLE, "nothing was written");
}

START_TEST(who_comes_into_doubt_is_told_what_the_log_has)
{
    log_run(in_doubt);
}
END_TEST

/* A link to Redis that breaks between a decision and its ack, and is there again soon after. */
typedef struct cut_run {
    log_world *world;
    furrow_store *other; /* reads what others read meanwhile */
    furrow_store_watch watch;
    furrow_table_guard guard;
    bool cut;
} cut_run;

static void doubted(furrow_table_guard *guard)
{
    ck_assert_ptr_nonnull(guard);
}

static void on_cut(furrow_store_watch *watch, bool connected)
{
    cut_run *run = (cut_run *)(void *)((char *)watch - offsetof(cut_run, watch));
    run->cut |= !connected;
    furrow_table_doubt(run->world->counter_table, "Redis was away");
    if (connected) trust_again(run->world);
}

static furrow_status decide_and_cut(void *arg, const furrow_state *current, furrow_arena *arena, furrow_decision *out,
                                    furrow_error *error)
{
    cut_run *run = arg;
    const furrow_bytes argv[] = {FURROW_BYTES_LITERAL("CLIENT"), FURROW_BYTES_LITERAL("KILL"),
                                 FURROW_BYTES_LITERAL("TYPE"), FURROW_BYTES_LITERAL("normal")};
    test_counter *next = furrow_arena_memdup(arena, current->message, sizeof *next);
    next->value += 5;
    log_must(furrow_store_command(run->other, argv, 4, arena, NULL, &err), &err);
    ck_assert(FURROW_TEST_EVENTUALLY_IN_TASK(run->cut, 10000));
    *out = (furrow_decision){.next = &next->base, .event = "changed"};
    return FURROW_OK;
}

static void link_cut(log_world *world)
{
    cut_run run = {.world = world, .watch.fn = on_cut, .guard.doubted = doubted};
    furrow_store_options options = {.url = furrow_test_server_url(world->redis)};
    run.other = furrow_store_create(world->loop, &options, &err);
    ck_assert(run.other && furrow_store_wait_connected(run.other, log_soon()));
    furrow_table *others = furrow_table_create(run.other, furrow_table_about(world->counter_table), &err);
    ck_assert_ptr_nonnull(others);
    furrow_table_set_guard(world->counter_table, &run.guard);
    set_build(world, "b1 0 0 0");
    trust_again(world);
    furrow_table_know_log(world->counter_table, true);
    furrow_store_watch_add(world->store, &run.watch);
    furrow_command command = log_command();
    command.deadline_ns = log_soon();
    log_must(log_set(world->counters, world->arena, "c1", 10, &command, &written, &err), &err);
    furrow_write write = {.id = "c1", .command = &command, .decide = decide_and_cut, .arg = &run};
    log_must(furrow_entity_write(world->counters, &write, world->arena, &written, &err), &err);
    furrow_record record;
    ck_assert(furrow_store_wait_connected(run.other, log_soon()));
    log_must(furrow_record_read_unverified(others, "c1", world->arena, &record, &err), &err);
    ck_assert_uint_eq(record.version, written.state.version);
    furrow_store_watch_remove(world->store, &run.watch);
    furrow_table_set_guard(world->counter_table, NULL);
    furrow_table_destroy(others);
    furrow_store_destroy(run.other);
}

START_TEST(ok_waits_for_the_record_when_our_link_alone_broke)
{
    log_run(link_cut);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("entity_faults");
    TCase *cases = tcase_create("entity_faults");
    tcase_set_timeout(cases, 90);
    tcase_add_test(cases, a_lost_ack_is_found_in_the_log);
    tcase_add_test(cases, a_lost_event_is_published_again);
    tcase_add_test(cases, a_lost_event_that_was_overtaken_is_decided_again);
    tcase_add_test(cases, a_lost_ack_is_settled_though_others_wrote_since_or_told_as_unknown);
    tcase_add_test(cases, what_cannot_be_settled_ends_at_the_deadline);
    tcase_add_test(cases, commands_in_flight_while_the_server_is_killed_take_effect_once);
    tcase_add_test(cases, without_nats_a_command_is_unavailable_at_once);
    tcase_add_test(cases, after_the_ack_redis_does_not_matter_and_before_it_a_command_is_unavailable);
    tcase_add_test(cases, after_the_ack_a_hung_redis_is_not_waited_for);
    tcase_add_test(cases, who_comes_into_doubt_is_told_what_the_log_has);
    tcase_add_test(cases, ok_waits_for_the_record_when_our_link_alone_broke);
    suite_add_tcase(suite, cases);
    return log_main(suite);
}
