/**
 * What must be done to a table before its records can be trusted: decided from what Redis, the log and this process
 * remember. Pure: no I/O, so each row of the table in verdict.c is a unit test.
 *
 * The marker's claim is: every event up to `position` of the log of epoch `epoch_ns` has been applied, in `shape`, to
 * the Redis process `run_id`, and none that is newer than `newest`. Whatever contradicts it leads to a replay (events
 * may be missing) or a rebuild (records may be wrong).
 */
#ifndef FURROW_REPLICA_VERDICT_H
#define FURROW_REPLICA_VERDICT_H

#include "link/jetstream.h"
#include "replica/replica.h"
#include "store/record.h"
#include "wire/epoch.h"

typedef enum furrow_verdict_kind {
    FURROW_VERDICT_FOLLOW,  /* all up to the position is there: the durable brings the rest */
    FURROW_VERDICT_REPLAY,  /* events after `from` may be missing: read them again */
    FURROW_VERDICT_REBUILD, /* records of another shape or log, or nothing: clear, then read all */
    FURROW_VERDICT_YIELD,   /* a newer program keeps the table in another shape: leave it alone */
    FURROW_VERDICT_REFUSE,  /* the log of an own entity lost something: a person must decide what to do */
    FURROW_VERDICT_RESTORE, /* the same, and what to do is known: publish it again */
    FURROW_VERDICT_ACCEPT,  /* or take the log for the truth */
    FURROW_VERDICT_WAIT,    /* its owner is restoring it */
} furrow_verdict_kind;

/* Is the event that the log has at the newest version of ours the one that our record is of? */
typedef enum furrow_newest {
    FURROW_NEWEST_UNKNOWN, /* nobody asked, or it was superseded */
    FURROW_NEWEST_OURS,
    FURROW_NEWEST_OTHER,
    FURROW_NEWEST_MISSING, /* we have no record of that entity */
} furrow_newest;

typedef struct furrow_sight {
    const char *shape; /* what this program wants the records to be */
    bool own;          /* the service's own entity */
    bool settled;      /* this process has kept the table before, in this shape */
    bool starving;     /* the durable says that nothing is pending, and is behind the log */
    furrow_marker marker;
    furrow_marker elder;           /* of an own entity: of the generation that the durable feeds, if that is another */
    furrow_js_stream_state stream; /* looked at after the marker, so its last sequence is no older than the position */
    char asked[27];                /* a build that somebody asked to have made anew, or "" */
    furrow_epoch epoch;            /* of the log */
    uint64_t epoch_seq;            /* where it says so; 0: nowhere, it is that of the stream's creation */
    furrow_loss_mode loss;         /* what to do about a log that went back, */
    furrow_loss_mode loss_anew;    /* and about one that was made anew */
    uint64_t event_seq;            /* the log's last event up to the newest version of known time, or 0 */
    int64_t event_ns;              /* when the log took it */
    furrow_newest newest;          /* of the newest version, when its time is not known */
    uint64_t untold;               /* up to here the durable tells of a log that is no more, which no marker says */
    uint64_t untold_from;          /* the position before that was seen */
    char run_id[41];               /* of the Redis process we are connected to, */
    char tally[FURROW_STORE_TALLY_SIZE];      /* and what that has evicted (furrow_store_tally); "": it does not say */
    char seen_run_id[41];                     /* for which this process last knew the marker to hold, or "" */
    char seen_tally[FURROW_STORE_TALLY_SIZE]; /* and what that had evicted */
    uint64_t seen_position;                   /* and the position then */
} furrow_sight;

typedef struct furrow_verdict {
    furrow_verdict_kind kind;
    uint64_t from;   /* REPLAY: the last sequence that surely is there */
    const char *why; /* for people */
} furrow_verdict;

furrow_verdict furrow_verdict_of(const furrow_sight *sight);

/* The marker by which an owner knows what its log had: its own, or that of the shape that is there. */
const furrow_marker *furrow_verdict_known(const furrow_sight *sight);

/* May records of @marker be gone, though nobody deleted them? Redis has evicted some, or not all were filled in. */
bool furrow_verdict_lacks(const furrow_sight *sight, const furrow_marker *marker);

/* The shape a table has while it is being cleared for @shape: no program takes it for its own. */
void furrow_verdict_building(const char *shape, char out[33]);

#endif
