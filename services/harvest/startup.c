/* What the harvest service has of its own beside its contract: the farm's time zone, and when its days begin. */
#include "harvest/record.h"
#include "harvest/v1/harvest.server.h"
#include "window/zone.h"

static const furrow_setting settings[] = {
    {"FURROW_TIME_ZONE", FURROW_SETTING_TEXT, offsetof(harvest_settings, time_zone), "UTC", 0, 0,
     "the farm's time zone, as America/Los_Angeles"},
    {"FURROW_DAY_START_HOUR", FURROW_SETTING_NUMBER, offsetof(harvest_settings, day_start_hour), "4", 0, 23,
     "local hour at which a working day begins"},
};

static furrow_status set_harvest_zone(furrow_error *err)
{
    return workday_zone_set(harvest_config.time_zone, err);
}

const furrow_startup harvest_startup = {
    .settings = settings,
    .setting_count = sizeof settings / sizeof *settings,
    .settings_into = &harvest_config,
    .prepare = set_harvest_zone,
};
