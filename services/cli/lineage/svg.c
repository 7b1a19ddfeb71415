/*
 * The picture: on the left each entity that somebody keeps, under its owner; on the right each service with what it
 * keeps; a line for each replica. A service that owns and keeps stands on both sides, so every mesh can be drawn, chains
 * and circles too, and no line crosses a box. Bars: outlined what a full copy takes, filled what is kept, all to one
 * scale. Black and white, no script, no font but the reader's monospaced one.
 */
#include "cli/lineage/lineage.h"

#include <stdlib.h>
#include <string.h>

enum {
    FONT = 12,
    LINE = 17,
    MARGIN = 20,
    TOP = 76, /* below the title */
    BOX_GAP = 18,
    ROW_GAP = 8,
    MIDDLE = 170, /* between the two columns: room for the lines */
    BAR = 220,    /* of the largest full copy */
    BAR_HEIGHT = 9,
    WRAP = 46, /* characters of a line of fields */
};

typedef struct drawing {
    const lineage *all;
    FILE *out;
    int *entity_y; /* where the lines of an entity begin; 0: nobody keeps it */
    int left, right, right_width, height;
    uint64_t largest; /* full copy */
} drawing;

/* ---- parts ---- */

/* Monospaced fonts are 0.6 of their size wide, and a little. */
static int text_width(size_t characters)
{
    return (int)(characters * FONT * 61 / 100) + 1;
}

static void escaped(const char *text, size_t len, FILE *out)
{
    for (size_t i = 0; i < len; i++) {
        const char *entity = text[i] == '&'   ? "&amp;"
                             : text[i] == '<' ? "&lt;"
                             : text[i] == '>' ? "&gt;"
                             : text[i] == '"' ? "&quot;"
                                              : NULL;
        if (entity)
            fputs(entity, out);
        else
            fputc(text[i], out);
    }
}

static void draw_text(const drawing *on, int x, int y, const char *class, const char *text)
{
    fprintf(on->out, "<text x=\"%d\" y=\"%d\"%s%s%s>", x, y, class ? " class=\"" : "", class ? class : "",
            class ? "\"" : "");
    escaped(text, strlen(text), on->out);
    fprintf(on->out, "</text>\n");
}

static void box(const drawing *on, int x, int y, int width, int height, bool dashed)
{
    fprintf(on->out, "<rect x=\"%d\" y=\"%d\" width=\"%d\" height=\"%d\" class=\"box%s\"/>\n", x, y, width, height,
            dashed ? " missing" : "");
}

static bool is_entity_kept(const lineage *all, const lineage_entity *entity)
{
    for (size_t i = 0; i < all->replica_count; i++)
        if (all->replicas[i].entity == entity) return true;
    return false;
}

static bool is_unreached(const lineage *all, const char *name)
{
    const lineage_service *service = lineage_find_service(all, name);
    return !service || service->state == LINEAGE_DOWN;
}

/* ---- left: entities under their owners ---- */

static void entity_line(const lineage_entity *entity, char out[160])
{
    char fields[LINEAGE_NUMBER_SIZE], records[LINEAGE_NUMBER_SIZE], size[LINEAGE_NUMBER_SIZE];
    snprintf(out, 160, "%s fields, %s records, %s", lineage_count(entity->field_count, fields),
             lineage_count(entity->records, records), lineage_size(entity->bytes, size));
}

static void widen(int *width, size_t characters)
{
    int wanted = text_width(characters) + 2 * ROW_GAP;
    if (wanted > *width) *width = wanted;
}

static int left_width(const lineage *all)
{
    int width = 0;
    char line[160];
    for (size_t i = 0; i < all->entity_count; i++) {
        if (!is_entity_kept(all, all->entities[i])) continue;
        entity_line(all->entities[i], line);
        widen(&width, strlen(line));
        widen(&width, strlen(all->entities[i]->name));
        widen(&width, strlen(lineage_owner(all->entities[i])) + strlen(" owns  (down)"));
    }
    return width;
}

/* One box of an owner, with all of its entities that are kept; where it ends. */
static int draw_owner(drawing *on, const char *owner, int y, bool draw)
{
    int top = y;
    char line[160];
    bool missing = is_unreached(on->all, owner);
    snprintf(line, sizeof line, "%.64s owns%s", owner, missing ? " (down)" : "");
    if (draw) draw_text(on, MARGIN + ROW_GAP, y + LINE, "name", line);
    y += LINE + ROW_GAP;
    for (size_t i = 0; i < on->all->entity_count; i++) {
        const lineage_entity *entity = on->all->entities[i];
        if (strcmp(lineage_owner(entity), owner) != 0 || !is_entity_kept(on->all, entity)) continue;
        entity_line(entity, line);
        if (draw) draw_text(on, MARGIN + ROW_GAP, y + LINE, NULL, entity->name);
        if (draw) draw_text(on, MARGIN + ROW_GAP, y + 2 * LINE, NULL, line);
        on->entity_y[i] = y + LINE + LINE / 4;
        y += 2 * LINE + ROW_GAP;
    }
    if (draw) box(on, MARGIN, top, on->left, y - top, missing);
    return y + BOX_GAP;
}

static int draw_owners(drawing *on, bool draw)
{
    int y = TOP;
    for (size_t i = 0; i < on->all->entity_count; i++) {
        const char *owner = lineage_owner(on->all->entities[i]);
        bool first = is_entity_kept(on->all, on->all->entities[i]);
        for (size_t k = 0; k < i && first; k++)
            first = strcmp(lineage_owner(on->all->entities[k]), owner) != 0 ||
                    !is_entity_kept(on->all, on->all->entities[k]);
        if (first) y = draw_owner(on, owner, y, draw);
    }
    return y;
}

/* ---- right: services with what they keep ---- */

static int bar_width(const drawing *on, uint64_t bytes)
{
    if (bytes == LINEAGE_UNKNOWN || on->largest == 0) return 0;
    return (int)((double)bytes / (double)on->largest * BAR + 0.5);
}

static void draw_bar(const drawing *on, const lineage_replica *replica, int y)
{
    char line[160], a[LINEAGE_NUMBER_SIZE], b[LINEAGE_NUMBER_SIZE];
    int x = on->right + ROW_GAP;
    int full = bar_width(on, replica->entity->bytes), kept = bar_width(on, replica->bytes);
    if (full > 0)
        fprintf(on->out, "<rect x=\"%d\" y=\"%d\" width=\"%d\" height=\"%d\" class=\"full\"/>\n", x, y, full,
                BAR_HEIGHT);
    if (kept > 0) fprintf(on->out, "<rect x=\"%d\" y=\"%d\" width=\"%d\" height=\"%d\"/>\n", x, y, kept, BAR_HEIGHT);
    snprintf(line, sizeof line, "%s of %s", lineage_size(replica->bytes, a), lineage_size(replica->entity->bytes, b));
    draw_text(on, x + BAR + ROW_GAP, y + BAR_HEIGHT, NULL, line);
}

static void draw_line(const drawing *on, const lineage_replica *replica, int y, bool missing)
{
    int from = 0, x1 = MARGIN + on->left, x2 = on->right, half = (x2 - x1) / 2;
    for (size_t i = 0; i < on->all->entity_count; i++)
        if (on->all->entities[i] == replica->entity) from = on->entity_y[i];
    fprintf(on->out, "<path d=\"M%d %dC%d %d %d %d %d %d\" class=\"line%s\" marker-end=\"url(#arrow)\"/>\n", x1, from,
            x1 + half, from, x2 - half, y, x2 - 7, y, missing ? " missing" : "");
}

/* Lines of fields, WRAP characters each; how many. */
static int draw_fields(const drawing *on, const char *fields, int y, bool draw)
{
    int lines = 0;
    for (const char *at = fields; *at; lines++) {
        size_t len = strcspn(at, ",");
        size_t shown = len; /* with the blanks between */
        while (at[len] && shown + 2 + strcspn(at + len + 1, ",") <= WRAP) {
            size_t next = strcspn(at + len + 1, ",");
            shown += 2 + next;
            len += 1 + next;
        }
        if (draw) {
            fprintf(on->out, "<text x=\"%d\" y=\"%d\">", on->right + ROW_GAP, y + (lines + 1) * LINE);
            for (const char *field = at; field < at + len; field += strcspn(field, ",") + 1) {
                size_t own = strcspn(field, ",");
                escaped(field, own, on->out);
                if (field[own]) fputs(field + own == at + len ? "," : ", ", on->out);
            }
            fprintf(on->out, "</text>\n");
        }
        at += len + (at[len] == ',');
    }
    return lines;
}

static int draw_replica(drawing *on, const lineage_replica *replica, int y, bool draw)
{
    char line[256], a[LINEAGE_NUMBER_SIZE], b[LINEAGE_NUMBER_SIZE];
    const char *mark = lineage_mark(on->all, replica);
    snprintf(line, sizeof line, "%.128s: %s of %s fields%s%s%s", replica->entity->short_name,
             lineage_count(replica->field_count, a), lineage_count(replica->entity->field_count, b),
             mark[0] ? " [" : "", mark, mark[0] ? "]" : "");
    widen(&on->right_width, strlen(line));
    if (draw) draw_text(on, on->right + ROW_GAP, y + LINE, "entity", line);
    widen(&on->right_width, replica->fields[0] ? WRAP : 0);
    if (draw) draw_line(on, replica, y + LINE - LINE / 4, mark[0] != '\0');
    y += LINE;
    for (const char *at = replica->fields; *at; at += strcspn(at, ",") + (at[strcspn(at, ",")] == ','))
        widen(&on->right_width, strcspn(at, ",") + 1);
    y += draw_fields(on, replica->fields, y, draw) * LINE + ROW_GAP;
    if (draw) draw_bar(on, replica, y);
    return y + BAR_HEIGHT + ROW_GAP;
}

static int draw_keepers(drawing *on, bool draw)
{
    int y = TOP;
    char line[160];
    const lineage *all = on->all;
    for (size_t i = 0; i < all->replica_count;) {
        int top = y;
        const char *service = all->replicas[i].service;
        bool missing = is_unreached(all, service);
        snprintf(line, sizeof line, "%.64s keeps%s", service, missing ? " (down)" : "");
        widen(&on->right_width, strlen(line));
        if (draw) draw_text(on, on->right + ROW_GAP, y + LINE, "name", line);
        for (y += LINE + ROW_GAP; i < all->replica_count && strcmp(all->replicas[i].service, service) == 0; i++)
            y = draw_replica(on, &all->replicas[i], y, draw);
        if (draw) box(on, on->right, top, on->right_width, y - top, missing);
        y += BOX_GAP;
    }
    return y;
}

/* ---- all ---- */

static void print_head(const drawing *on)
{
    int width = on->right + on->right_width + MARGIN;
    int least = MARGIN * 2 + text_width(84); /* of the second line of the title */
    if (width < least) width = least;
    fprintf(on->out,
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%d\" viewBox=\"0 0 %d %d\" role=\"img\">\n"
            "<title>Which service keeps which fields of whose entity</title>\n"
            "<style>text{font:%dpx monospace}.head{font-size:16px;font-weight:bold}.name{font-weight:bold}"
            ".entity{text-decoration:underline}.box,.full,.line{fill:none;stroke:#000}.missing{stroke-dasharray:5 4}"
            "</style>\n"
            "<defs><marker id=\"arrow\" viewBox=\"0 0 8 8\" refX=\"1\" refY=\"4\" markerWidth=\"7\" markerHeight=\"7\" "
            "orient=\"auto\"><path d=\"M0 0L8 4L0 8z\"/></marker></defs>\n"
            "<rect width=\"100%%\" height=\"100%%\" fill=\"#fff\"/>\n",
            width, on->height, width, on->height, FONT);
    draw_text(on, MARGIN, 28, "head", "Which service keeps which fields of whose entity");
    draw_text(on, MARGIN, 28 + LINE, NULL,
              "Bars: filled what is kept, outlined what a full copy takes; bytes of values in Redis.");
    draw_text(on, MARGIN, 28 + 2 * LINE, NULL, on->all->at);
}

void lineage_print_svg(const lineage *all, FILE *out)
{
    drawing on = {.all = all, .out = out, .entity_y = calloc(all->entity_count + 1, sizeof(int))};
    FURROW_REQUIRE(on.entity_y);
    for (size_t i = 0; i < all->replica_count; i++) {
        const lineage_replica *replica = &all->replicas[i];
        if (replica->entity->bytes != LINEAGE_UNKNOWN && replica->entity->bytes > on.largest)
            on.largest = replica->entity->bytes;
        if (replica->bytes != LINEAGE_UNKNOWN && replica->bytes > on.largest) on.largest = replica->bytes;
    }
    on.left = left_width(all);
    on.right = MARGIN + on.left + MIDDLE;
    on.right_width = 2 * ROW_GAP + BAR + ROW_GAP + text_width(20);
    int left = draw_owners(&on, false), right = draw_keepers(&on, false);
    on.height = (left > right ? left : right) + MARGIN;
    print_head(&on);
    if (all->replica_count == 0) draw_text(&on, MARGIN, TOP + LINE, NULL, "No service keeps anything of another's.");
    (void)draw_owners(&on, true);
    (void)draw_keepers(&on, true);
    fprintf(out, "</svg>\n");
    free(on.entity_y);
}
