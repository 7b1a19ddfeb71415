/*
 * What generated code does once compiled: the golden contracts' tables hold what their .proto says, the handler table
 * leads to the author's functions and the typed client hands on what it is given. The functions of rpc/client.h and
 * rpc/blocking.h that the client stands on are played here, so nothing of rpc runs.
 */
#include "buyer/v1/buyer.furrow.h"
#include "depot/v1/depot.client.h"
#include "depot/v1/depot.domain.h"
#include "depot/v1/depot.server.h"
#include "odd_names/v1/odd_names.client.h"
#include "odd_names/v1/odd_names.server.h"
#include "google/protobuf/descriptor.pb-c.h"
#include "runtime/command.h"
#include "shop/v1/shop.furrow.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

/* --- what the service's author writes --- */

static const void *seen_call, *seen_request, *seen_response, *seen_error;
static const char *seen_method;

static furrow_status note(const char *method, const void *call, const void *request, const void *response,
                          const void *err)
{
    seen_method = method;
    seen_call = call;
    seen_request = request;
    seen_response = response;
    seen_error = err;
    return FURROW_NOT_FOUND;
}

furrow_status depot_main_get_crate(furrow_call *call, const Depot__V1__GetCrateRequest *request,
                                   Depot__V1__ProduceCrate *response, furrow_error *err)
{
    return note("GetCrate", call, request, response, err);
}

furrow_status depot_main_move_crate(furrow_call *call, const Depot__V1__GetCrateRequest *request,
                                    Google__Protobuf__Empty *response, furrow_error *err)
{
    return note("MoveCrate", call, request, response, err);
}

furrow_status depot_main_get_secret(furrow_call *call, const Depot__V1__GetCrateRequest *request,
                                    Depot__V1__ProduceCrate *response, furrow_error *err)
{
    return note("GetSecret", call, request, response, err);
}

furrow_status depot_main_stack_crate(const depot_main_stack_crate_known *known, Depot__V1__ProduceCrate *next,
                                     furrow_error *err)
{
    return note("StackCrate", known->request, known->below, next, err);
}

furrow_status depot_main_stack_crate_slot_claim(const depot_main_stack_crate_known *known,
                                                const Depot__V1__ProduceCrate *decided,
                                                const Depot__V1__SlotClaim *slot_claim, Depot__V1__SlotClaim *next,
                                                furrow_error *err)
{
    return note("StackCrate.SlotClaim", known->request, slot_claim, next, err);
}

static furrow_status prepared = FURROW_OK;

furrow_status depot_main_pack_crate_prepare(furrow_call *call, const Depot__V1__CrateState *request, furrow_error *err)
{
    (void)note("PackCrate.prepare", call, request, NULL, err);
    return prepared;
}

furrow_status depot_main_pack_crate_id(const depot_main_pack_crate_known *known, char id[FURROW_ID_MAX + 1],
                                       furrow_error *err)
{
    return note("PackCrate.id", known->request, NULL, id, err);
}

furrow_status depot_main_pack_crate(const depot_main_pack_crate_known *known, Depot__V1__ProduceCrate *next,
                                    furrow_error *err)
{
    return note("PackCrate", known->request, NULL, next, err);
}

furrow_status depot_main_seal_crate(const depot_main_seal_crate_known *known, Depot__V1__ProduceCrate *next,
                                    furrow_error *err)
{
    return note("SealCrate", known->request, known->produce_crate, next, err);
}

furrow_status depot_main_burn_crate(const depot_main_burn_crate_known *known, furrow_error *err)
{
    return note("BurnCrate", known->request, known->produce_crate, NULL, err);
}

furrow_status odd_names_get_url(furrow_call *call, const OddNames__V1__SnakeMessage2 *request,
                                OddNames__V1__Area51SiteX *response, furrow_error *err)
{
    return note("GetURL", call, request, response, err);
}

furrow_status odd_names_get_lower(furrow_call *call, const OddNames__V1__SnakeMessage2__InnerMessage *request,
                                  OddNames__V1__SnakeMessage2__InnerMessage__X9Y *response, furrow_error *err)
{
    return note("get_lower", call, request, response, err);
}

furrow_status odd_names_a(furrow_call *call, const OddNames__V1__Leading *request, OddNames__V1__HTTPServer *response,
                          furrow_error *err)
{
    return note("A", call, request, response, err);
}

furrow_status odd_names_b(furrow_call *call, const OddNames__V1__HTTPServer *request,
                          OddNames__V1__HTTPServer *response, furrow_error *err)
{
    return note("B", call, request, response, err);
}

/* --- what rpc does --- */

static const furrow_method_contract *called;
static const ProtobufCMessage *sent;
static const furrow_call_options *sent_options;
static furrow_client_fn *pending;
static void *pending_arg;
static furrow_status answer;
static ProtobufCMessage *reply;

furrow_status furrow_client_call(furrow_client *client, const furrow_method_contract *method,
                                 const ProtobufCMessage *request, const furrow_call_options *options,
                                 furrow_arena *arena, ProtobufCMessage **response, furrow_error *err)
{
    called = method;
    sent = request;
    sent_options = options;
    if (answer != FURROW_OK) return furrow_fail(err, answer, "played");
    *response = reply;
    return FURROW_OK;
}

furrow_status furrow_client_call_async(furrow_client *client, const furrow_method_contract *method,
                                       const ProtobufCMessage *request, const furrow_call_options *options,
                                       furrow_client_fn *fn, void *arg, furrow_error *err)
{
    called = method;
    sent = request;
    sent_options = options;
    if (answer != FURROW_OK) return furrow_fail(err, answer, "played");
    pending = fn;
    pending_arg = arg;
    return FURROW_OK;
}

furrow_status furrow_blocking_call(furrow_blocking *client, const furrow_method_contract *method,
                                   const ProtobufCMessage *request, const furrow_call_options *options,
                                   furrow_arena *arena, ProtobufCMessage **response, furrow_error *err)
{
    return furrow_client_call(NULL, method, request, options, arena, response, err);
}

/* --- what the runtime does --- */

static const furrow_command_contract *ran;

furrow_status furrow_command_run(const furrow_command_contract *command, furrow_call *call,
                                 const ProtobufCMessage *request, ProtobufCMessage *response, furrow_error *err)
{
    ran = command;
    seen_call = call;
    return FURROW_ABORTED;
}

/* --- the tables --- */

static const ProtobufCFieldDescriptor *field(const ProtobufCMessageDescriptor *message, const char *name)
{
    return protobuf_c_message_descriptor_get_field_by_name(message, name);
}

START_TEST(an_entity_has_what_its_options_say)
{
    const furrow_entity_contract *crate = &depot_v1_produce_crate_entity;
    ck_assert_str_eq(crate->name, "depot.v1.ProduceCrate");
    ck_assert_str_eq(crate->short_name, "ProduceCrate");
    ck_assert_str_eq(crate->owner, "depot_main");
    ck_assert_str_eq(crate->stream, "PRODUCE_CRATE");
    ck_assert_str_eq(crate->subjects, "depot.v1.ProduceCrate.*");
    ck_assert_str_eq(crate->description, "A crate of produce. It is weighed \"as is\" \\ where it stands?\?!");
    ck_assert_ptr_eq(crate->descriptor, &depot__v1__produce_crate__descriptor);
    ck_assert_uint_eq(crate->history, 8);
    ck_assert_uint_eq(crate->replicas, 3);
    ck_assert(crate->memory && !crate->internal);
    const furrow_entity_contract *claim = &depot_v1_slot_claim_entity;
    ck_assert_uint_eq(claim->history, 2);
    ck_assert(claim->internal && !claim->memory && !claim->private_field && claim->index_count == 0);
}
END_TEST

START_TEST(a_unique_field_has_an_entity_of_claims)
{
    const furrow_entity_contract *crate = &depot_v1_produce_crate_entity, *claim = &depot_v1_shelf_label_claim_entity;
    ck_assert_uint_eq(crate->unique_count, 1);
    ck_assert_str_eq(crate->uniques[0].field, "shelf_label");
    ck_assert_str_eq(crate->uniques[0].descriptor->name, "shelf_label");
    ck_assert_ptr_eq(crate->uniques[0].claims, claim);
    ck_assert_str_eq(crate->unique_while->name, "grade");
    ck_assert_int_eq(crate->unique_while_value, DEPOT__V1__GRADE__GRADE_CANNING);
    ck_assert_str_eq(claim->name, "depot.v1.ShelfLabelClaim");
    ck_assert_str_eq(claim->stream, "SHELF_LABEL_CLAIM");
    ck_assert(claim->internal && !claim->private_field);
    ck_assert_uint_eq(claim->index_count, 1);
    ck_assert_str_eq(claim->indexes[0].field, "holder");
    ck_assert_str_eq(claim->indexes[0].descriptor->name, "holder");
}
END_TEST

START_TEST(indexes_and_the_private_field_are_protobuf_cs_own_descriptors)
{
    static const struct {
        const char *name;
        bool fold;
    } rows[] = {{"tags", true}, {"grade", false}, {"weight_g", false}, {"organic", false}, {"picked_at", false}};
    const furrow_entity_contract *crate = &depot_v1_produce_crate_entity;
    ck_assert_uint_eq(crate->index_count, sizeof rows / sizeof *rows);
    for (size_t i = 0; i < crate->index_count; i++) {
        ck_assert_str_eq(crate->indexes[i].field, rows[i].name);
        ck_assert_int_eq(crate->indexes[i].fold, rows[i].fold);
        ck_assert_ptr_eq(crate->indexes[i].descriptor, field(crate->descriptor, rows[i].name));
    }
    ck_assert_ptr_eq(crate->private_field, field(crate->descriptor, "secret"));
    const furrow_index_contract *odd = odd_names_v1_http_server_entity.indexes;
    ck_assert_ptr_eq(odd[0].descriptor, field(&odd_names__v1__httpserver__descriptor, "URLPath"));
    ck_assert_ptr_eq(odd[1].descriptor, field(&odd_names__v1__httpserver__descriptor, "class"));
}
END_TEST

START_TEST(a_replica_names_its_entity_and_what_it_keeps)
{
    const furrow_replica_contract *crate = &shop_v1_crate_replica;
    ck_assert_str_eq(crate->name, "shop.v1.Crate");
    ck_assert_str_eq(crate->service, "shop");
    ck_assert_str_eq(crate->entity, "depot.v1.ProduceCrate");
    ck_assert_str_eq(crate->short_name, "ProduceCrate");
    ck_assert_str_eq(crate->stream, "PRODUCE_CRATE");
    ck_assert_str_eq(crate->subjects, "depot.v1.ProduceCrate.*");
    ck_assert_str_eq(crate->keeps, "id,grade,picked_at,parts.name,parts.parts,shelf,truck,counts,marks,whole.parts");
    ck_assert_ptr_eq(crate->descriptor, &shop__v1__crate__descriptor);
    ck_assert_uint_eq(crate->index_count, 1);
    ck_assert_ptr_eq(crate->indexes[0].descriptor, field(crate->descriptor, "grade"));
    ck_assert_uint_eq(shop_v1_shop_file.replica_count, 1);
    ck_assert_ptr_eq(shop_v1_shop_file.replicas[0], crate);
    ck_assert_uint_eq(shop_v1_shop_file.service_count, 1);
    ck_assert_uint_eq(shop_v1_shop_file.entity_count, 1);
}
END_TEST

START_TEST(a_service_has_its_methods_in_order)
{
    const furrow_service_contract *depot = &depot_v1_depot_service;
    ck_assert_str_eq(depot->name, "depot.v1.DepotService");
    ck_assert_str_eq(depot->short_name, "depot_main");
    ck_assert_str_eq(depot->package, "depot.v1");
    ck_assert_str_eq(depot->summary, "Crates, from field to truck.");
    ck_assert_uint_eq(depot->method_count, 3);
    ck_assert_uint_eq(depot->call_count, 0);
    const furrow_method_contract *get = &depot->methods[DEPOT_V1_DEPOT_SERVICE_GET_CRATE];
    ck_assert_str_eq(get->name, "GetCrate");
    ck_assert_str_eq(get->subject, "depot.v1.DepotService.GetCrate");
    ck_assert_str_eq(get->summary, "One crate.");
    ck_assert_ptr_eq(get->input, &depot__v1__get_crate_request__descriptor);
    ck_assert_ptr_eq(get->output, &depot__v1__produce_crate__descriptor);
    ck_assert_int_eq(get->idempotency, FURROW_NO_SIDE_EFFECTS);
    ck_assert_uint_eq(get->timeout_ms, 250);
    ck_assert(!get->restricted);
    const furrow_method_contract *move = &depot->methods[DEPOT_V1_DEPOT_SERVICE_MOVE_CRATE];
    ck_assert_str_eq(move->summary, "Moves a crate");
    ck_assert_int_eq(move->idempotency, FURROW_IDEMPOTENT);
    ck_assert_ptr_eq(move->output, &google__protobuf__empty__descriptor);
    const furrow_method_contract *secret = &depot->methods[DEPOT_V1_DEPOT_SERVICE_GET_SECRET];
    ck_assert_int_eq(secret->idempotency, FURROW_IDEMPOTENCY_UNKNOWN);
    ck_assert(secret->restricted);
    ck_assert_str_eq(secret->summary, "");
}
END_TEST

START_TEST(a_service_names_what_it_calls)
{
    const furrow_service_contract *buyer = &buyer_v1_buyer_service;
    ck_assert_uint_eq(buyer->call_count, 2);
    ck_assert_str_eq(buyer->calls[0], depot_v1_depot_service.methods[DEPOT_V1_DEPOT_SERVICE_GET_CRATE].subject);
    ck_assert_str_eq(buyer->calls[1], depot_v1_depot_service.methods[DEPOT_V1_DEPOT_SERVICE_MOVE_CRATE].subject);
}
END_TEST

START_TEST(a_file_lists_all_it_declares)
{
    ck_assert_str_eq(depot_v1_depot_file.file, "depot/v1/depot.proto");
    ck_assert_uint_eq(depot_v1_depot_file.service_count, 2);
    ck_assert_ptr_eq(depot_v1_depot_file.services[0], &depot_v1_depot_service);
    ck_assert_uint_eq(depot_v1_depot_file.entity_count, 4);
    ck_assert_ptr_eq(depot_v1_depot_file.entities[0], &depot_v1_produce_crate_entity);
    ck_assert_ptr_eq(depot_v1_depot_file.entities[1], &depot_v1_shelf_label_claim_entity);
    ck_assert_ptr_eq(depot_v1_depot_file.entities[2], &depot_v1_slot_claim_entity);
    ck_assert_ptr_eq(depot_v1_depot_file.entities[3], &depot_v1_crate_key_entity);
    ck_assert_uint_eq(depot_v1_depot_file.replica_count, 0);
    ck_assert_uint_eq(odd_names_v1_odd_names_file.service_count, 2);
}
END_TEST

/* --- server and client --- */

static void check_handlers(const furrow_handlers *handlers)
{
    int call, request, response;
    furrow_error err;
    for (size_t i = 0; i < handlers->service->method_count; i++) {
        furrow_status status = handlers->methods[i]((furrow_call *)&call, (void *)&request, (void *)&response, &err);
        ck_assert_int_eq(status, FURROW_NOT_FOUND);
        ck_assert_str_eq(seen_method, handlers->service->methods[i].name);
        ck_assert(seen_call == &call && seen_request == &request && seen_response == &response && seen_error == &err);
    }
}

/* Its own file last and with its comments, what it imports before it and without theirs. */
START_TEST(a_file_brings_its_own_descriptors)
{
    const furrow_bytes *bytes = shop_v1_shop_file.descriptors;
    Google__Protobuf__FileDescriptorSet *set =
        google__protobuf__file_descriptor_set__unpack(NULL, bytes->len, bytes->data);
    ck_assert_ptr_nonnull(set);
    ck_assert_str_eq(set->file[set->n_file - 1]->name, "shop/v1/shop.proto");
    bool depot = false, comment = false;
    for (size_t i = 0; i + 1 < set->n_file; i++) {
        ck_assert_ptr_null(set->file[i]->source_code_info);
        depot |= strcmp(set->file[i]->name, "depot/v1/depot.proto") == 0;
    }
    const Google__Protobuf__SourceCodeInfo *info = set->file[set->n_file - 1]->source_code_info;
    for (size_t i = 0; i < info->n_location; i++) {
        const char *text = info->location[i]->leading_comments;
        comment |= text && strcmp(text, " What the shop keeps of a crate.\n") == 0;
    }
    ck_assert(depot && comment);
    ck_assert_ptr_eq(depot_v1_depot_file.descriptors, depot_v1_depot_file.services[0]->descriptors);
    google__protobuf__file_descriptor_set__free_unpacked(set, NULL);
}
END_TEST

START_TEST(handlers_lead_to_the_authors_functions_in_the_contracts_order)
{
    ck_assert_ptr_eq(depot_v1_depot_service_handlers.service, &depot_v1_depot_service);
    check_handlers(&depot_v1_depot_service_handlers);
    check_handlers(&odd_names_v1_http_service_handlers);
    check_handlers(&odd_names_v1_second_service_handlers);
}
END_TEST

static const furrow_command_contract *command_of(size_t method)
{
    ran = NULL;
    seen_call = NULL;
    ck_assert_int_eq(depot_v1_yard_service_handlers.methods[method]((furrow_call *)&ran, NULL, NULL, NULL),
                     FURROW_ABORTED);
    ck_assert_ptr_eq(seen_call, &ran);
    ck_assert_ptr_nonnull(ran);
    return ran;
}

START_TEST(a_command_is_what_its_option_says)
{
    const furrow_command_contract *stack = command_of(DEPOT_V1_YARD_SERVICE_STACK_CRATE);
    ck_assert_ptr_eq(stack->entity, &depot_v1_produce_crate_entity);
    ck_assert_str_eq(stack->noun, "produce crate");
    ck_assert_str_eq(stack->event, "stacked");
    ck_assert_str_eq(stack->id.name, "crate.id");
    ck_assert_uint_eq(stack->id.within, offsetof(Depot__V1__StackCrateRequest, crate));
    ck_assert_uint_eq(stack->id.at, offsetof(Depot__V1__ProduceCrate, id));
    ck_assert_uint_eq(stack->version.at, offsetof(Depot__V1__StackCrateRequest, version));
    ck_assert(stack->allow_missing && !stack->creates && !stack->deletes && !stack->erases && !stack->seals.name);
    ck_assert_uint_eq(stack->updated_at, offsetof(Depot__V1__ProduceCrate, updated_at));
    ck_assert_uint_eq(stack->private_at, offsetof(Depot__V1__ProduceCrate, secret));
    ck_assert_uint_eq(stack->answer_state, offsetof(Depot__V1__CrateState, crate));
    ck_assert_uint_eq(stack->answer_version, offsetof(Depot__V1__CrateState, version));
    ck_assert_uint_eq(stack->fact_count, 3);
    ck_assert_ptr_eq(stack->facts[0].entity, &depot_v1_produce_crate_entity);
    ck_assert_uint_eq(stack->facts[0].id.at, offsetof(Depot__V1__StackCrateRequest, below));
    ck_assert_uint_eq(stack->facts[0].id.count_at, offsetof(Depot__V1__StackCrateRequest, n_below));
    ck_assert(stack->facts[0].required && !stack->facts[0].of_state);
    ck_assert_str_eq(stack->facts[1].name, "slot claim");
    ck_assert_uint_eq(stack->facts[1].id.at, offsetof(Depot__V1__StackCrateRequest, default_));
    ck_assert(stack->facts[2].of_state && !stack->facts[2].required);
    ck_assert_ptr_eq(stack->also->entity, &depot_v1_slot_claim_entity);
    ck_assert_uint_eq(stack->also->id.at, offsetof(Depot__V1__ProduceCrate, shelf_label));
    ck_assert_uint_eq(stack->also->when.at, offsetof(Depot__V1__ProduceCrate, grade));
    const furrow_command_contract *seal = command_of(DEPOT_V1_YARD_SERVICE_SEAL_CRATE);
    ck_assert_uint_eq(seal->seals.at, offsetof(Depot__V1__SealCrateRequest, private_));
    ck_assert(seal->answers_sealed && !seal->answer_state);
    const furrow_command_contract *burn = command_of(DEPOT_V1_YARD_SERVICE_BURN_CRATE);
    ck_assert(burn->deletes && burn->erases);
    ck_assert_uint_eq(burn->answer_erased, offsetof(Depot__V1__BurnCrateResponse, states));
}
END_TEST

START_TEST(a_command_is_prepared_first)
{
    furrow_handler_fn *pack = depot_v1_yard_service_handlers.methods[DEPOT_V1_YARD_SERVICE_PACK_CRATE];
    Depot__V1__CrateState request = DEPOT__V1__CRATE_STATE__INIT, response = DEPOT__V1__CRATE_STATE__INIT;
    furrow_error err;
    ran = NULL;
    prepared = FURROW_UNAVAILABLE;
    ck_assert_int_eq(pack((furrow_call *)&ran, &request.base, &response.base, &err), FURROW_UNAVAILABLE);
    ck_assert_str_eq(seen_method, "PackCrate.prepare");
    ck_assert(seen_call == &ran && seen_request == &request && seen_error == &err);
    ck_assert_ptr_null(ran); /* what is not prepared is not done */
    prepared = FURROW_OK;
    ck_assert_int_eq(pack((furrow_call *)&ran, &request.base, &response.base, &err), FURROW_ABORTED);
    ck_assert_ptr_nonnull(ran);
}
END_TEST

START_TEST(a_decision_is_given_what_is_known_under_its_own_types)
{
    Depot__V1__StackCrateRequest request = DEPOT__V1__STACK_CRATE_REQUEST__INIT;
    Depot__V1__ProduceCrate below = DEPOT__V1__PRODUCE_CRATE__INIT, next = DEPOT__V1__PRODUCE_CRATE__INIT;
    ProtobufCMessage *crates[] = {&below.base};
    furrow_fact facts[] = {{.messages = crates, .count = 1}, {.count = 0}, {.count = 0}};
    furrow_known known = {.request = &request.base, .state = &below.base, .facts = facts};
    furrow_error err;
    const furrow_command_contract *stack = command_of(DEPOT_V1_YARD_SERVICE_STACK_CRATE);
    ck_assert_int_eq(stack->decide(&known, &next.base, &err), FURROW_NOT_FOUND);
    ck_assert_str_eq(seen_method, "StackCrate");
    ck_assert(seen_call == &request && seen_request == (void *)crates && seen_response == &next && seen_error == &err);
    ck_assert_int_eq(stack->also->decide(&known, &next.base, &below.base, &next.base, &err), FURROW_NOT_FOUND);
    ck_assert_str_eq(seen_method, "StackCrate.SlotClaim");
    ck_assert_ptr_eq(seen_request, &below);
    char id[FURROW_ID_MAX + 1];
    const furrow_command_contract *pack = command_of(DEPOT_V1_YARD_SERVICE_PACK_CRATE);
    ck_assert_int_eq(pack->compute_id(&known, id, &err), FURROW_NOT_FOUND);
    ck_assert_ptr_eq(seen_response, id);
    ck_assert_int_eq(command_of(DEPOT_V1_YARD_SERVICE_BURN_CRATE)->decide(&known, NULL, &err), FURROW_NOT_FOUND);
    ck_assert(seen_call == &request && seen_request == &below);
}
END_TEST

START_TEST(a_typed_call_hands_on_its_arguments_and_its_answer)
{
    Depot__V1__GetCrateRequest request = DEPOT__V1__GET_CRATE_REQUEST__INIT;
    Depot__V1__ProduceCrate crate = DEPOT__V1__PRODUCE_CRATE__INIT, *response = NULL;
    furrow_call_options options = {.timeout_ms = 5};
    furrow_error err = {0};
    answer = FURROW_OK;
    reply = &crate.base;
    ck_assert_int_eq(depot_main_get_crate_call(NULL, &request, &options, NULL, &response, &err), FURROW_OK);
    ck_assert_ptr_eq(response, &crate);
    ck_assert_ptr_eq(called, &depot_v1_depot_service.methods[DEPOT_V1_DEPOT_SERVICE_GET_CRATE]);
    ck_assert_ptr_eq(sent, &request.base);
    ck_assert_ptr_eq(sent_options, &options);

    answer = FURROW_UNAVAILABLE;
    response = NULL;
    ck_assert_int_eq(depot_main_get_crate_call(NULL, &request, NULL, NULL, &response, &err), FURROW_UNAVAILABLE);
    ck_assert_ptr_null(response);
    ck_assert_str_eq(err.text, "played");
}
END_TEST

typedef struct outcome {
    int runs;
    furrow_status status;
    const furrow_error *err;
    const Google__Protobuf__Empty *response;
} outcome;

static void on_moved(void *arg, furrow_status status, const furrow_error *err, const Google__Protobuf__Empty *response)
{
    outcome *seen = arg;
    *seen = (outcome){seen->runs + 1, status, err, response};
}

START_TEST(a_blocking_call_hands_on_its_arguments_and_its_answer)
{
    Depot__V1__GetCrateRequest request = DEPOT__V1__GET_CRATE_REQUEST__INIT;
    Google__Protobuf__Empty empty = GOOGLE__PROTOBUF__EMPTY__INIT, *response = NULL;
    furrow_call_options options = {.timeout_ms = 5};
    furrow_error err = {0};
    answer = FURROW_OK;
    reply = &empty.base;
    ck_assert_int_eq(depot_main_move_crate_call_blocking(NULL, &request, &options, NULL, &response, &err), FURROW_OK);
    ck_assert_ptr_eq(response, &empty);
    ck_assert_ptr_eq(called, &depot_v1_depot_service.methods[DEPOT_V1_DEPOT_SERVICE_MOVE_CRATE]);
    ck_assert(sent == &request.base && sent_options == &options);

    answer = FURROW_UNAVAILABLE;
    response = NULL;
    ck_assert_int_eq(depot_main_move_crate_call_blocking(NULL, &request, NULL, NULL, &response, &err),
                     FURROW_UNAVAILABLE);
    ck_assert_ptr_null(response);
}
END_TEST

START_TEST(an_asynchronous_call_comes_back_typed_and_once)
{
    Depot__V1__GetCrateRequest request = DEPOT__V1__GET_CRATE_REQUEST__INIT;
    Google__Protobuf__Empty empty = GOOGLE__PROTOBUF__EMPTY__INIT;
    furrow_error err = {0};
    outcome seen = {0};
    answer = FURROW_OK;
    ck_assert_int_eq(depot_main_move_crate_call_async(NULL, &request, NULL, on_moved, &seen, &err), FURROW_OK);
    ck_assert_ptr_eq(called, &depot_v1_depot_service.methods[DEPOT_V1_DEPOT_SERVICE_MOVE_CRATE]);
    ck_assert_int_eq(seen.runs, 0);
    pending(pending_arg, FURROW_OK, NULL, &empty.base);
    ck_assert(seen.runs == 1 && seen.status == FURROW_OK && seen.response == &empty);

    ck_assert_int_eq(depot_main_move_crate_call_async(NULL, &request, NULL, on_moved, &seen, &err), FURROW_OK);
    pending(pending_arg, FURROW_ABORTED, &err, NULL);
    ck_assert(seen.runs == 2 && seen.status == FURROW_ABORTED && seen.err == &err && !seen.response);

    answer = FURROW_UNAVAILABLE;
    ck_assert_int_eq(depot_main_move_crate_call_async(NULL, &request, NULL, on_moved, &seen, &err), FURROW_UNAVAILABLE);
    ck_assert_int_eq(seen.runs, 2);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("codegen_output");
    TCase *all = tcase_create("codegen_output");
    tcase_add_test(all, an_entity_has_what_its_options_say);
    tcase_add_test(all, a_unique_field_has_an_entity_of_claims);
    tcase_add_test(all, indexes_and_the_private_field_are_protobuf_cs_own_descriptors);
    tcase_add_test(all, a_replica_names_its_entity_and_what_it_keeps);
    tcase_add_test(all, a_service_has_its_methods_in_order);
    tcase_add_test(all, a_service_names_what_it_calls);
    tcase_add_test(all, a_file_lists_all_it_declares);
    tcase_add_test(all, a_file_brings_its_own_descriptors);
    tcase_add_test(all, handlers_lead_to_the_authors_functions_in_the_contracts_order);
    tcase_add_test(all, a_command_is_what_its_option_says);
    tcase_add_test(all, a_command_is_prepared_first);
    tcase_add_test(all, a_decision_is_given_what_is_known_under_its_own_types);
    tcase_add_test(all, a_typed_call_hands_on_its_arguments_and_its_answer);
    tcase_add_test(all, a_blocking_call_hands_on_its_arguments_and_its_answer);
    tcase_add_test(all, an_asynchronous_call_comes_back_typed_and_once);
    suite_add_tcase(suite, all);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
