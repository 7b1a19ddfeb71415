/* The decisions of the orchard service, as an author writes them: nothing but the generated header. */
#include "orchard/v1/orchard.domain.h"

furrow_status orchard_check_plant(const Orchard__V1__Plant *plant, furrow_error *err)
{
    if (!plant->size || plant->size->height_cm >= 0) return FURROW_OK;
    return furrow_fail_field(err, "size.height_cm", "is below the ground");
}

furrow_status orchard_plant_tree(const orchard_plant_tree_known *known, Orchard__V1__Plant *next, furrow_error *err)
{
    if (known->request->beside_id[0] && !known->beside)
        return furrow_fail(err, FURROW_FAILED_PRECONDITION, "nothing stands at %s", known->request->beside_id);
    next->tag = known->request->tag;
    next->beside_id = known->request->beside_id;
    return FURROW_OK;
}

/* Changes what is nested in place, and sets a text to NULL, as an author should not: it must be written all the same. */
furrow_status orchard_measure_tree(const orchard_measure_tree_known *known, Orchard__V1__Plant *next, furrow_error *err)
{
    const Orchard__V1__Plant *measured = known->request->tree;
    if (measured->tag[0]) next->tag = strcmp(measured->tag, "none") == 0 ? NULL : measured->tag;
    if (!measured->size) return FURROW_OK;
    if (next->size)
        next->size->height_cm = measured->size->height_cm;
    else
        next->size = measured->size;
    return FURROW_OK;
}

furrow_status orchard_join_trees(const orchard_join_trees_known *known, Orchard__V1__Plant *next, furrow_error *err)
{
    next->tag = known->beside->tag;
    return FURROW_OK;
}

furrow_status orchard_fell_tree(const orchard_fell_tree_known *known, furrow_error *err)
{
    if (known->plant->size && known->plant->size->height_cm > 1000)
        return furrow_fail(err, FURROW_FAILED_PRECONDITION, "tree %s is too tall to be felled", known->id);
    return FURROW_OK;
}

furrow_status orchard_care_for_tree_id(const orchard_care_for_tree_known *known, char id[FURROW_ID_MAX + 1],
                                       furrow_error *err)
{
    if (strlen(known->request->tree_id) > 32) return furrow_fail_field(err, "tree_id", "is too long");
    snprintf(id, FURROW_ID_MAX + 1, "%s_care", known->request->tree_id);
    return FURROW_OK;
}

furrow_status orchard_care_for_tree(const orchard_care_for_tree_known *known, Orchard__V1__Care *next,
                                    furrow_error *err)
{
    next->count = (known->care ? known->care->count : 0) + 1;
    return FURROW_OK;
}
