/** The C names that generated code defines: package and name in snake case, joined by '_'. */
#include "codegen/symbols.h"

#include "codegen/names.h"
#include "codegen/text.h"

#include <string.h>

const char *furrow_symbols_file(furrow_arena *arena, const furrow_model_file *file)
{
    return furrow_text_printf(arena, "%s_file", furrow_names_identifier(arena, furrow_names_stem(arena, file->name)));
}

const char *furrow_symbols_descriptors(furrow_arena *arena, const furrow_model_file *file)
{
    return furrow_text_printf(arena, "%s_descriptors",
                              furrow_names_identifier(arena, furrow_names_stem(arena, file->name)));
}

static const char *in_package(furrow_arena *arena, const furrow_model_file *file, const char *name)
{
    return furrow_text_printf(arena, "%s_%s", furrow_names_identifier(arena, file->package),
                              furrow_names_snake(arena, name));
}

const char *furrow_symbols_message(furrow_arena *arena, const furrow_model_message *message)
{
    return furrow_text_printf(arena, "%s_%s", in_package(arena, message->file, message->short_name),
                              message->options.entity ? "entity" : "replica");
}

const char *furrow_symbols_check(furrow_arena *arena, const furrow_model_message *message)
{
    return furrow_text_printf(arena, "%s_check_%s", message->file->owner,
                              furrow_names_snake(arena, message->short_name));
}

const char *furrow_symbols_rules(furrow_arena *arena, const furrow_model_message *message)
{
    return furrow_text_printf(arena, "%s_rules", in_package(arena, message->file, message->short_name));
}

const char *furrow_symbols_reaction(furrow_arena *arena, const furrow_model_message *message)
{
    return furrow_text_printf(arena, "%s_on_%s_change", message->file->owner,
                              furrow_names_snake(arena, message->short_name));
}

/* A nested message's name has those that it stands in before it. */
const char *furrow_symbols_field_rules(furrow_arena *arena, const furrow_model_message *message)
{
    size_t package = strlen(message->file->package);
    const char *own = message->name + (package > 0 ? package + 1 : 0), *name = "";
    while (*own) {
        size_t len = strcspn(own, ".");
        name = furrow_text_printf(arena, "%s%s%s", name, name[0] ? "_" : "",
                                  furrow_names_snake(arena, furrow_text_copy(arena, own, len)));
        own += len + (own[len] == '.');
    }
    return furrow_text_printf(arena, "%s_%s_field_rules", furrow_names_identifier(arena, message->file->package), name);
}

const char *furrow_symbols_service(furrow_arena *arena, const furrow_model_file *file,
                                   const furrow_model_service *service)
{
    return in_package(arena, file, service->own_name);
}

const char *furrow_symbols_method_index(furrow_arena *arena, const furrow_model_file *file,
                                        const furrow_model_service *service, const furrow_model_method *method)
{
    const char *name = furrow_text_printf(arena, "%s_%s", furrow_symbols_service(arena, file, service),
                                          furrow_names_snake(arena, method->name));
    return furrow_names_upper(arena, name);
}

const char *furrow_symbols_method(furrow_arena *arena, const furrow_model_service *service,
                                  const furrow_model_method *method)
{
    return furrow_text_printf(arena, "%s_%s", service->short_name, furrow_names_snake(arena, method->name));
}

const char *furrow_symbols_known(furrow_arena *arena, const furrow_known_options *known,
                                 const furrow_model_message *message)
{
    return furrow_names_c_member(arena, known->as ? known->as : furrow_names_snake(arena, message->short_name));
}

const char *furrow_symbols_claim(furrow_arena *arena, const furrow_model_message *entity,
                                 const furrow_model_field *field)
{
    return furrow_text_printf(arena, "%s_entity",
                              in_package(arena, entity->file, furrow_names_claim(arena, field->name)));
}
