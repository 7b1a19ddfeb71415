/**
 * A row of CSV as a request: a column is a path of the request's fields ("contact.phone"), so the contract is the
 * documentation. The row becomes JSON and is read as any client's JSON is, so values are checked by the same code.
 * Pure.
 */
#ifndef FURROW_FARM_ROW_H
#define FURROW_FARM_ROW_H

#include "farm/csv.h"

#include <protobuf-c/protobuf-c.h>

#define ROW_REMARK '#' /* begins the name of a column that is not read */

/* Do all columns of @header name fields of @request, each another? INVALID_ARGUMENT names the one that does not. */
furrow_status row_check_header(const csv_row *header, const ProtobufCMessageDescriptor *request,
                               furrow_error *err) FURROW_MUST_USE;

/*
 * The request that @row stands for, in @arena; empty fields are left out. @header has been checked. INVALID_ARGUMENT:
 * more fields than columns, text that is not UTF-8, or a value that its field does not take; RESOURCE_EXHAUSTED: too
 * long.
 */
furrow_status row_request(const csv_row *header, const csv_row *row, const ProtobufCMessageDescriptor *request,
                          furrow_arena *arena, ProtobufCMessage **out, furrow_error *err) FURROW_MUST_USE;

#endif
