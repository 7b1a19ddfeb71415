/**
 * What an owner does when its log lost something: went back, or was made anew. Its Redis still holds what was
 * acknowledged, and publishes that again, in a new epoch of the log (wire/epoch.h), before anything else is written:
 *
 *   begin    the epoch's message, "restoring": from here on whoever looks knows of it, and an owner that starts
 *            goes on where another ended
 *   fill     that message again, until the log is as long as it was: no sequence that was known comes to mean another
 *            event, and versions go on growing
 *   rescue   every record that the log may not have: compare-and-set by what the log has (log/republish.h)
 *   adopt    what the log got is applied to the records, and the marker is of the new epoch
 *   end      the epoch's message, "whole": replicas follow
 *
 * Each step may be done twice, and the next start finishes what was begun. One process does it (the repair's lease); the
 * others wait and are not ready.
 *
 * To accept the loss is the same without a rescue: the results that Redis remembers of commands that are lost are
 * forgotten, the epoch is whole at once, and the records are built from it. Private to replica.
 */
#ifndef FURROW_REPLICA_LOSS_H
#define FURROW_REPLICA_LOSS_H

#include "replica/inside.h"

/* After the stream was looked at: which epoch it has, and the event by which it is known again. */
furrow_status furrow_loss_look(furrow_replica *replica, furrow_error *err) FURROW_MUST_USE;

/* With the lease. OK: look again. */
furrow_status furrow_loss_restore(furrow_replica *replica, furrow_error *err) FURROW_MUST_USE;
furrow_status furrow_loss_accept(furrow_replica *replica, furrow_error *err) FURROW_MUST_USE;

#endif
