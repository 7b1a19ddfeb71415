/** The farm's time zone, as the process's. Threads: before any other begins. */
#ifndef FURROW_SERVICES_ZONE_H
#define FURROW_SERVICES_ZONE_H

#include "base/status.h"

/* INVALID_ARGUMENT: this machine knows no such zone. */
furrow_status workday_zone_set(const char *zone, furrow_error *err) FURROW_MUST_USE;

#endif
