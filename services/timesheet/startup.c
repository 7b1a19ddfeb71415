/* What the timesheet service has of its own beside its contract: the farm's time zone, and when its days begin. */
#include "timesheet/clock.h"
#include "timesheet/v1/timesheet.server.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static const furrow_setting settings[] = {
    {"FURROW_TIME_ZONE", FURROW_SETTING_TEXT, offsetof(clock_settings, time_zone), "UTC", 0, 0,
     "the farm's time zone, as America/Los_Angeles"},
    {"FURROW_DAY_START_HOUR", FURROW_SETTING_NUMBER, offsetof(clock_settings, day_start_hour), "4", 0, 23,
     "local hour at which a working day begins"},
};

static bool is_zone_file(const char *path)
{
    char magic[4];
    FILE *file = fopen(path, "rb");
    bool is_zone = file && fread(magic, 1, sizeof magic, file) == sizeof magic && memcmp(magic, "TZif", 4) == 0;
    if (file) fclose(file);
    return is_zone;
}

/* A zone that the C library cannot read would silently be UTC: what is looked at here is the very file it is to read. */
static furrow_status set_time_zone(furrow_error *err)
{
    char path[160];
    const char *zone = clock_config.time_zone;
    bool utc = strcmp(zone, "UTC") == 0;
    int len = snprintf(path, sizeof path, "/usr/share/zoneinfo/%s", zone);
    if (!utc && (len >= (int)sizeof path || strstr(zone, "..") || !is_zone_file(path)))
        return furrow_fail(err, FURROW_INVALID_ARGUMENT,
                           "FURROW_TIME_ZONE is \"%s\": no such zone on this machine (is tzdata installed?)", zone);
    setenv("TZ", utc ? zone : path, 1);
    tzset();
    return FURROW_OK;
}

const furrow_startup timesheet_startup = {
    .settings = settings,
    .setting_count = sizeof settings / sizeof *settings,
    .settings_into = &clock_config,
    .prepare = set_time_zone,
};
