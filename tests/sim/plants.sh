#!/bin/sh
# plants.sh PROGRAM: is each fault that can be planted found? Which other faults are needed for it to show stands beside it.
set -eu
find_it()
{
  plant=$1
  shift
  "$program" --plant "$plant" --schedules 1500 "$@" | tail -n 2
}
program=$1
find_it build-unchecked --fault redis-flush-twice --fault redis-flush --fault kill
find_it apply-blind
find_it counted-twice
find_it reads-unverified --fault redis-flush --fault redis-older
find_it verdict-blind --fault redis-older --fault redis-empty --fault redis-flush-twice
find_it apply-lies
find_it log-takes-stale
find_it commands-forgotten --fault nats-lose --fault nats-dark --fault kill
find_it redis-unknown --fault redis-older
find_it eviction-unseen --fault redis-evict
