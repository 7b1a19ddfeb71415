/**
 * Alarms: what an operator should look at before it hurts, as short texts in a service's health. A limit that is nearly
 * reached, with the setting that moves it; events that went to the dead letters, or could not; reactions that fail.
 * They are no part of readiness. May depend on the assembly; for common/runtime only.
 */
#ifndef FURROW_RUNTIME_ALARM_H
#define FURROW_RUNTIME_ALARM_H

#include "base/buffer.h"
#include "runtime/assembly.h"

#define FURROW_ALARM_PERCENT 80 /* of a limit */

/* "[]", or "[\"…\",\"…\"]". */
void furrow_alarm_write(const furrow_service *service, furrow_buffer *out);

#endif
