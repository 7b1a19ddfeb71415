/*
 * Which day a moment belongs to: in every zone of this machine's tzdata, at every hour that days can begin at, around
 * every change of the clocks from 2020 to 2040. What the clocks on the wall read is compared as text; no arithmetic on
 * local time is shared with what is tested.
 */
#include "window/window.h"

#include "base/clock.h"

#include <check.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define ZONES  "/usr/share/zoneinfo"
#define NS     ((int64_t)FURROW_NS_PER_S)
#define HOUR   ((int64_t)3600)
#define DAY    (24 * HOUR)
#define FROM_S INT64_C(1577836800) /* 2020-01-01 */
#define TO_S   INT64_C(2240611200) /* 2041-01-01 */

/* Zones share most of their changes: what days are around one depends on nothing else. */
typedef struct change {
    int64_t at_s;
    long before, after;
} change;

static change checked[8192];
static size_t checked_count;
static unsigned zone_count, change_count;

static void use_zone(const char *zone)
{
    setenv("TZ", zone, 1);
    tzset();
}

/* "2026-10-25 02:30:00", as the clocks of the zone read. */
static void read_clocks(int64_t at_s, char out[32])
{
    time_t at = (time_t)at_s;
    struct tm local;
    localtime_r(&at, &local);
    snprintf(out, 32, "%04d-%02d-%02d %02d:%02d:%02d", (local.tm_year + 1900) % 10000, local.tm_mon + 1, local.tm_mday,
             local.tm_hour, local.tm_min, local.tm_sec); /* strftime() would look at the zone's file each time */
}

static long offset_at(int64_t at_s)
{
    time_t at = (time_t)at_s;
    struct tm local;
    localtime_r(&at, &local);
    return local.tm_gmtoff;
}

/* Do the clocks at @at_s read the hour at which the day @date begins, or later? */
static bool has_begun(int64_t at_s, const char *date, int hour)
{
    char clocks[32], boundary[32];
    read_clocks(at_s, clocks);
    snprintf(boundary, sizeof boundary, "%.10s %02d:00:00", date, hour);
    return strcmp(clocks, boundary) >= 0;
}

static void is_same(const workday_window *a, const workday_window *b)
{
    ck_assert_str_eq(a->date, b->date);
    ck_assert_int_eq(a->start_ns, b->start_ns);
    ck_assert_int_eq(a->end_ns, b->end_ns);
}

/* It begins at the first moment whose clocks say so, and its id gives it back. */
static void check_window(const workday_window *window, int hour)
{
    char id[FURROW_ID_MAX + 1];
    workday_window again;
    int64_t start_s = window->start_ns / NS, midnight_s = furrow_timestamp_days(window->date) * DAY;
    ck_assert(has_begun(start_s, window->date, hour));
    ck_assert(!has_begun(start_s - 1, window->date, hour));
    workday_day_id("E1", window, id);
    ck_assert_int_eq(workday_window_of_id(id, hour, &again, NULL), FURROW_OK);
    is_same(window, &again);
    /* Within what the rules of states allow a day of this date. */
    ck_assert(start_s >= midnight_s - 14 * HOUR && window->end_ns / NS <= midnight_s + 60 * HOUR);
}

/* The days around a change follow each other, and each moment has one of them, in whatever order they are asked for. */
static void check_change(int64_t change_s, int hour)
{
    static const int64_t around[] = {-DAY,     -2 * HOUR - 1, -HOUR, -HOUR / 2, -1, 0,
                                     HOUR / 2, HOUR - 1,      HOUR,  3 * HOUR,  DAY};
    workday_window days[8];
    size_t count = 0;
    days[count] = workday_window_at((change_s - 2 * DAY) * NS, hour);
    while (days[count].end_ns <= (change_s + DAY) * NS) {
        ck_assert_uint_lt(count + 1, sizeof days / sizeof *days);
        days[count + 1] = workday_window_at(days[count].end_ns, hour);
        ck_assert_int_eq(days[count + 1].start_ns, days[count].end_ns);
        ck_assert_int_gt(furrow_timestamp_days(days[count + 1].date), furrow_timestamp_days(days[count].date));
        count++;
    }
    for (size_t i = 0; i <= count; i++) check_window(&days[i], hour);
    for (size_t i = 0; i < sizeof around / sizeof *around; i++) {
        size_t at = i * 7 % (sizeof around / sizeof *around), day = 0;
        int64_t moment_ns = (change_s + around[at]) * NS + (int64_t)(at % 2);
        workday_window window = workday_window_at(moment_ns, hour);
        while (day < count && moment_ns >= days[day].end_ns) day++;
        is_same(&window, &days[day]);
        for (size_t d = 0; d <= count; d++) /* no day has begun that the clocks have not read the beginning of */
            ck_assert(moment_ns >= days[d].start_ns || !has_begun(moment_ns / NS, days[d].date, hour));
    }
}

static bool is_checked(change found)
{
    for (size_t i = 0; i < checked_count; i++)
        if (checked[i].at_s == found.at_s && checked[i].before == found.before && checked[i].after == found.after)
            return true;
    ck_assert_uint_lt(checked_count, sizeof checked / sizeof *checked);
    checked[checked_count++] = found;
    return false;
}

static int check_zone(const char *path, const struct stat *stat, int type, struct FTW *walk)
{
    (void)stat, (void)walk;
    char magic[4] = "";
    if (type != FTW_F || strstr(path, "/right/")) return 0;
    FILE *file = fopen(path, "rb");
    bool zone = file && fread(magic, 1, sizeof magic, file) == sizeof magic && memcmp(magic, "TZif", 4) == 0;
    if (file) fclose(file);
    if (!zone) return 0;
    zone_count++;
    use_zone(path + sizeof ZONES);
    long before = offset_at(FROM_S);
    for (int64_t at_s = FROM_S; at_s < TO_S; at_s += 2 * DAY) {
        int64_t from_s = at_s, to_s = at_s + 2 * DAY; /* no zone changes its mind within two days */
        long after = offset_at(to_s);
        if (after == before) continue;
        while (to_s - from_s > 1) {
            int64_t middle_s = from_s + (to_s - from_s) / 2;
            *(offset_at(middle_s) == before ? &from_s : &to_s) = middle_s;
        }
        change_count++;
        bool is_new = !is_checked((change){.at_s = to_s, .before = before, .after = after});
        for (int hour = 0; is_new && hour < 24; hour++) check_change(to_s, hour);
        before = after;
    }
    return 0;
}

START_TEST(days_tile_time_in_all_zones_at_all_hours_around_every_change)
{
    ck_assert_int_eq(nftw(ZONES, check_zone, 16, FTW_PHYS), 0);
    ck_assert_msg(zone_count >= 300 && change_count >= 4000, "%u zones, %u changes: is tzdata whole?", zone_count,
                  change_count);
}
END_TEST

static int64_t utc_ns(int year, int month, int day, int hour, int minute)
{
    char date[16];
    snprintf(date, sizeof date, "%04d-%02d-%02d", year, month, day);
    return (furrow_timestamp_days(date) * DAY + hour * HOUR + minute * 60) * NS;
}

typedef struct known_day {
    const char *zone;
    int hour;
    int64_t at_ns;
    const char *date;
    int64_t start_ns;
    int half_hours; /* how long it is */
} known_day;

START_TEST(known_days_where_an_hour_comes_twice_or_not_at_all)
{
    const known_day known[] = {
        /* 02:30 comes twice on 25 October 2026: the day begins with the first 02:00, 00:00 in UTC. */
        {"Europe/Paris", 2, utc_ns(2026, 10, 25, 0, 30), "2026-10-25", utc_ns(2026, 10, 25, 0, 0), 50},
        {"Europe/Paris", 2, utc_ns(2026, 10, 25, 1, 30), "2026-10-25", utc_ns(2026, 10, 25, 0, 0), 50},
        {"Europe/Paris", 2, utc_ns(2026, 10, 24, 23, 59), "2026-10-24", utc_ns(2026, 10, 24, 0, 0), 48},
        {"Europe/Paris", 3, utc_ns(2026, 10, 25, 1, 30), "2026-10-24", utc_ns(2026, 10, 24, 1, 0), 50},
        /* There is no 02:00 on 29 March 2026: from 01:59 the clocks go to 03:00. */
        {"Europe/Paris", 2, utc_ns(2026, 3, 29, 1, 0), "2026-03-29", utc_ns(2026, 3, 29, 1, 0), 46},
        {"Europe/Paris", 2, utc_ns(2026, 3, 29, 0, 59), "2026-03-28", utc_ns(2026, 3, 28, 1, 0), 48},
        {"America/Los_Angeles", 1, utc_ns(2026, 11, 1, 9, 30), "2026-11-01", utc_ns(2026, 11, 1, 8, 0), 50},
        /* From midnight back to 23:00: that day does not come again. */
        {"America/Sao_Paulo", 0, utc_ns(2018, 2, 18, 2, 30), "2018-02-17", utc_ns(2018, 2, 17, 2, 0), 50},
        {"America/Sao_Paulo", 23, utc_ns(2018, 2, 18, 2, 30), "2018-02-17", utc_ns(2018, 2, 18, 1, 0), 50},
        /* From midnight to 01:00. */
        {"America/Havana", 0, utc_ns(2026, 3, 8, 5, 0), "2026-03-08", utc_ns(2026, 3, 8, 5, 0), 46},
        /* Half an hour, and two at once. */
        {"Australia/Lord_Howe", 2, utc_ns(2026, 10, 3, 15, 30), "2026-10-04", utc_ns(2026, 10, 3, 15, 30), 47},
        {"Antarctica/Troll", 2, utc_ns(2026, 3, 29, 1, 0), "2026-03-29", utc_ns(2026, 3, 29, 1, 0), 46},
        /* Samoa left out 30 December 2011; the first hours of the 31st are of the day before, as everywhere. */
        {"Pacific/Apia", 0, utc_ns(2011, 12, 30, 10, 0), "2011-12-31", utc_ns(2011, 12, 30, 10, 0), 48},
        {"Pacific/Apia", 4, utc_ns(2011, 12, 30, 10, 30), "2011-12-30", utc_ns(2011, 12, 30, 10, 0), 8},
        {"Pacific/Apia", 4, utc_ns(2011, 12, 30, 14, 0), "2011-12-31", utc_ns(2011, 12, 30, 14, 0), 48},
    };
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        use_zone(known[i].zone);
        workday_window window = workday_window_at(known[i].at_ns, known[i].hour);
        ck_assert_msg(strcmp(window.date, known[i].date) == 0, "%zu: %s", i, window.date);
        ck_assert_msg(window.start_ns == known[i].start_ns, "%zu: begins %lld s late", i,
                      (long long)((window.start_ns - known[i].start_ns) / NS));
        ck_assert_msg(window.end_ns - window.start_ns == known[i].half_hours * HOUR / 2 * NS, "%zu: %lld s long", i,
                      (long long)((window.end_ns - window.start_ns) / NS));
    }
}
END_TEST

START_TEST(a_date_that_a_zone_leaves_out_is_an_empty_day)
{
    workday_window left_out, before, after;
    use_zone("Pacific/Apia");
    ck_assert_int_eq(workday_window_of_id("E1_20111230", 0, &left_out, NULL), FURROW_OK);
    ck_assert_int_eq(left_out.start_ns, left_out.end_ns);
    before = workday_window_at(left_out.start_ns - 1, 0);
    after = workday_window_at(left_out.start_ns, 0);
    ck_assert_str_eq(before.date, "2011-12-29");
    ck_assert_str_eq(after.date, "2011-12-31");
    ck_assert_int_eq(before.end_ns, after.start_ns);
}
END_TEST

/* What mktime() was asked for last decides what it answers for an hour that comes twice. */
START_TEST(a_moment_has_the_same_day_whatever_was_asked_before)
{
    static const int64_t before_s[] = {INT64_C(1784000000) /* July */, INT64_C(1799000000) /* January */, 0};
    use_zone("Europe/Paris");
    for (int hour = 0; hour < 24; hour++) {
        int64_t at_ns = utc_ns(2026, 10, 25, 1, 30);
        workday_window first = workday_window_at(at_ns, hour);
        for (size_t i = 0; i < sizeof before_s / sizeof *before_s; i++) {
            struct tm other = {.tm_year = 126, .tm_mon = i ? 0 : 6, .tm_mday = 1, .tm_isdst = -1};
            (void)workday_window_at(before_s[i] * NS, hour);
            (void)mktime(&other);
            workday_window again = workday_window_at(at_ns, hour);
            is_same(&first, &again);
        }
    }
}
END_TEST

START_TEST(moments_before_1970_have_their_day)
{
    use_zone("UTC");
    ck_assert_str_eq(workday_window_at(-1, 0).date, "1969-12-31");
    ck_assert_str_eq(workday_window_at(0, 0).date, "1970-01-01");
    ck_assert_str_eq(workday_window_at(utc_ns(2000, 2, 29, 3, 59), 4).date, "2000-02-28");
    workday_window last;
    ck_assert_int_eq(workday_window_of_id("E1_22611231", 23, &last, NULL), FURROW_OK);
    ck_assert_int_eq(last.end_ns - last.start_ns, DAY * NS);
    ck_assert_int_eq(workday_window_of_id("E1_22620101", 0, &last, NULL), FURROW_INVALID_ARGUMENT);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("timesheet window");
    TCase *tests = tcase_create("days");
    tcase_set_timeout(tests, 600);
    tcase_add_test(tests, days_tile_time_in_all_zones_at_all_hours_around_every_change);
    tcase_add_test(tests, known_days_where_an_hour_comes_twice_or_not_at_all);
    tcase_add_test(tests, a_date_that_a_zone_leaves_out_is_an_empty_day);
    tcase_add_test(tests, a_moment_has_the_same_day_whatever_was_asked_before);
    tcase_add_test(tests, moments_before_1970_have_their_day);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed > 0;
}
