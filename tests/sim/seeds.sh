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
