/**
 * Where Redis is: "redis://host[:port][/db]", "redis://[v6]:port" or "unix:///path". Pure. User and password are
 * settings of their own and refused here, so that no URL in a log can hold them.
 */
#ifndef FURROW_STORE_ADDRESS_H
#define FURROW_STORE_ADDRESS_H

#include "base/status.h"

#define FURROW_ADDRESS_DEFAULT "redis://127.0.0.1:6379"

typedef struct furrow_address {
    char path[108]; /* of a unix socket, as sockaddr_un takes it; "": host and port */
    char host[254];
    char port[6];
    unsigned database;
} furrow_address;

/* INVALID_ARGUMENT says what is wrong. */
furrow_status furrow_address_parse(const char *url, furrow_address *out, furrow_error *err) FURROW_MUST_USE;

#endif
