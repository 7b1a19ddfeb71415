/* What people see of an import; see import.h. Bad rows go to a file beside the one they came from, which is never written
 * over: what stands there may be mended already. */
#include "farm/import.h"

#include "cli/text.h"

#include "base/buffer.h"
#include "base/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define BAD_ROWS_SHOWN 20
#define BAD_FILES_MAX  1000
#define BAD_PATH_MAX   4096
#define JSON_MAX       (64u * 1024)
#define REMARK_COLUMN  "#why"

void import_draw(const import *in, bool last)
{
    enum { WIDTH = 30 };
    static const char bar[] = "##############################..............................";
    if (!in->draw) return;
    size_t total = in->file.row_count, filled = total > 0 ? in->done * WIDTH / total : WIDTH;
    uint64_t took_ms = (furrow_clock_now_ns() - in->began_ns) / FURROW_NS_PER_MS + 1;
    uint64_t rate = in->done * 1000 / took_ms, left_s = rate > 0 ? (total - in->done + rate - 1) / rate : 0;
    fprintf(stderr, "\r%-10s [%.*s] %zu/%zu  %llu/s  %llu:%02llu left \x1b[K%s", in->kind->name, WIDTH,
            bar + WIDTH - filled, in->done, total, (unsigned long long)rate, (unsigned long long)left_s / 60,
            (unsigned long long)left_s % 60, last ? "\n" : "");
    fflush(stderr);
}

/* "employees.csv": "employees.bad.csv", then "employees.bad-2.csv". */
static FILE *create_bad_file(const import *in, char path[BAD_PATH_MAX])
{
    const char *from = strcmp(in->path, CSV_STDIN) == 0 ? in->kind->name : in->path;
    size_t len = strlen(from);
    if (len > 4 && furrow_bytes_is_nocase(furrow_bytes_of(from + len - 4), ".csv")) len -= 4;
    for (int i = 1; i <= BAD_FILES_MAX; i++) {
        char number[16] = "";
        if (i > 1) snprintf(number, sizeof number, "-%d", i);
        if (snprintf(path, BAD_PATH_MAX, "%.*s.bad%s.csv", (int)len, from, number) >= BAD_PATH_MAX) return NULL;
        int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, S_IRUSR | S_IWUSR); /* what is private stays so */
        if (fd >= 0) return fdopen(fd, "w");
        if (errno != EEXIST) return NULL;
    }
    return NULL;
}

static bool write_bad_rows(const import *in, FILE *out)
{
    const csv_row *header = &in->file.header;
    size_t known = header->count;
    if (known > 0 && strcmp(header->fields[known - 1], REMARK_COLUMN) == 0)
        known--;                                     /* of the file it was mended from */
    if (in->file.marked) fputs("\xef\xbb\xbf", out); /* so that the program that wrote it knows its own */
    bool good = csv_put_row(out, header, known, REMARK_COLUMN);
    for (size_t i = 0; good && i < in->file.row_count; i++) {
        const import_row *row = &in->rows[i];
        size_t columns = row->csv->count > header->count ? row->csv->count : known;
        if (row->state == IMPORT_BAD) good = csv_put_row(out, row->csv, columns, row->reason ? row->reason : "");
    }
    return good;
}

static void save_bad_rows(const import *in)
{
    char path[BAD_PATH_MAX] = "";
    FILE *out = create_bad_file(in, path);
    bool good = out && write_bad_rows(in, out);
    int reason = errno;
    if (out && fclose(out) != 0) good = false;
    if (good)
        fprintf(stderr, "%s: the bad rows are in %s: mend them there, and import that\n", in->shown, path);
    else
        cli_fail(in->tool, 1, "the bad rows could not be written to %s: %s", path, strerror(reason));
}

/* Of members that each begin with a comma. */
static void print_object(furrow_buffer *members)
{
    if (!members->failed) printf("{%.*s}\n", (int)members->len - 1, (const char *)members->data + 1);
    furrow_buffer_fini(members);
}

/* {"file":…,"line":3,"state":"bad","reason":…} for each. */
static void print_rows_json(const import *in)
{
    for (size_t i = 0; i < in->file.row_count; i++) {
        const import_row *row = &in->rows[i];
        furrow_buffer out;
        if (row->state != IMPORT_BAD && row->state != IMPORT_DIFFERS) continue;
        furrow_buffer_init(&out, JSON_MAX);
        text_json(&out, "file", in->shown);
        furrow_buffer_printf(&out, ",\"line\":%zu", row->csv->line);
        text_json(&out, "state", row->state == IMPORT_BAD ? "bad" : "differs");
        text_json(&out, "reason", row->reason ? row->reason : "");
        print_object(&out);
    }
}

static void show_rows(const import *in)
{
    size_t shown = 0, more = 0;
    for (size_t i = 0; i < in->file.row_count; i++) {
        const import_row *row = &in->rows[i];
        if (row->state != IMPORT_BAD && row->state != IMPORT_DIFFERS) continue;
        if (shown == BAD_ROWS_SHOWN) {
            more++;
            continue;
        }
        shown++;
        fprintf(stderr, "%s:%zu: ", in->shown, row->csv->line);
        text_print(stderr, row->reason ? row->reason : "");
        fputc('\n', stderr);
    }
    if (more > 0) fprintf(stderr, "%s: and %zu more\n", in->shown, more);
}

static void print_count(const char *before, size_t count, const char *what)
{
    if (count > 0) printf("%s%zu %s", before, count, what);
}

static void print_summary_json(const import *in, size_t left)
{
    const size_t *counts = in->counts;
    furrow_buffer out;
    furrow_buffer_init(&out, JSON_MAX);
    text_json(&out, "file", in->shown);
    text_json(&out, "kind", in->kind->name);
    furrow_buffer_printf(&out,
                         ",\"imported\":%zu,\"unchanged\":%zu,\"updated\":%zu,\"differ\":%zu,\"bad\":%zu,"
                         "\"left\":%zu,\"dry_run\":%s",
                         counts[IMPORT_MADE], counts[IMPORT_UNCHANGED], counts[IMPORT_UPDATED], counts[IMPORT_DIFFERS],
                         counts[IMPORT_BAD], left, in->options->dry_run ? "true" : "false");
    print_object(&out);
}

static void print_summary(const import *in, size_t left)
{
    const size_t *counts = in->counts;
    printf("%s: %zu imported, %zu unchanged, %zu bad", in->kind->name, counts[IMPORT_MADE], counts[IMPORT_UNCHANGED],
           counts[IMPORT_BAD]);
    print_count(", ", counts[IMPORT_UPDATED], "updated");
    print_count(", ", counts[IMPORT_DIFFERS], "differ");
    print_count(", ", left, "left: stopped; run it again to go on");
    printf("%s\n", in->options->dry_run ? " (dry run: nothing was written)" : "");
    fflush(stdout);
}

void import_report(import *in)
{
    for (size_t i = 0; !in->stop->wanted && i < in->file.row_count; i++)
        if (in->rows[i].state == IMPORT_AGAIN) import_settle(&in->rows[i], IMPORT_BAD, NULL);
    size_t left = in->file.row_count - in->done;
    import_draw(in, true);
    if (in->options->json)
        print_rows_json(in);
    else
        show_rows(in);
    if (in->counts[IMPORT_BAD] > 0 && !in->options->dry_run) save_bad_rows(in);
    if (in->options->json)
        print_summary_json(in, left);
    else
        print_summary(in, left);
    if (in->counts[IMPORT_BAD] + in->counts[IMPORT_DIFFERS] + left > 0) in->tool->exit_code = 1;
}
