/**
 * The process's log: one logfmt line per event on standard error, at most as verbose as FURROW_LOG_LEVEL
 * (error, warn, info, debug; default info). Only the top of a program logs; libraries return errors.
 *
 *   furrow_logger(FURROW_LOG_INFO, "replica ready", "stream=%s records=%zu", stream, n);
 *   -> ts=2026-11-23T06:00:00.000Z level=info service=timesheet msg="replica ready" stream=EMPLOYEE records=400
 *
 * The same warning or error (whatever its count= says) is written FURROW_LOG_SAME times in FURROW_LOG_SAME_MS; further ones
 * are counted, and told when that time is over as one line, with repeated=<how many>.
 *
 * Threads: any; a line is one write.
 */
#ifndef FURROW_BASE_LOGGER_H
#define FURROW_BASE_LOGGER_H

#include "base/status.h"

#include <stdbool.h>
#include <stdint.h>

#define FURROW_LOG_SAME    5
#define FURROW_LOG_SAME_MS 30000

typedef enum furrow_log_level { FURROW_LOG_ERROR, FURROW_LOG_WARN, FURROW_LOG_INFO, FURROW_LOG_DEBUG } furrow_log_level;

/* Called once at start, before other threads run; @service is copied. */
void furrow_logger_init(const char *service, furrow_log_level level);
bool furrow_logger_on(furrow_log_level level);

/* @fields_format may be NULL; control characters and quotes in what it prints are escaped or replaced. */
void furrow_logger(furrow_log_level level, const char *message, const char *fields_format, ...) FURROW_PRINTF(3, 4);

/* Tells of lines whose time was over at @now_ns (of furrow_clock_now_ns) how often they were not written. Called now and
 * then, so that it is told also when nothing else is logged; with UINT64_MAX at the end, of all. */
void furrow_logger_flush(uint64_t now_ns);

#endif
