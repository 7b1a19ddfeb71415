/*
 * Files of CSV that are imported. Properties: what is read is the header and rows of the file, with nothing left out:
 * all the bytes of a file without quotes are there again when its fields are put together; each row becomes a request
 * or an error; a request that came of it has a JSON form.
 */
#include "fuzz.h"

#include "farm/row.h"
#include "mutate.h"
#include "wire/json.h"

#include "employee/v1/employee.pb-c.h"
#include "job/v1/job.pb-c.h"
#include "location/v1/location.pb-c.h"

#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <sys/mman.h>
#include <unistd.h>

static const ProtobufCMessageDescriptor *const requests[] = {&employee__v1__hire_employee_request__descriptor,
                                                             &location__v1__create_location_request__descriptor,
                                                             &job__v1__open_job_request__descriptor};
#define REQUESTS (sizeof requests / sizeof *requests)

static int file = -1;
static char path[64];

static void fill_file(const uint8_t *data, size_t size)
{
    if (file < 0) {
        file = memfd_create("csv", MFD_CLOEXEC);
        snprintf(path, sizeof path, "/proc/self/fd/%d", file);
        FURROW_REQUIRE(file >= 0);
    }
    FURROW_REQUIRE(ftruncate(file, 0) == 0 && pwrite(file, data, size, 0) == (ssize_t)size);
}

static size_t bytes_of(const csv_row *row)
{
    size_t bytes = 0;
    for (size_t i = 0; i < row->count; i++) bytes += strlen(row->fields[i]);
    return bytes;
}

/* What CSV itself, and blanks around fields, do not account for. */
static void check_whole(const csv_file *csv, const uint8_t *data, size_t size)
{
    size_t there = bytes_of(&csv->header), expected = 0;
    if (csv->marked && (size < 3 || data[0] != 0xef)) return; /* UTF-16 */
    if (csv->marked) data += 3, size -= 3;
    if (csv->separator != ',' || (size > 4 && strncasecmp((const char *)data, "sep=", 4) == 0)) return;
    if (memchr(data, '"', size) || memchr(data, ' ', size) || memchr(data, '\t', size)) return;
    for (size_t i = 0; i < size; i++) {
        if (data[i] >= 0x80) return; /* another normal form may have as many letters and other bytes */
        expected += !memchr(",\r\n", data[i], 3);
    }
    for (size_t i = 0; i < csv->row_count; i++) there += bytes_of(&csv->rows[i]);
    FURROW_REQUIRE(there == expected);
}

static void check_row(const csv_file *csv, const csv_row *row, const ProtobufCMessageDescriptor *type)
{
    furrow_arena *arena = furrow_arena_create(1u << 20);
    furrow_error err = {0};
    ProtobufCMessage *request = NULL;
    furrow_buffer out;
    FURROW_REQUIRE(arena && row->line > 0);
    furrow_buffer_init(&out, 1u << 20);
    furrow_status status = row_request(&csv->header, row, type, arena, &request, &err);
    FURROW_REQUIRE(status == FURROW_OK || status == FURROW_INVALID_ARGUMENT || status == FURROW_RESOURCE_EXHAUSTED);
    if (status == FURROW_OK)
        FURROW_REQUIRE(furrow_json_encode(request, NULL, &out, &err) == FURROW_OK);
    else
        FURROW_REQUIRE(err.text[0]);
    furrow_buffer_fini(&out);
    furrow_arena_destroy(arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    furrow_arena *arena = furrow_arena_create(16u << 20);
    csv_file csv = {0};
    furrow_error err = {0};
    FURROW_REQUIRE(arena);
    if (size == 0) {
        furrow_arena_destroy(arena);
        return 0;
    }
    const ProtobufCMessageDescriptor *type = requests[data[0] % REQUESTS];
    fill_file(data + 1, size - 1);
    if (csv_read(path, NULL, arena, &csv, &err) == FURROW_OK) {
        check_whole(&csv, data + 1, size - 1);
        if (row_check_header(&csv.header, type, &err) == FURROW_OK)
            for (size_t i = 0; i < csv.row_count; i++) check_row(&csv, &csv.rows[i], type);
    } else {
        FURROW_REQUIRE(err.text[0] && csv.row_count == 0 && !csv.header.fields);
    }
    furrow_arena_destroy(arena);
    return 0;
}

/* A file whose columns are fields of the request, nested ones too. */
static void make_file(mutate_text *text, const ProtobufCMessageDescriptor *type, mutate_dice *dice)
{
    static const char *const values[] = {"",     "E1",       "harvest", "1", "\xe9",       "\"a\"\"b\"", "B1;B2;",
                                         "x\ny", "\"a\nb\"", "true",    "é", "2026-11-23", "\"open",     NULL};
    size_t columns = 1 + mutate_below(dice, 5), rows = 1 + mutate_below(dice, 3);
    text->size = 0;
    for (size_t c = 0; c < columns; c++) {
        const ProtobufCFieldDescriptor *field = &type->fields[mutate_below(dice, type->n_fields)];
        char name[128];
        const ProtobufCMessageDescriptor *inner = field->type == PROTOBUF_C_TYPE_MESSAGE ? field->descriptor : NULL;
        int len = inner ? snprintf(name, sizeof name, "%s.%s,", field->name,
                                   inner->fields[mutate_below(dice, inner->n_fields)].name)
                        : snprintf(name, sizeof name, "%s,", field->name);
        mutate_splice(text, text->size, 0, name, (size_t)len - (c + 1 == columns));
    }
    mutate_splice(text, text->size, 0, "\n", 1);
    for (size_t cell = 0; cell < rows * columns; cell++) {
        const char *value = mutate_pick(dice, values);
        mutate_splice(text, text->size, 0, value, strlen(value));
        mutate_splice(text, text->size, 0, (cell + 1) % columns ? "," : "\r\n", (cell + 1) % columns ? 1 : 2);
    }
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed)
{
    mutate_dice dice = mutate_dice_of(seed);
    mutate_text text = {data, size, max_size};
    if (size == 0 || mutate_below(&dice, 4)) {
        mutate_raw(&text, 0, size);
        return text.size;
    }
    mutate_text csv = {data + 1, size - 1, max_size - 1};
    make_file(&csv, requests[data[0] % REQUESTS], &dice);
    return csv.size + 1;
}
