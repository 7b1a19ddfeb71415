/**
 * What the parts of `farm import` share: one file on its way into the mesh, row by row.
 *
 *   import.c           the command: files, passes over their rows, and the end
 *   import_row.c       before anything is sent: what each row says, its id, its idempotency key, ids that come twice
 *   import_existing.c  rows whose entity exists: the same, or what differs; --update
 *   import_report.c    progress, bad rows and their file, the summary
 */
#ifndef FURROW_FARM_IMPORT_H
#define FURROW_FARM_IMPORT_H

#include "farm/csv.h"
#include "farm/farm.h"
#include "farm/window.h"

#include "base/hash.h"

#define IMPORT_REASON_SIZE 400

typedef enum import_state {
    IMPORT_WAITING,
    IMPORT_SENT,
    IMPORT_AGAIN, /* not now, but perhaps in another pass */
    IMPORT_MADE,  /* from here on nothing more is done about it */
    IMPORT_UPDATED,
    IMPORT_UNCHANGED,
    IMPORT_DIFFERS,
    IMPORT_BAD,
    IMPORT_STATES
} import_state;

typedef struct import import;
typedef struct import_row import_row;

/* What there is of a row's entity, and what the row wants instead. */
typedef struct import_change {
    const ProtobufCMessage *wanted; /* the entity, with the row's fields alone */
    char **paths;                   /* of the fields that differ */
    size_t count;
    int64_t version; /* of what there is */
} import_change;

typedef struct import_kind {
    const char *name;
    const furrow_service_contract *service;
    size_t create, get, batch_get;
    const ProtobufCMessageDescriptor *entity;
    /* Has the entity changed as the row says. NULL: no method changes one. */
    furrow_status (*update)(import_row *row, const import_change *change, furrow_arena *arena, furrow_error *err);
    size_t get_private, update_private; /* of fields "private.…" */
} import_kind;

struct import_row {
    import *in;
    const csv_row *csv;
    const char *id; /* the row's, or one made of what it says: the same row, the same id */
    char *reason;   /* why it is bad, differs or has to wait; NULL: none */
    import_state state;
    import_state attempted; /* what a request that may have taken effect would have made of it; 0: none was sent */
    bool exists;            /* as its service said when it was last asked */
};

typedef struct import_options {
    const char *kind, *encoding;
    bool update, dry_run, json;
} import_options;

typedef struct import_stop {
    bool wanted; /* Ctrl-C was pressed: nothing more is sent */
} import_stop;

struct import {
    cli *tool;
    const import_options *options;
    const import_stop *stop;
    const char *path, *shown; /* shown: to people */
    const import_kind *kind;
    furrow_arena *arena; /* of the file and its rows */
    csv_file file;
    csv_row entity_header, private_header; /* the same columns by their names in these messages; "" for others */
    import_row *rows;
    size_t id_column; /* of "id", or the header's count */
    size_t in_flight, done, counts[IMPORT_STATES];
    window window;
    furrow_waiter *room; /* waits until in_flight falls */
    uint64_t began_ns;
    bool draw;
};

const furrow_method_contract *import_method(const import *in, size_t index);

/* Calls @method about @row with a key of its content: the same request takes effect once, however often it is sent. */
furrow_status import_call(import_row *row, const furrow_method_contract *method, const ProtobufCMessage *request,
                          furrow_arena *arena, ProtobufCMessage **response, furrow_error *err) FURROW_MUST_USE;

/* What becomes of @row; @err (may be NULL) says why. */
void import_settle(import_row *row, import_state state, const furrow_error *err);
/* The state by the error of a call: again for what may pass, else bad. */
import_state import_state_of(furrow_status status);

/* ---- import_row.c ---- */

/* Checks the header. False: the reason was printed. */
bool import_header(import *in);
/* Every row that can never be sent is bad. False: out of memory. */
bool import_prepare(import *in);
/* @row's create request in @arena, with its id. */
furrow_status import_request(const import_row *row, furrow_arena *arena, ProtobufCMessage **out,
                             furrow_error *err) FURROW_MUST_USE;
/* Sets the field "id". */
void import_set_id(ProtobufCMessage *message, const char *id);
bool import_has_private(const import_row *row);

/* ---- import_existing.c ---- */

extern const import_kind import_kinds[];
extern const size_t import_kind_count;

/* Asks which of @rows exist, and settles those that are what they say. An error: nothing was learned. */
furrow_status import_look_up(import *in, import_row *const rows[], size_t count, furrow_error *err) FURROW_MUST_USE;
/* Settles a row whose entity exists; if there is none after all, by @refusal. */
void import_judge(import_row *row, const furrow_error *refusal);

/* ---- import_report.c ---- */

void import_draw(const import *in, bool last);
void import_report(import *in);

#endif
