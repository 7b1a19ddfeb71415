/* The templates of `furrow new`; see new.h. Depends on base alone. */
#include "cli/new.h"

#include "base/bytes.h"

#include <ctype.h>
#include <string.h>

#define TAG_MAX   40
#define DEPTH_MAX 4

/* Where a value is looked for: the innermost element first. */
typedef struct scope {
    const new_element *of[DEPTH_MAX];
    size_t depth;
} scope;

static const char *find_template_value(const scope *in, const char *name)
{
    for (size_t d = in->depth; d-- > 0;)
        for (const new_value *value = in->of[d]->values; value->name; value++)
            if (strcmp(value->name, name) == 0) return value->text;
    return NULL;
}

static const new_list *find_list(const scope *in, const char *name)
{
    for (size_t d = in->depth; d-- > 0;)
        for (const new_list *list = in->of[d]->lists; list && list->name; list++)
            if (strcmp(list->name, name) == 0) return list;
    return NULL;
}

/* The tag that begins at @at, without its "@": what follows it. */
static const char *read_tag(const char *at, char tag[TAG_MAX])
{
    size_t len = strcspn(at + 1, "@\n");
    FURROW_REQUIRE(at[len + 1] == '@' && len < TAG_MAX);
    memcpy(tag, at + 1, len);
    tag[len] = '\0';
    return at + len + 2;
}

/* Past the end of a line that @tag_at's tag, which ends at @after, has for itself. */
static const char *past_line(const char *text, const char *tag_at, const char *after)
{
    bool alone = (tag_at == text || tag_at[-1] == '\n') && *after == '\n';
    return alone ? after + 1 : after;
}

static void render(FILE *out, const char *text, const char *end, const scope *in);

/* One pass over the block for each element. */
static void repeat(FILE *out, const char *body, const char *end, const scope *in, const new_list *list)
{
    FURROW_REQUIRE(in->depth < DEPTH_MAX);
    for (size_t i = 0; i < list->count; i++) {
        scope inner = *in;
        inner.of[inner.depth++] = &list->elements[i];
        render(out, body, end, &inner);
    }
}

/* The block whose first tag, @tag, stands before @body: what follows its last. */
static const char *render_block(FILE *out, const char *text, const char *body, const char *tag, const scope *in)
{
    char last[TAG_MAX + sizeof "@end @"], end_tag[TAG_MAX];
    const char *name = strchr(tag, ' ');
    FURROW_REQUIRE(name);
    const new_list *list = find_list(in, ++name);
    bool each = furrow_bytes_after(tag, "each ") != NULL, none = furrow_bytes_after(tag, "none ") != NULL;
    FURROW_REQUIRE(list && (each || none || furrow_bytes_after(tag, "some ")));
    snprintf(last, sizeof last, "@end %s@", each ? name : tag);
    const char *end = strstr(body, last);
    FURROW_REQUIRE(end);
    if (each)
        repeat(out, body, end, in, list);
    else if (none == (list->count == 0))
        render(out, body, end, in);
    return past_line(text, end, read_tag(end, end_tag));
}

static void render(FILE *out, const char *text, const char *end, const scope *in)
{
    for (const char *at = text; at < end;) {
        const char *next = memchr(at, '@', (size_t)(end - at));
        fwrite(at, 1, (size_t)((next ? next : end) - at), out);
        if (!next) return;
        char tag[TAG_MAX];
        const char *after = read_tag(next, tag), *value = find_template_value(in, tag);
        if (value) {
            fputs(value, out);
            at = after;
        } else {
            at = render_block(out, text, past_line(text, next, after), tag, in);
        }
    }
}

void new_render(FILE *out, const char *text, const new_element *of)
{
    scope in = {.of = {of}, .depth = 1};
    render(out, text, text + strlen(text), &in);
}

static char *room(const char *text, furrow_arena *arena)
{
    char *made = furrow_arena_alloc(arena, 2 * strlen(text) + 4);
    FURROW_REQUIRE(made);
    return made;
}

char *new_camel(const char *text, furrow_arena *arena)
{
    char *made = room(text, arena), *to = made;
    bool first = true;
    for (; *text; text++) {
        if (*text != '_') *to++ = first ? (char)toupper((unsigned char)*text) : *text;
        first = *text == '_';
    }
    *to = '\0';
    return made;
}

char *new_snake(const char *text, furrow_arena *arena)
{
    char *made = room(text, arena), *to = made;
    for (const char *from = text; *from; from++) {
        if (isupper((unsigned char)*from) && from > text && from[-1] != '_') *to++ = '_';
        *to++ = (char)tolower((unsigned char)*from);
    }
    *to = '\0';
    return made;
}

char *new_upper(const char *text, furrow_arena *arena)
{
    char *made = new_snake(text, arena);
    for (char *c = made; *c; c++) *c = (char)toupper((unsigned char)*c);
    return made;
}

char *new_json(const char *text, furrow_arena *arena)
{
    char *made = new_camel(text, arena);
    made[0] = (char)tolower((unsigned char)made[0]);
    return made;
}

char *new_plural(const char *text, furrow_arena *arena)
{
    char *made = room(text, arena);
    size_t len = strlen(text);
    bool y = len > 1 && text[len - 1] == 'y' && !strchr("aeiou", text[len - 2]);
    bool hissing = len > 1 && (strchr("sxz", text[len - 1]) || strcmp(text + len - 2, "ch") == 0);
    sprintf(made, "%.*s%s", (int)(y ? len - 1 : len), text, y ? "ies" : hissing ? "es" : "s");
    return made;
}
