/* What the timesheet service has of its own beside its contract: the farm's time zone, when its days begin, and how late
 * its clocks may report. */
#include "timesheet/clock.h"
#include "timesheet/v1/timesheet.server.h"
#include "window/zone.h"

static const furrow_setting settings[] = {
    {"FURROW_TIME_ZONE", FURROW_SETTING_TEXT, offsetof(clock_settings, time_zone), "UTC", 0, 0,
     "the farm's time zone, as America/Los_Angeles"},
    {"FURROW_DAY_START_HOUR", FURROW_SETTING_NUMBER, offsetof(clock_settings, day_start_hour), "4", 0, 23,
     "local hour at which a working day begins"},
    {"FURROW_CLOCK_LATE_HOURS", FURROW_SETTING_NUMBER, offsetof(clock_settings, late_hours), "36", 1, 2160,
     "how late a clock may report a stroke"},
};

static furrow_status set_time_zone(furrow_error *err)
{
    return workday_zone_set(clock_config.time_zone, err);
}

const furrow_startup timesheet_startup = {
    .settings = settings,
    .setting_count = sizeof settings / sizeof *settings,
    .settings_into = &clock_config,
    .prepare = set_time_zone,
};
