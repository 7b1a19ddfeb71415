/**
 * What replicas of own entities need of the log's side, which they do not know: a good state put on top of a bad event,
 * and what the log lost published again. For common/runtime only. Threads: the loop's, in a task.
 */
#ifndef FURROW_RUNTIME_OWNERS_H
#define FURROW_RUNTIME_OWNERS_H

#include "replica/replica.h"

/* furrow_restore_fn and furrow_republish_fn of a replica whose user is the service. */
furrow_status furrow_owners_restore(void *service, const furrow_entity_contract *own, const char *id,
                                    furrow_error *err) FURROW_MUST_USE;
furrow_status furrow_owners_republish(void *service, const furrow_entity_contract *own, const char *id,
                                      const furrow_record *record, const furrow_loss_log *log, furrow_rescued *out,
                                      furrow_error *err) FURROW_MUST_USE;

/* What FURROW_LOG_LOSS says. INVALID_ARGUMENT: none of the three. */
furrow_status furrow_owners_loss(const char *text, furrow_loss_mode *out, furrow_error *err) FURROW_MUST_USE;

#endif
