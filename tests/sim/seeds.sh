#!/bin/sh
# seeds.sh PROGRAM: the seeds that found a fault once, and what it was. Where plans or dice have changed since they are seeds
# like others.
set -eu
program=$1
# A command that waited behind one whose ack came late decided not to write on what was past by then (log/turn).
"$program" --fault nats-lose --seed 110 --schedules 1
# A log lost its end and grew again up to what its durable had been told of: the event that took the lost one's place was
# never applied (replica/look).
"$program" --seed 301060 --schedules 1
# One process had seen that and built the records anew; the other looked only when the log had grown, and took the durable's
# word for it (replica/look).
"$program" --seed 60 --schedules 1
# What an owner had to put right in its log, before it had applied all, waited for that (replica/keeper).
"$program" --fault bad-event --fault nats-break --fault nats-down --fault redis-break --fault redis-down --fault redis-older \
    --seed 921 --schedules 1
# … and who gave a log back what it had lost: that is known again when all is back, before it is read (replica/loss).
"$program" --seed 13672 --schedules 1
# A log lost what a command had written a moment before, and grew again by a stranger's event: the marker knew the version,
# but not yet its time (replica/look).
"$program" --seed 4278 --schedules 1
"$program" --fault log-loss --fault bad-event --seed 1110 --schedules 1
