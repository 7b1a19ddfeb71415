/* Reactions to a replica's changes: (before, now), at least once, in order per entity, over failures, crashes and two
 * processes. */
#include "replica_mesh.h"

#include "support/tempdir.h"

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#define SEEN_MAX 4096
#define NEVER_MS 3600000

/* What the handler of this process has seen. */
typedef struct seen_change {
    char id[16], before[32], now[32]; /* "" where there is none */
    uint64_t version;
} seen_change;

typedef struct log_of_changes {
    seen_change all[SEEN_MAX];
    size_t count;
    int fail;           /* so many calls are to fail first */
    const char *broken; /* and all calls for ids that begin so */
    furrow_status refusal;
    unsigned refused;
    size_t running, most;
    bool slow;
} log_of_changes;

static void copy_name(char out[32], const ProtobufCMessage *message)
{
    snprintf(out, 32, "%s", message ? ((const test_person_part *)message)->display_name : "");
}

static furrow_status note(void *user, const furrow_change *change, furrow_arena *arena, furrow_error *err)
{
    log_of_changes *log = user;
    (void)arena;
    if (log->broken && strncmp(change->id, log->broken, strlen(log->broken)) == 0) {
        log->refused++;
        return furrow_fail(err, log->refusal ? log->refusal : FURROW_UNAVAILABLE, "this one never works");
    }
    if (log->fail > 0 && log->fail--) return furrow_fail(err, FURROW_UNAVAILABLE, "not yet");
    log->running++;
    if (log->running > log->most) log->most = log->running;
    if (log->slow) furrow_task_sleep_ms(20);
    log->running--;
    ck_assert_uint_lt(log->count, SEEN_MAX);
    seen_change *seen = &log->all[log->count++];
    snprintf(seen->id, sizeof seen->id, "%s", change->id);
    copy_name(seen->before, change->before);
    copy_name(seen->now, change->now);
    seen->version = change->version;
    return FURROW_OK;
}

static const seen_change *last_of(const log_of_changes *log, const char *id)
{
    for (size_t i = log->count; i-- > 0;)
        if (strcmp(log->all[i].id, id) == 0) return &log->all[i];
    return NULL;
}

static bool arrived(const log_of_changes *log, const char *id, uint64_t version)
{
    const seen_change *seen = last_of(log, id);
    return seen && seen->version >= version;
}

static furrow_replica *reacting(test_mesh *mesh, log_of_changes *log)
{
    return mesh_replica(mesh, (furrow_replica_options){.react = note, .user = log});
}

/* Parked ones are tried again every @ms. */
static furrow_replica *retrying(test_mesh *mesh, log_of_changes *log, uint64_t ms)
{
    return mesh_replica(mesh, (furrow_replica_options){.react = note, .user = log, .parked_retry_ms = ms});
}

static void tells_before_and_now(test_mesh *mesh)
{
    static log_of_changes log;
    furrow_replica *replica = reacting(mesh, &log);
    mesh_await_ready(replica);
    uint64_t version = mesh_put(mesh, "e1", "Ana", 1);
    AWAIT(arrived(&log, "e1", version));
    ck_assert_str_eq(log.all[0].before, "");
    ck_assert_str_eq(log.all[0].now, "Ana");
    version = mesh_put(mesh, "e1", "Bo", 1);
    AWAIT(arrived(&log, "e1", version));
    ck_assert_str_eq(log.all[1].before, "Ana");
    ck_assert_str_eq(log.all[1].now, "Bo");
    version = mesh_delete(mesh, "e1");
    AWAIT(arrived(&log, "e1", version));
    ck_assert_str_eq(log.all[2].before, "Bo");
    ck_assert_str_eq(log.all[2].now, "");
    ck_assert_uint_eq(log.count, 3);
    mesh_end(replica);
}

START_TEST(a_handler_gets_before_and_now)
{
    mesh_run(NULL, tells_before_and_now);
}
END_TEST

/* Each call begins where one of before ended, and versions of an entity only grow. */
static void check_chain(const log_of_changes *log, const char *id)
{
    const char *state = "";
    uint64_t version = 0;
    for (size_t i = 0; i < log->count; i++) {
        const seen_change *seen = &log->all[i];
        if (strcmp(seen->id, id) != 0) continue;
        ck_assert_str_eq(seen->before, state);
        ck_assert_uint_gt(seen->version, version);
        state = seen->now;
        version = seen->version;
    }
}

static void keeps_order(test_mesh *mesh)
{
    static log_of_changes log = {.slow = true};
    furrow_replica *replica = reacting(mesh, &log);
    mesh_await_ready(replica);
    for (int round = 1; round <= 20; round++) mesh_put_many(mesh, "p", 0, 20, round);
    mesh_await_rest(mesh, "timesheet");
    uint64_t last = mesh_last_seq(mesh, "PERSON");
    for (int n = 0; n < 20; n++) {
        char id[16];
        snprintf(id, sizeof id, "p%d", n);
        AWAIT(arrived(&log, id, last - 19 + (uint64_t)n));
        check_chain(&log, id);
    }
    ck_assert_uint_gt(log.most, 1); /* several entities at once */
    ck_assert_uint_le(log.most, 32);
    mesh_end(replica);
}

START_TEST(one_entity_is_handled_in_order_and_several_at_once)
{
    mesh_run(NULL, keeps_order);
}
END_TEST

static void stays_within(test_mesh *mesh)
{
    static log_of_changes log = {.slow = true};
    furrow_replica *replica =
        mesh_replica(mesh, (furrow_replica_options){.react = note, .user = &log, .max_reactions = 3});
    mesh_await_ready(replica);
    mesh_put_many(mesh, "p", 0, 60, 1);
    AWAIT(log.count == 60);
    ck_assert_uint_gt(log.most, 1);
    ck_assert_uint_le(log.most, 3);
    mesh_end(replica);
}

START_TEST(so_many_reactions_run_at_once_as_are_allowed)
{
    mesh_run(NULL, stays_within);
}
END_TEST

static void tries_again(test_mesh *mesh)
{
    static log_of_changes log = {.fail = 3, .broken = "bad"};
    furrow_replica *replica = reacting(mesh, &log);
    mesh_await_ready(replica);
    mesh_put(mesh, "bad", "Zoe", 1);
    uint64_t version = mesh_put(mesh, "e1", "Ana", 1);
    AWAIT(arrived(&log, "e1", version));
    furrow_replica_stats stats;
    furrow_replica_stats_of(replica, &stats);
    ck_assert_uint_ge(stats.reaction_failures, 3);
    AWAIT(strstr(furrow_replica_describe(replica), "this one never works"));
    ck_assert(mesh_ready(replica));
    uint64_t many = mesh_last_seq(mesh, "PERSON") + 500;
    mesh_put_many(mesh, "p", 0, 500, 1); /* what fails holds up nobody else */
    AWAIT(arrived(&log, "p499", many));
    log.broken = NULL;
    AWAIT(last_of(&log, "bad"));
    ck_assert_str_eq(last_of(&log, "bad")->now, "Zoe");
    mesh_end(replica);
}

START_TEST(a_failing_reaction_is_tried_again_and_holds_up_nobody)
{
    mesh_run(NULL, tries_again);
}
END_TEST

/* The letter of @id's parked reaction as it lies in the stream. */
static furrow_js_stored letter_of(test_mesh *mesh, furrow_arena *arena, const char *id, uint64_t version)
{
    furrow_js_stored letter = {0};
    char subject[64], sequence[24];
    furrow_error err = {0};
    ck_assert_int_eq(furrow_js_get_last(mesh->link, "DEADLETTER", "deadletter.timesheet.PERSON",
                                        furrow_clock_now_ns() + 10 * FURROW_NS_PER_S, arena, &letter, &err),
                     FURROW_OK);
    snprintf(subject, sizeof subject, "replicatest.v1.Person.%s", id);
    snprintf(sequence, sizeof sequence, "%llu", (unsigned long long)version);
    ck_assert_str_eq(furrow_js_stored_header(&letter, "Furrow-Subject", arena), subject);
    ck_assert_str_eq(furrow_js_stored_header(&letter, "Furrow-Sequence", arena), sequence);
    ck_assert_uint_eq(letter.data.len, 0);
    return letter;
}

/* What will not pass is not tried for ever: told once, then left alone until the entity changes. */
static void is_parked(test_mesh *mesh)
{
    static const furrow_status refusals[] = {FURROW_DATA_LOSS, FURROW_INVALID_ARGUMENT, FURROW_INTERNAL,
                                             FURROW_NOT_FOUND};
    static log_of_changes log = {.broken = "bad"};
    furrow_replica *replica = retrying(mesh, &log, NEVER_MS);
    FURROW_AUTO(furrow_arena) arena = furrow_arena_create(0);
    furrow_replica_stats stats = {0};
    mesh_await_ready(replica);
    for (size_t i = 0; i < sizeof refusals / sizeof *refusals; i++) {
        char name[16];
        snprintf(name, sizeof name, "Zoe %zu", i);
        log.refusal = refusals[i];
        uint64_t version = mesh_put(mesh, "bad", name, 1);
        AWAIT((furrow_replica_stats_of(replica, &stats), stats.parked == i + 1));
        ck_assert_uint_eq(log.refused, (i + 1) * FURROW_REACTION_TRIES);
        furrow_js_stored letter = letter_of(mesh, arena, "bad", version);
        const char *reason = furrow_js_stored_header(&letter, "Furrow-Reason", arena);
        ck_assert_msg(strstr(reason, "this one never works") && strstr(reason, furrow_status_name(refusals[i])), "%s",
                      reason);
        ck_assert_ptr_nonnull(strstr(furrow_replica_last_letter(replica), "this one never works"));
    }
    uint64_t version = mesh_put(mesh, "e1", "Ana", 1);
    AWAIT(arrived(&log, "e1", version));
    ck_assert_uint_eq(log.refused, sizeof refusals / sizeof *refusals * FURROW_REACTION_TRIES);
    log.broken = NULL;
    version = mesh_put(mesh, "bad", "Bo", 1);
    AWAIT(arrived(&log, "bad", version));
    ck_assert(mesh_ready(replica));
    mesh_end(replica);
}

START_TEST(a_reaction_that_will_never_work_is_parked_and_told)
{
    mesh_run(NULL, is_parked);
}
END_TEST

/* The reason goes away and the entity does not change: by the clock, and at the next start, it runs all the same. */
static void runs_when_it_can(test_mesh *mesh)
{
    static log_of_changes log = {.broken = "bad", .refusal = FURROW_DATA_LOSS};
    furrow_replica_stats stats = {0};
    furrow_replica *replica = retrying(mesh, &log, 100);
    mesh_await_ready(replica);
    uint64_t first = mesh_put(mesh, "bad", "Zoe", 1);
    AWAIT(log.refused >= FURROW_REACTION_TRIES + 3);
    furrow_replica_stats_of(replica, &stats);
    ck_assert_uint_eq(stats.parked, 1);
    ck_assert_uint_eq(mesh_last_seq(mesh, "DEADLETTER"), 1); /* told once */
    log.broken = NULL;
    AWAIT(arrived(&log, "bad", first));
    ck_assert_uint_eq(log.count, 1);
    log.broken = "bad";
    uint64_t second = mesh_put(mesh, "bad", "Bo", 1);
    AWAIT((furrow_replica_stats_of(replica, &stats), stats.parked == 2));
    mesh_end(replica);
    unsigned before = log.refused;
    replica = retrying(mesh, &log, NEVER_MS);
    AWAIT((furrow_replica_stats_of(replica, &stats), stats.parked == 1)); /* of this process, which was told, too */
    ck_assert_uint_eq(log.refused, before + 1);
    ck_assert_ptr_nonnull(strstr(furrow_replica_last_letter(replica), "this one never works"));
    mesh_end(replica);
    log.broken = NULL;
    replica = retrying(mesh, &log, NEVER_MS);
    AWAIT(arrived(&log, "bad", second));
    ck_assert_uint_eq(log.count, 2);
    ck_assert_str_eq(last_of(&log, "bad")->now, "Bo");
    ck_assert_str_eq(last_of(&log, "bad")->before, "");
    ck_assert_uint_eq(mesh_last_seq(mesh, "DEADLETTER"), 2);
    mesh_end(replica);
}

START_TEST(a_parked_reaction_runs_when_its_reason_is_gone)
{
    mesh_run(NULL, runs_when_it_can);
}
END_TEST

/* More than there is room for at once: each comes to its end all the same. */
static void all_are_parked(test_mesh *mesh)
{
    enum { MANY = 600 };
    static log_of_changes log = {.broken = "p", .refusal = FURROW_INTERNAL};
    furrow_replica *replica = reacting(mesh, &log);
    furrow_replica_stats stats = {0};
    mesh_await_ready(replica);
    mesh_put_many(mesh, "p", 0, MANY, 1);
    AWAIT((furrow_replica_stats_of(replica, &stats), stats.parked >= MANY));
    ck_assert_uint_eq(mesh_last_seq(mesh, "DEADLETTER"), MANY);
    uint64_t version = mesh_put(mesh, "e1", "Ana", 1);
    AWAIT(arrived(&log, "e1", version));
    mesh_end(replica);
}

START_TEST(reactions_that_all_fail_are_all_parked)
{
    mesh_run(NULL, all_are_parked);
}
END_TEST

/* A reason that may pass is waited for, but not for ever; what was given up runs when it is asked for, on the newest. */
static void gives_up_in_time(test_mesh *mesh)
{
    static log_of_changes log = {.broken = "bad"};
    furrow_replica *replica =
        mesh_replica(mesh, (furrow_replica_options){.react = note, .user = &log, .reaction_patience_ms = 500});
    FURROW_AUTO(furrow_arena) arena = furrow_arena_create(0);
    furrow_replica_stats stats = {0};
    uint64_t again = 0;
    furrow_error err = {0};
    mesh_await_ready(replica);
    uint64_t version = mesh_put(mesh, "bad", "Zoe", 1);
    AWAIT((furrow_replica_stats_of(replica, &stats), stats.parked == 1));
    furrow_js_stored letter = letter_of(mesh, arena, "bad", version);
    ck_assert_str_eq(furrow_js_stored_header(&letter, "Furrow-Kind", arena), "reaction");
    ck_assert_ptr_nonnull(strstr(furrow_js_stored_header(&letter, "Furrow-Reason", arena), "seconds: UNAVAILABLE"));
    ck_assert_str_eq(furrow_replica_notice(replica), "");
    log.broken = NULL;
    const char *subject = "replicatest.v1.Person.bad";
    uint64_t deadline = furrow_clock_now_ns() + 10 * FURROW_NS_PER_S;
    ck_assert_int_eq(furrow_replica_redo(replica, subject, true, deadline, &again, &err), FURROW_OK);
    ck_assert_uint_eq(again, version);
    AWAIT(arrived(&log, "bad", version));
    ck_assert_str_eq(last_of(&log, "bad")->before, "");
    ck_assert_str_eq(last_of(&log, "bad")->now, "Zoe");
    mesh_end(replica);
}

START_TEST(a_reaction_is_given_up_in_time_and_runs_again_when_asked_for)
{
    mesh_run(NULL, gives_up_in_time);
}
END_TEST

static furrow_status no_zoes(const ProtobufCMessage *person, furrow_error *err)
{
    if (strcmp(((const test_person_part *)person)->display_name, "Zoe") != 0) return FURROW_OK;
    return furrow_fail_field(err, "display_name", "is Zoe");
}

/* A state that breaks the rules: no handler sees it, neither as now nor as before. */
static void is_not_seen(test_mesh *mesh)
{
    static log_of_changes log;
    furrow_replica_stats stats = {0};
    furrow_replica *replica =
        mesh_replica(mesh, (furrow_replica_options){.react = note, .rules = no_zoes, .user = &log});
    FURROW_AUTO(furrow_arena) arena = furrow_arena_create(0);
    mesh_await_ready(replica);
    uint64_t version = mesh_put(mesh, "e1", "Ana", 1);
    AWAIT(arrived(&log, "e1", version));
    version = mesh_put(mesh, "e1", "Zoe", 1);
    uint64_t other = mesh_put(mesh, "e2", "Bo", 1);
    AWAIT((furrow_replica_stats_of(replica, &stats), stats.parked == 1));
    AWAIT(arrived(&log, "e2", other));
    furrow_js_stored letter = letter_of(mesh, arena, "e1", version);
    ck_assert_ptr_nonnull(strstr(furrow_js_stored_header(&letter, "Furrow-Reason", arena), "display_name: is Zoe"));
    ProtobufCMessage *person = NULL;
    furrow_error err = {0};
    ck_assert_int_eq(furrow_replica_get(replica, "e1", arena, &person, NULL, &err), FURROW_DATA_LOSS);
    ck_assert_int_eq(furrow_replica_get(replica, "e2", arena, &person, NULL, &err), FURROW_OK);
    version = mesh_put(mesh, "e1", "Eva", 1);
    AWAIT(arrived(&log, "e1", version));
    ck_assert_str_eq(last_of(&log, "e1")->now, "Eva");
    ck_assert_str_eq(last_of(&log, "e1")->before, "");
    ck_assert_uint_eq(log.count, 3);
    mesh_end(replica);
}

START_TEST(a_state_that_breaks_a_rule_reaches_no_handler)
{
    mesh_run(NULL, is_not_seen);
}
END_TEST

/* In a child: a line per call into MESH_FILE; then it may hang, to be killed before it has returned. */
static furrow_status note_in_file(void *user, const furrow_change *change, furrow_arena *arena, furrow_error *err)
{
    (void)user;
    (void)arena;
    char line[64];
    int file = open(getenv("MESH_FILE"), O_WRONLY | O_APPEND | O_CREAT, 0600);
    int len = snprintf(line, sizeof line, "%s %llu\n", change->id, (unsigned long long)change->version);
    bool written = file >= 0 && write(file, line, (size_t)len) == len;
    if (file >= 0) close(file);
    while (getenv("MESH_HANG")) furrow_task_sleep_ms(1000);
    return written ? FURROW_OK : furrow_fail(err, FURROW_INTERNAL, "cannot write");
}

static bool file_has(const char *path, const char *text)
{
    char *all = furrow_test_read_file(path);
    bool has = strstr(all, text) != NULL;
    free(all);
    return has;
}

static void outlives_a_crash(test_mesh *mesh)
{
    static log_of_changes log;
    char path[256], name[300];
    snprintf(path, sizeof path, "%s/seen", furrow_test_tempdir());
    snprintf(name, sizeof name, "MESH_FILE=%s", path);
    mesh_put(mesh, "e1", "Ana", 1);
    furrow_test_process *child = mesh_child(mesh, "child", (const char *[]){name, "MESH_HANG=1", NULL});
    AWAIT(file_has(path, "e1 1\n"));
    mesh_await_rest(mesh, "timesheet"); /* the event itself is applied and acked */
    furrow_test_process_signal(child, SIGKILL);
    furrow_test_process_destroy(child);
    furrow_replica *replica =
        mesh_replica(mesh, (furrow_replica_options){.instance = "child", .react = note, .user = &log});
    AWAIT(arrived(&log, "e1", 1));
    ck_assert_str_eq(log.all[0].before, "");
    ck_assert_str_eq(log.all[0].now, "Ana");
    mesh_end(replica);
}

START_TEST(a_reaction_cut_short_by_a_crash_runs_again)
{
    mesh_run(NULL, outlives_a_crash);
}
END_TEST

static size_t lines_in(const char *path)
{
    char *all = furrow_test_read_file(path);
    size_t lines = 0;
    for (const char *at = all; *at; at++) lines += *at == '\n';
    free(all);
    return lines;
}

static void shares_the_work(test_mesh *mesh)
{
    static log_of_changes log;
    char path[256], name[300];
    snprintf(path, sizeof path, "%s/seen", furrow_test_tempdir());
    snprintf(name, sizeof name, "MESH_FILE=%s", path);
    furrow_replica *replica = reacting(mesh, &log);
    furrow_test_process *child = mesh_child(mesh, "child", (const char *[]){name, NULL});
    mesh_await_ready(replica);
    ck_assert(furrow_test_process_wait_for(child, "child ready", 20000));
    mesh_put_many(mesh, "p", 0, 1000, 1);
    AWAIT(log.count + lines_in(path) >= 1000);
    for (int n = 0; n < 1000; n++) {
        char id[16], line[24];
        snprintf(id, sizeof id, "p%d", n);
        snprintf(line, sizeof line, "p%d ", n);
        ck_assert_msg(last_of(&log, id) || file_has(path, line), "nobody reacted to %s", id);
    }
    ck_assert_uint_eq(log.count + lines_in(path), 1000); /* and in fair weather each once */
    furrow_test_process_destroy(child);
    mesh_end(replica);
}

START_TEST(two_processes_share_the_reactions)
{
    mesh_run(NULL, shares_the_work);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("reaction");
    TCase *tests = tcase_create("reaction");
    tcase_set_timeout(tests, 90);
    tcase_add_test(tests, a_handler_gets_before_and_now);
    tcase_add_test(tests, one_entity_is_handled_in_order_and_several_at_once);
    tcase_add_test(tests, so_many_reactions_run_at_once_as_are_allowed);
    tcase_add_test(tests, a_failing_reaction_is_tried_again_and_holds_up_nobody);
    tcase_add_test(tests, a_reaction_that_will_never_work_is_parked_and_told);
    tcase_add_test(tests, a_parked_reaction_runs_when_its_reason_is_gone);
    tcase_add_test(tests, reactions_that_all_fail_are_all_parked);
    tcase_add_test(tests, a_reaction_is_given_up_in_time_and_runs_again_when_asked_for);
    tcase_add_test(tests, a_state_that_breaks_a_rule_reaches_no_handler);
    tcase_add_test(tests, a_reaction_cut_short_by_a_crash_runs_again);
    tcase_add_test(tests, two_processes_share_the_reactions);
    suite_add_tcase(suite, tests);
    return mesh_main(suite, note_in_file);
}
