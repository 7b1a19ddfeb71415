/* What a replica does about what it sees: each row of the verdict's table, and that the more serious one wins. */
#include "replica/verdict.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SHAPE  "0123456789abcdef0123456789abcdef"
#define OTHER  "ffffffffffffffffffffffffffffffff"
#define RUN    "1111111111111111111111111111111111111111"
#define NEWRUN "2222222222222222222222222222222222222222"

/* A process in the middle of its life: all is well. */
static furrow_sight well(void)
{
    return (furrow_sight){
        .shape = SHAPE,
        .settled = true,
        .marker = {.found = true, .shape = SHAPE, .epoch_ns = 7, .position = 100, .run_id = RUN, .tally = RUN " 0"},
        .stream = {.created_ns = 7, .first_seq = 1, .last_seq = 120, .messages = 120},
        .tally = RUN " 0",
        .epoch = {.begun = 7, .whole = true},
        .loss = FURROW_LOSS_WAIT,
        .loss_anew = FURROW_LOSS_WAIT,
        .run_id = RUN,
        .seen_run_id = RUN,
        .seen_tally = RUN " 0",
        .seen_position = 100,
    };
}

static furrow_sight well_at_start(void)
{
    furrow_sight sight = well();
    sight.settled = false;
    sight.seen_run_id[0] = sight.seen_tally[0] = '\0';
    sight.seen_position = 0;
    return sight;
}

static void check_verdict(furrow_sight sight, furrow_verdict_kind kind, uint64_t from)
{
    furrow_verdict verdict = furrow_verdict_of(&sight);
    ck_assert_int_eq(verdict.kind, kind);
    ck_assert_uint_eq(verdict.from, from);
}

START_TEST(a_marker_that_fits_is_followed)
{
    check_verdict(well(), FURROW_VERDICT_FOLLOW, 100);
    check_verdict(well_at_start(), FURROW_VERDICT_FOLLOW, 100);
}
END_TEST

/* The owner's records in the shape that is there may be all that is left of what the log lost. */
START_TEST(an_owner_in_a_new_shape_looks_at_what_the_old_one_knows)
{
    furrow_sight sight = well_at_start();
    sight.own = true;
    sight.elder = sight.marker;
    sight.marker = (furrow_marker){0};
    check_verdict(sight, FURROW_VERDICT_REBUILD, 0);
    sight.elder.newest = 121;
    check_verdict(sight, FURROW_VERDICT_REFUSE, 0);
    sight.elder.newest = 0;
    sight.elder.epoch_ns = 8;
    check_verdict(sight, FURROW_VERDICT_REFUSE, 0);
    sight.loss = FURROW_LOSS_RESTORE;
    check_verdict(sight, FURROW_VERDICT_RESTORE, 0);
    sight.own = false;
    check_verdict(sight, FURROW_VERDICT_REBUILD, 0);
}
END_TEST

START_TEST(an_empty_redis_is_rebuilt)
{
    furrow_sight sight = well();
    sight.marker = (furrow_marker){0};
    check_verdict(sight, FURROW_VERDICT_REBUILD, 0);
    sight.own = true;
    check_verdict(sight, FURROW_VERDICT_REBUILD, 0);
}
END_TEST

START_TEST(another_shape_is_rebuilt_by_who_comes_and_left_alone_by_who_was_there)
{
    furrow_sight sight = well_at_start();
    strcpy(sight.marker.shape, OTHER);
    check_verdict(sight, FURROW_VERDICT_REBUILD, 0);
    sight.settled = true;
    check_verdict(sight, FURROW_VERDICT_YIELD, 0);
}
END_TEST

START_TEST(an_unfinished_rebuild_is_done_again_by_its_own_and_left_alone_by_others)
{
    furrow_sight sight = well();
    furrow_verdict_building(SHAPE, sight.marker.shape);
    ck_assert_str_ne(sight.marker.shape, SHAPE);
    check_verdict(sight, FURROW_VERDICT_REBUILD, 0);
    furrow_verdict_building(OTHER, sight.marker.shape);
    check_verdict(sight, FURROW_VERDICT_YIELD, 0);
    sight.settled = false;
    check_verdict(sight, FURROW_VERDICT_REBUILD, 0);
}
END_TEST

START_TEST(a_stream_made_again_is_rebuilt_but_an_owner_never_wipes_itself)
{
    furrow_sight sight = well();
    sight.stream.created_ns = sight.epoch.begun = 8;
    check_verdict(sight, FURROW_VERDICT_REBUILD, 0);
    sight.own = true;
    check_verdict(sight, FURROW_VERDICT_REFUSE, 0);
}
END_TEST

START_TEST(a_log_that_went_back_is_rebuilt_but_an_owner_never_wipes_itself)
{
    furrow_sight sight = well();
    sight.stream.last_seq = 99;
    check_verdict(sight, FURROW_VERDICT_REBUILD, 0);
    sight.own = true;
    check_verdict(sight, FURROW_VERDICT_REFUSE, 0);
    sight.stream.last_seq = 100;
    check_verdict(sight, FURROW_VERDICT_FOLLOW, 100);
}
END_TEST

START_TEST(a_log_that_has_less_than_was_written_went_back)
{
    furrow_sight sight = well();
    sight.marker.newest = 121;
    check_verdict(sight, FURROW_VERDICT_REBUILD, 0);
    sight.own = true;
    check_verdict(sight, FURROW_VERDICT_REFUSE, 0);
    sight.marker.newest = 120;
    check_verdict(sight, FURROW_VERDICT_FOLLOW, 100);
}
END_TEST

START_TEST(a_log_that_grew_again_after_it_went_back_is_told_by_its_event)
{
    furrow_sight sight = well();
    sight.marker.dated = 110;
    sight.marker.dated_ns = 1000;
    check_verdict(sight, FURROW_VERDICT_FOLLOW, 100); /* superseded, and all before it: says nothing */
    sight.event_seq = 110;
    sight.event_ns = 1000;
    check_verdict(sight, FURROW_VERDICT_FOLLOW, 100);
    sight.event_ns = 999; /* the same sequence is another event */
    check_verdict(sight, FURROW_VERDICT_REBUILD, 0);
    sight.event_ns = 1001;
    check_verdict(sight, FURROW_VERDICT_REBUILD, 0);
    sight.own = true;
    check_verdict(sight, FURROW_VERDICT_REFUSE, 0);
    sight.event_seq = 105; /* that one was superseded, and what is left before it is younger */
    check_verdict(sight, FURROW_VERDICT_REFUSE, 0);
    sight.event_ns = 1000; /* within the clock's step */
    check_verdict(sight, FURROW_VERDICT_FOLLOW, 100);
    sight.event_ns = 10;
    check_verdict(sight, FURROW_VERDICT_FOLLOW, 100);
}
END_TEST

START_TEST(a_log_that_grew_again_is_told_by_a_command_that_did_not_come_back)
{
    furrow_sight sight = well();
    sight.newest = FURROW_NEWEST_OURS;
    check_verdict(sight, FURROW_VERDICT_FOLLOW, 100);
    sight.newest = FURROW_NEWEST_OTHER;
    check_verdict(sight, FURROW_VERDICT_REBUILD, 0);
    sight.newest = FURROW_NEWEST_MISSING;
    check_verdict(sight, FURROW_VERDICT_REBUILD, 0);
    sight.own = true;
    check_verdict(sight, FURROW_VERDICT_REFUSE, 0);
    furrow_verdict_building(SHAPE, sight.marker.shape); /* not all is there yet, or some may be evicted */
    sight.loss = FURROW_LOSS_RESTORE;
    check_verdict(sight, FURROW_VERDICT_REBUILD, 0);
    sight.newest = FURROW_NEWEST_OTHER;
    check_verdict(sight, FURROW_VERDICT_RESTORE, 0);
}
END_TEST

/* An owner's, each way of what to do about it. */
START_TEST(an_owner_does_about_a_log_that_lost_something_what_it_is_told)
{
    static const furrow_verdict_kind kinds[] = {FURROW_VERDICT_RESTORE, FURROW_VERDICT_REFUSE, FURROW_VERDICT_ACCEPT};
    for (int mode = FURROW_LOSS_RESTORE; mode <= FURROW_LOSS_ACCEPT; mode++) {
        furrow_sight back = well(), anew = well();
        back.own = anew.own = true;
        back.loss = anew.loss_anew = (furrow_loss_mode)mode;
        back.stream.last_seq = 99;
        check_verdict(back, kinds[mode], 0);
        back.stream.last_seq = 120;
        back.epoch.begun = 6; /* it went back to before an epoch that the records are of */
        check_verdict(back, kinds[mode], 0);
        strcpy(back.run_id, NEWRUN);
        back.settled = false;
        strcpy(back.marker.shape, OTHER); /* what would be cleared is rescued first */
        check_verdict(back, kinds[mode], 0);
        anew.epoch.begun = anew.stream.created_ns = 8;
        check_verdict(anew, kinds[mode], 0);
    }
}
END_TEST

START_TEST(a_restore_that_was_begun_is_finished_by_the_owner_and_waited_for_by_others)
{
    furrow_sight sight = well();
    sight.epoch = (furrow_epoch){.begun = 9, .before = 7};
    sight.epoch_seq = 121;
    check_verdict(sight, FURROW_VERDICT_WAIT, 0);
    sight.own = true;
    check_verdict(sight, FURROW_VERDICT_RESTORE, 0);
    sight.marker = (furrow_marker){0}; /* Redis has nothing left to restore it from: then that is all */
    check_verdict(sight, FURROW_VERDICT_RESTORE, 0);
}
END_TEST

START_TEST(records_from_before_a_restored_log_are_built_again)
{
    furrow_sight sight = well();
    sight.epoch = (furrow_epoch){.begun = 9, .before = 7, .whole = true};
    sight.epoch_seq = 121;
    check_verdict(sight, FURROW_VERDICT_REBUILD, 0);
    sight.own = true;
    sight.loss = FURROW_LOSS_RESTORE;
    check_verdict(sight, FURROW_VERDICT_RESTORE, 0); /* out of others' records; these may have more */
    sight.epoch.accepted = true;
    check_verdict(sight, FURROW_VERDICT_REBUILD, 0);
    sight.epoch.accepted = false;
    sight.epoch.before = 8; /* there was another restore in between */
    check_verdict(sight, FURROW_VERDICT_REBUILD, 0);
    sight.marker.epoch_ns = 9;
    check_verdict(sight, FURROW_VERDICT_FOLLOW, 100);
}
END_TEST

START_TEST(a_restarted_redis_is_replayed_from_its_position)
{
    furrow_sight sight = well_at_start();
    strcpy(sight.run_id, NEWRUN);
    check_verdict(sight, FURROW_VERDICT_REPLAY, 100);
}
END_TEST

START_TEST(a_redis_restarted_under_us_is_replayed_from_the_older_position)
{
    furrow_sight sight = well();
    strcpy(sight.run_id, NEWRUN);
    sight.marker.position = 80; /* it lost its last writes */
    check_verdict(sight, FURROW_VERDICT_REPLAY, 80);
    sight.marker.position = 110; /* another process has mended it, not knowing what we had acked */
    strcpy(sight.marker.run_id, NEWRUN);
    check_verdict(sight, FURROW_VERDICT_REPLAY, 100);
}
END_TEST

static void check_evicted(furrow_sight sight, const char *run_id, const char *tally, furrow_verdict_kind kind)
{
    strcpy(sight.run_id, run_id);
    strcpy(sight.tally, tally);
    furrow_verdict verdict = furrow_verdict_of(&sight);
    ck_assert_msg(verdict.kind == kind, "%s after %s: %d", tally, sight.marker.tally, (int)verdict.kind);
    ck_assert_int_eq(furrow_verdict_lacks(&sight, &sight.marker), kind == FURROW_VERDICT_REBUILD);
}

START_TEST(a_redis_that_evicted_anything_since_is_built_again)
{
    furrow_sight sight = well_at_start();
    check_evicted(sight, RUN, RUN " 0", FURROW_VERDICT_FOLLOW);
    check_evicted(sight, RUN, RUN " 1", FURROW_VERDICT_REBUILD);
    check_evicted(sight, RUN, RUN " 0 1.60", FURROW_VERDICT_REBUILD); /* the count was reset */
    check_evicted(sight, NEWRUN, NEWRUN " 0", FURROW_VERDICT_REPLAY); /* an ordinary restart */
    check_evicted(sight, NEWRUN, NEWRUN " 3", FURROW_VERDICT_REBUILD);
    check_evicted(sight, NEWRUN, NEWRUN " 0 1.60", FURROW_VERDICT_REBUILD);
    check_evicted(sight, RUN, "", FURROW_VERDICT_FOLLOW); /* it does not say */
    strcpy(sight.marker.tally, RUN " 7 2.31");            /* built after it had evicted */
    check_evicted(sight, RUN, RUN " 7 2.31", FURROW_VERDICT_FOLLOW);
    check_evicted(sight, RUN, RUN " 7 1.31", FURROW_VERDICT_REBUILD);
    check_evicted(sight, RUN, RUN " 8 2.31", FURROW_VERDICT_REBUILD);
    sight.marker.tally[0] = '\0'; /* of before markers had one */
    check_evicted(sight, RUN, RUN " 0", FURROW_VERDICT_FOLLOW);
    check_evicted(sight, RUN, RUN " 1", FURROW_VERDICT_REBUILD);
}
END_TEST

START_TEST(a_redis_that_comes_back_as_it_was_before_it_was_seen_to_evict_is_built_again)
{
    furrow_sight sight = well();
    strcpy(sight.run_id, NEWRUN);
    strcpy(sight.tally, NEWRUN " 0");
    check_verdict(sight, FURROW_VERDICT_REPLAY, 100);
    strcpy(sight.seen_tally, RUN " 4");
    check_verdict(sight, FURROW_VERDICT_REBUILD, 0);
    strcpy(sight.marker.tally, NEWRUN " 0"); /* somebody else has built them anew there */
    check_verdict(sight, FURROW_VERDICT_REPLAY, 100);
}
END_TEST

START_TEST(a_consumer_of_a_log_that_is_no_more_is_told_by_who_found_it)
{
    furrow_sight sight = well();
    sight.untold = 200;
    sight.untold_from = sight.marker.position - 3; /* others have moved it on since, who did not know */
    check_verdict(sight, FURROW_VERDICT_REPLAY, sight.marker.position - 3);
    sight.untold_from = sight.marker.position;
    check_verdict(sight, FURROW_VERDICT_REPLAY, sight.marker.position);
}
END_TEST

START_TEST(a_starving_consumer_is_made_up_for)
{
    furrow_sight sight = well();
    sight.starving = true;
    check_verdict(sight, FURROW_VERDICT_REPLAY, 100);
}
END_TEST

START_TEST(wrong_records_come_before_missing_ones)
{
    furrow_sight sight = well();
    sight.stream.created_ns = sight.epoch.begun = 8;
    strcpy(sight.run_id, NEWRUN);
    check_verdict(sight, FURROW_VERDICT_REBUILD, 0);
    strcpy(sight.marker.shape, OTHER);
    check_verdict(sight, FURROW_VERDICT_YIELD, 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("verdict");
    TCase *tests = tcase_create("verdict");
    tcase_add_test(tests, a_marker_that_fits_is_followed);
    tcase_add_test(tests, an_owner_in_a_new_shape_looks_at_what_the_old_one_knows);
    tcase_add_test(tests, an_empty_redis_is_rebuilt);
    tcase_add_test(tests, another_shape_is_rebuilt_by_who_comes_and_left_alone_by_who_was_there);
    tcase_add_test(tests, an_unfinished_rebuild_is_done_again_by_its_own_and_left_alone_by_others);
    tcase_add_test(tests, a_stream_made_again_is_rebuilt_but_an_owner_never_wipes_itself);
    tcase_add_test(tests, a_log_that_went_back_is_rebuilt_but_an_owner_never_wipes_itself);
    tcase_add_test(tests, a_log_that_has_less_than_was_written_went_back);
    tcase_add_test(tests, a_log_that_grew_again_after_it_went_back_is_told_by_its_event);
    tcase_add_test(tests, a_log_that_grew_again_is_told_by_a_command_that_did_not_come_back);
    tcase_add_test(tests, an_owner_does_about_a_log_that_lost_something_what_it_is_told);
    tcase_add_test(tests, a_restore_that_was_begun_is_finished_by_the_owner_and_waited_for_by_others);
    tcase_add_test(tests, records_from_before_a_restored_log_are_built_again);
    tcase_add_test(tests, a_restarted_redis_is_replayed_from_its_position);
    tcase_add_test(tests, a_redis_restarted_under_us_is_replayed_from_the_older_position);
    tcase_add_test(tests, a_redis_that_evicted_anything_since_is_built_again);
    tcase_add_test(tests, a_redis_that_comes_back_as_it_was_before_it_was_seen_to_evict_is_built_again);
    tcase_add_test(tests, a_consumer_of_a_log_that_is_no_more_is_told_by_who_found_it);
    tcase_add_test(tests, a_starving_consumer_is_made_up_for);
    tcase_add_test(tests, wrong_records_come_before_missing_ones);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
