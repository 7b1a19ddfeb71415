/**
 * May a service answer, and what it says of itself: its replicas, its load, its alarms, as `furrow health` shows them.
 * For the service's own assembly. @user is a furrow_service *, as the callbacks of server and registry have it.
 *
 * Threads: the loop's.
 */
#ifndef FURROW_RUNTIME_READINESS_H
#define FURROW_RUNTIME_READINESS_H

#include "base/buffer.h"

#include <stdbool.h>

/* Can requests be answered? If not, *why is lent until the next call. */
bool furrow_readiness_of(void *user, const char **why);

/* Appends the body of furrow.v1.Health, a JSON object. */
void furrow_readiness_write(void *user, furrow_buffer *out);

#endif
