/* furrow new: a folder with a service that builds, runs and passes its test, made of the templates in new/. */
#include "cli/new.h"

#include "cli/cli.h"
#include "cli/contracts.h"
#include "cli/text.h"

#include "base/bytes.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define KEPT_MAX    8
#define FIELDS_MAX  32
#define IMPORTS_MAX 32
#define VALUES_MAX  12

typedef struct kept {
    const furrow_entity_contract *entity;
    const char *file; /* of its contract */
    const ProtobufCFieldDescriptor *fields[FIELDS_MAX];
    size_t count;
} kept;

typedef struct making {
    const char *folder, *service, *entity;
    kept kept[KEPT_MAX];
    size_t kept_count;
    const char *imports[IMPORTS_MAX];
    size_t import_count;
    furrow_arena *arena;
} making;

/* ---- what was asked for ---- */

static bool is_name(const char *text, bool upper)
{
    size_t len = 0;
    for (const char *c = text; *c; c++, len++)
        if (!isalnum((unsigned char)*c) && (upper || *c != '_')) return false;
    return len > 0 && len <= 32 && (upper ? isupper((unsigned char)text[0]) : islower((unsigned char)text[0])) &&
           (upper || strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789_") == len);
}

static bool take_service_names(cli *tool, making *of)
{
    char *slash = strrchr(of->folder, '/');
    of->service = slash ? slash + 1 : of->folder;
    of->entity = cli_option(tool, "--entity");
    if (!is_name(of->service, false))
        cli_fail(tool, 2,
                 "new: the folder is called as the service: \"%s\" is to be a-z 0-9 _, a letter first, at most 32",
                 of->service);
    else if (cli_has_service(of->service) || !cli_client_ok(of->service))
        cli_fail(tool, 2, "new: %s is taken, by a service of the mesh or one of its users: call yours otherwise",
                 of->service);
    else if (!of->entity)
        cli_fail(tool, 2, "new: --entity is missing: what the service owns, as --entity Bin");
    else if (!is_name(of->entity, true))
        cli_fail(tool, 2, "new: --entity is \"%s\": use A-Z a-z 0-9, a capital first, at most 32", of->entity);
    else if (access(of->folder, F_OK) == 0)
        cli_fail(tool, 1, "%s is there already", of->folder);
    return !tool->exit_code;
}

static void add_import(making *of, const char *file)
{
    for (size_t i = 0; i < of->import_count; i++)
        if (strcmp(of->imports[i], file) == 0) return;
    FURROW_REQUIRE(of->import_count < IMPORTS_MAX);
    of->imports[of->import_count++] = file;
}

/* Of what Google's messages are called the files are, in lower case: google.protobuf.Timestamp. */
static void import_google(making *of, const ProtobufCFieldDescriptor *field)
{
    if (field->type != PROTOBUF_C_TYPE_MESSAGE) return;
    const ProtobufCMessageDescriptor *type = field->descriptor;
    if (!furrow_bytes_after(type->name, "google.protobuf.")) return;
    char *file = furrow_arena_printf(of->arena, "google/protobuf/%s.proto", type->short_name);
    FURROW_REQUIRE(file);
    for (char *c = file; *c; c++) *c = (char)tolower((unsigned char)*c);
    add_import(of, file);
}

static bool add_kept_field(cli *tool, making *of, kept *keep, const char *name)
{
    const ProtobufCFieldDescriptor *field =
        protobuf_c_message_descriptor_get_field_by_name(keep->entity->descriptor, name);
    if (!field) return cli_fail(tool, 2, "new: --keeps: %s has no field \"%s\"", keep->entity->name, name), false;
    if (field == keep->entity->private_field)
        return cli_fail(tool, 2, "new: --keeps: %s of %s is private: nobody else may keep it", name,
                        keep->entity->name),
               false;
    for (size_t i = 0; i < keep->count; i++)
        if (keep->fields[i] == field) return true;
    if (keep->count == FIELDS_MAX) return cli_fail(tool, 2, "new: --keeps: at most %d fields", FIELDS_MAX), false;
    keep->fields[keep->count++] = field;
    import_google(of, field);
    return true;
}

static const char *contract_file(const furrow_entity_contract *entity)
{
    for (size_t f = 0; f < cli_contract_count; f++)
        for (size_t i = 0; i < cli_contracts[f]->entity_count; i++)
            if (cli_contracts[f]->entities[i] == entity) return cli_contracts[f]->file;
    return "";
}

/* "employee.v1.Employee:id,display_name,status" */
static bool take_kept(cli *tool, making *of, const char *given)
{
    char *text = furrow_arena_strdup(of->arena, given), *rest = NULL;
    FURROW_REQUIRE(text);
    char *colon = strchr(text, ':');
    if (!colon)
        return cli_fail(tool, 2,
                        "new: --keeps is \"%s\": use ENTITY:FIELD,FIELD as employee.v1.Employee:id,display_name",
                        given),
               false;
    *colon = '\0';
    kept *keep = &of->kept[of->kept_count];
    keep->entity = cli_find_entity(text);
    if (!keep->entity || keep->entity->internal)
        return cli_fail(
                   tool, 2,
                   "new: --keeps: no contract here has an entity %s that others may keep (FURROW_CONTRACTS adds some)",
                   text),
               false;
    if (strcmp(keep->entity->short_name, of->entity) == 0)
        return cli_fail(tool, 2, "new: %s is what it owns and what it keeps: call the former otherwise", of->entity),
               false;
    for (size_t i = 0; i < of->kept_count; i++)
        if (strcmp(of->kept[i].entity->short_name, keep->entity->short_name) == 0)
            return cli_fail(tool, 2, "new: --keeps: %s stands there twice", keep->entity->short_name), false;
    of->kept_count++;
    add_import(of, keep->file = contract_file(keep->entity));
    bool good = add_kept_field(tool, of, keep, "id");
    for (char *name = strtok_r(colon + 1, ",", &rest); good && name; name = strtok_r(NULL, ",", &rest))
        good = add_kept_field(tool, of, keep, name);
    return good;
}

static bool take_new_options(cli *tool, making *of)
{
    const char *given;
    if (!take_service_names(tool, of)) return false;
    for (size_t i = 0; (given = cli_option_nth(tool, "--keeps", i)) != NULL; i++)
        if (i == KEPT_MAX)
            return cli_fail(tool, 2, "new: --keeps: at most %d", KEPT_MAX), false;
        else if (!take_kept(tool, of, given))
            return false;
    add_import(of, "furrow/v1/options.proto");
    return true;
}

/* ---- as the templates take it ---- */

static const char *count_text(making *of, size_t value)
{
    char *text = furrow_arena_printf(of->arena, "%zu", value);
    FURROW_REQUIRE(text);
    return text;
}

/* A copy of @values, which end with one without a name, in the arena. */
static const new_value *values(making *of, const new_value list[])
{
    size_t count = 0;
    while (list[count].name) count++;
    new_value *made = furrow_arena_memdup(of->arena, list, (count + 1) * sizeof *list);
    FURROW_REQUIRE(made);
    return made;
}

static const char *proto_type_of(making *of, const ProtobufCFieldDescriptor *field)
{
    static const char *const names[] = {
        [PROTOBUF_C_TYPE_INT32] = "int32",       [PROTOBUF_C_TYPE_SINT32] = "sint32",
        [PROTOBUF_C_TYPE_SFIXED32] = "sfixed32", [PROTOBUF_C_TYPE_INT64] = "int64",
        [PROTOBUF_C_TYPE_SINT64] = "sint64",     [PROTOBUF_C_TYPE_SFIXED64] = "sfixed64",
        [PROTOBUF_C_TYPE_UINT32] = "uint32",     [PROTOBUF_C_TYPE_FIXED32] = "fixed32",
        [PROTOBUF_C_TYPE_UINT64] = "uint64",     [PROTOBUF_C_TYPE_FIXED64] = "fixed64",
        [PROTOBUF_C_TYPE_FLOAT] = "float",       [PROTOBUF_C_TYPE_DOUBLE] = "double",
        [PROTOBUF_C_TYPE_BOOL] = "bool",         [PROTOBUF_C_TYPE_STRING] = "string",
        [PROTOBUF_C_TYPE_BYTES] = "bytes"};
    const char *name;
    if (field->type == PROTOBUF_C_TYPE_ENUM)
        name = ((const ProtobufCEnumDescriptor *)field->descriptor)->name;
    else if (field->type == PROTOBUF_C_TYPE_MESSAGE)
        name = ((const ProtobufCMessageDescriptor *)field->descriptor)->name;
    else
        name = names[field->type];
    if (field->label != PROTOBUF_C_LABEL_REPEATED) return name;
    char *repeated = furrow_arena_printf(of->arena, "repeated %s", name);
    FURROW_REQUIRE(repeated);
    return repeated;
}

static const new_list *fields_of(making *of, const kept *keep)
{
    new_element *elements = furrow_arena_alloc(of->arena, keep->count * sizeof *elements);
    new_list *lists = furrow_arena_alloc(of->arena, 2 * sizeof *lists);
    FURROW_REQUIRE(elements && lists);
    for (size_t i = 0; i < keep->count; i++)
        elements[i] = (new_element){
            .values = values(of, (const new_value[]){{"field", keep->fields[i]->name},
                                                     {"field_type", proto_type_of(of, keep->fields[i])},
                                                     {"field_number", count_text(of, keep->fields[i]->id)},
                                                     {NULL, NULL}})};
    lists[0] = (new_list){"field", elements, keep->count};
    lists[1] = (new_list){0};
    return lists;
}

/* What people know it by: its first text but the id, shown beside what names it. */
static const char *shown_of(const kept *keep)
{
    for (size_t i = 0; i < keep->count; i++)
        if (keep->fields[i]->type == PROTOBUF_C_TYPE_STRING && keep->fields[i]->label != PROTOBUF_C_LABEL_REPEATED &&
            strcmp(keep->fields[i]->name, "id") != 0)
            return keep->fields[i]->name;
    return NULL;
}

static void fill_kept(making *of, new_element elements[KEPT_MAX], new_element joined[KEPT_MAX], size_t *joined_count)
{
    for (size_t i = 0; i < of->kept_count; i++) {
        const kept *keep = &of->kept[i];
        const char *name = keep->entity->short_name, *shown = shown_of(keep), *snake = new_snake(name, of->arena);
        elements[i].values = values(of, (const new_value[]){{"kept", snake},
                                                            {"Kept", name},
                                                            {"keptJson", new_json(snake, of->arena)},
                                                            {"entity_of", keep->entity->name},
                                                            {"kept_number", count_text(of, 3 + i)},
                                                            {"listed_number", count_text(of, 4 + i)},
                                                            {NULL, NULL}});
        elements[i].lists = fields_of(of, keep);
        if (shown)
            joined[*joined_count].values =
                values(of, (const new_value[]){{"kept", snake},
                                               {"Kept", name},
                                               {"field", shown},
                                               {"joined_number", count_text(of, 3 + *joined_count)},
                                               {NULL, NULL}});
        if (shown) ++*joined_count;
    }
}

/* Each once. */
static size_t fill_owners(making *of, new_element owners[KEPT_MAX])
{
    size_t count = 0;
    for (size_t i = 0; i < of->kept_count; i++) {
        const char *owner = of->kept[i].entity->owner;
        size_t at = 0;
        while (at < count && strcmp(owners[at].values[0].text, owner) != 0) at++;
        if (at < count) continue;
        owners[count++].values = values(of, (const new_value[]){{"owner", owner}, {NULL, NULL}});
    }
    return count;
}

/* ---- files ---- */

static bool make_folders(cli *tool, const char *path)
{
    char *folder = strdup(path);
    FURROW_REQUIRE(folder);
    bool good = true;
    for (char *slash = strchr(folder + 1, '/'); good && slash; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        good = mkdir(folder, 0777) == 0 || errno == EEXIST;
        if (!good) cli_fail(tool, 1, "%s: %s", folder, strerror(errno));
        *slash = '/';
    }
    free(folder);
    return good;
}

static void make_file(cli *tool, const making *of, const new_template *template, const new_element *all)
{
    char *path = NULL;
    size_t len;
    FILE *name = open_memstream(&path, &len);
    FURROW_REQUIRE(name);
    fprintf(name, "%s/", of->folder);
    new_render(name, template->name, all);
    fclose(name);
    bool dry_run = cli_flag(tool, "--dry-run");
    if (!dry_run && make_folders(tool, path)) {
        FILE *file = fopen(path, "wxe");
        if (file) new_render(file, template->text, all);
        if (!file || fclose(file) != 0) cli_fail(tool, 1, "%s: %s", path, strerror(errno));
    }
    if (!tool->exit_code && cli_flag(tool, "--json"))
        text_json_line("made", path, dry_run);
    else if (!tool->exit_code)
        printf(dry_run ? "%s would be made\n" : "%s\n", path);
    free(path);
}

static void make_all(cli *tool, making *of)
{
    new_element rows[KEPT_MAX] = {0}, joined[KEPT_MAX] = {0}, imports[IMPORTS_MAX] = {0}, owners[KEPT_MAX] = {0};
    size_t joined_count = 0;
    fill_kept(of, rows, joined, &joined_count);
    for (size_t i = 0; i < of->import_count; i++)
        imports[i].values = values(of, (const new_value[]){{"import", of->imports[i]}, {NULL, NULL}});
    size_t owner_count = fill_owners(of, owners);
    const char *entities = new_plural(of->entity, of->arena);
    const new_value own[] = {{"service", of->service},
                             {"Service", new_camel(of->service, of->arena)},
                             {"SERVICE", new_upper(of->service, of->arena)},
                             {"Entity", of->entity},
                             {"entity", new_snake(of->entity, of->arena)},
                             {"ENTITY", new_upper(of->entity, of->arena)},
                             {"Entities", entities},
                             {"entities", new_snake(entities, of->arena)},
                             {NULL, NULL}};
    const new_list lists[] = {{"kept", rows, of->kept_count},
                              {"joined", joined, joined_count},
                              {"import", imports, of->import_count},
                              {"owner", owners, owner_count},
                              {NULL, NULL, 0}};
    const new_element all = {own, lists};
    for (size_t i = 0; i < new_template_count && !tool->exit_code; i++) make_file(tool, of, &new_templates[i], &all);
}

int cli_new(cli *tool)
{
    static making of; /* more than a task's stack likes */
    of.folder = tool->argv[0];
    of.arena = furrow_arena_create(1 << 20);
    FURROW_REQUIRE(of.arena);
    if (take_new_options(tool, &of)) make_all(tool, &of);
    if (!tool->exit_code && !cli_flag(tool, "--json") && !cli_flag(tool, "--dry-run"))
        printf("now: furrow dev run %s\n", of.folder);
    furrow_arena_destroy(of.arena);
    return tool->exit_code;
}
