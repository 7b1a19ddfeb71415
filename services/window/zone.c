/* See zone.h. */
#include "window/zone.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static bool is_zone_file(const char *path)
{
    char magic[4];
    FILE *file = fopen(path, "rb");
    bool is_zone = file && fread(magic, 1, sizeof magic, file) == sizeof magic && memcmp(magic, "TZif", 4) == 0;
    if (file) fclose(file);
    return is_zone;
}

/* A zone that the C library cannot read would silently be UTC: what is looked at here is the very file it is to read. */
furrow_status workday_zone_set(const char *zone, furrow_error *err)
{
    char path[160];
    bool utc = strcmp(zone, "UTC") == 0;
    int len = snprintf(path, sizeof path, "/usr/share/zoneinfo/%s", zone);
    if (!utc && (len >= (int)sizeof path || strstr(zone, "..") || !is_zone_file(path)))
        return furrow_fail(err, FURROW_INVALID_ARGUMENT,
                           "FURROW_TIME_ZONE is \"%s\": no such zone on this machine (is tzdata installed?)", zone);
    setenv("TZ", utc ? zone : path, 1);
    tzset();
    return FURROW_OK;
}
