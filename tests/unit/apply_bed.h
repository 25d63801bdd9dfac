/* A grant for a web server of user 1000, for tests of what it makes of a config.json.  */
#ifndef DRI_APPLY_BED_H
#define DRI_APPLY_BED_H

#include "tests/unit/testing.h"

#include "oci/apply.h"
#include "oci/document.h"
#include "oci/spec.h"

#define LEASE "0123456789abcdef0123456789abcdef"

static struct grant grant;
static struct request req;
static struct workload workload;
static struct apply_hook hook;
static struct error err;

static int
start (void **state)
{
    (void) state;
    grant = (struct grant){
        .lease = LEASE,
        .directory = "/run/leases/" LEASE,
        .nodes = {{"renderD129", 226, 129, true}, {"renderD128", 226, 129, true}},
        .n_nodes = 2,
        .gids = {44, 992},
        .n_gids = 2,
    };
    request_init (&req);
    workload = (struct workload){.uid = 1000, .gid = 1001, .gids = {5, 44}, .n_gids = 2};
    hook = (struct apply_hook){
        .path = "/usr/bin/dri-hook", .socket = "/run/broker.sock", .bundle = "/b", .label = "web"};
    err = (struct error){0};
    return 0;
}

#define apply_test(test) cmocka_unit_test_setup (test, start)

UNUSED static json_t *
applied (const char *text)
{
    json_t *spec = parse (text);

    assert_ok (apply_grant (spec, &grant, &req, &workload, &hook, &err));
    return spec;
}

/* One member of the edited spec.  */
#define assert_member(spec, wanted, ...) assert_json (spec_get (spec, __VA_ARGS__, NULL), wanted)

UNUSED static const char our_mount[] =
    "{'destination': '/dev/dri', 'type': 'bind', 'source': '/run/leases/" LEASE "',"
    " 'options': ['bind', 'ro', 'nosuid', 'noexec']}";
#define RULE_129 "{'allow': true, 'type': 'c', 'major': 226, 'minor': 129, 'access': 'rw'}"

/* The user has his own below /dev/dri; he is privileged.  */
UNUSED static const char users_dri[] =
    "{'mounts': [{'destination': '/dev/dri/renderD128', 'source': '/dev/null'}, {'destination': '/keep'},"
    "  {'destination': '/dev/dri'}],"
    " 'linux': {'devices': [{'path': '/dev/dri/card0', 'major': 226}, {'path': '/dev/kvm'},"
    "   {'path': '/dev/dri/renderD128'}],"
    "  'resources': {'devices': [{'allow': false, 'access': 'rwm'},"
    "   {'allow': true, 'type': 'c', 'major': 226, 'minor': 0, 'access': 'rwm'},"
    "   {'allow': true, 'type': 'c', 'major': 10, 'minor': 232, 'access': 'rwm'},"
    "   {'allow': true, 'type': 'c', 'major': 226, 'access': 'rwm'},"
    "   {'allow': false, 'type': 'c', 'major': 226, 'minor': 1, 'access': 'rwm'}]}}}";

UNUSED static const char privileged[] =
    "{'linux': {'devices': [{'path': '/dev/dri/card0'}, {'path': '/dev/kvm'}],"
    " 'resources': {'devices': [{'allow': true, 'access': 'rwm'}]}}}";

#endif
