#include "methods.h"

#include <stdio.h>
#include <string.h>

#include "../oci/cleanup.h"
#include "interface.h"
#include "methods_parts.h"
#include "peer.h"
#include "revocation.h"

static const char service_description[] =
    "# The service that every varlink service is.\n"
    "interface org.varlink.service\n"
    "\n"
    "method GetInfo() -> (vendor: string, product: string, version: string, url: string, interfaces: "
    "[]string)\n"
    "\n"
    "method GetInterfaceDescription(interface: string) -> (description: string)\n"
    "\n"
    "error InterfaceNotFound (interface: string)\n"
    "error MethodNotFound (method: string)\n"
    "error MethodNotImplemented (method: string)\n"
    "error InvalidParameter (parameter: string)\n"
    "error PermissionDenied ()\n"
    "error ExpectedMore ()\n";

void
methods_fail (struct connection *c, const char *name, const char *reason)
{
    char full[64];

    (void) snprintf (full, sizeof full, INTERFACE_NAME ".%s", name);
    connection_reply (c, full, json_pack ("{s:s}", "reason", reason));
}

void
methods_invalid (struct connection *c, const char *parameter)
{
    connection_reply (c, "org.varlink.service.InvalidParameter", json_pack ("{s:s}", "parameter", parameter));
}

/* --- org.varlink.service --- */

static void
get_info (struct methods *m, struct connection *c, json_t *parameters)
{
    (void) m;
    (void) parameters;
    connection_reply (c, NULL,
                      json_pack ("{s:s s:s s:s s:s s:[s s]}", "vendor", "dri-broker", "product", "dri-broker",
                                 "version", VERSION, "url", "", "interfaces", "org.varlink.service",
                                 INTERFACE_NAME));
}

static void
get_interface_description (struct methods *m, struct connection *c, json_t *parameters)
{
    const char *name = json_string_value (json_object_get (parameters, "interface"));

    (void) m;
    if (!name)
        methods_invalid (c, "interface");
    else if (strcmp (name, INTERFACE_NAME) == 0)
        connection_reply (c, NULL, json_pack ("{s:s}", "description", interface_description));
    else if (strcmp (name, "org.varlink.service") == 0)
        connection_reply (c, NULL, json_pack ("{s:s}", "description", service_description));
    else
        connection_reply (c, "org.varlink.service.InterfaceNotFound", json_pack ("{s:s}", "interface", name));
}
static void
reload (struct methods *m, struct connection *c, json_t *parameters)
{
    struct error err;

    (void) parameters;
    if (m->reload (m->userdata, &err) < 0)
        methods_fail (c, "Refused", err.message);
    else
        connection_reply (c, NULL, NULL);
}

static void
probe (struct methods *m, struct connection *c, json_t *parameters)
{
    probing_call (m->probing, c, parameters);
}

/* --- dispatch --- */

static const struct {
    const char *name;
    enum { EVERYONE, LEASERS, ROOT } whose;
    void (*call) (struct methods *m, struct connection *c, json_t *parameters);
} table[] = {
    {"org.varlink.service.GetInfo", EVERYONE, get_info},
    {"org.varlink.service.GetInterfaceDescription", EVERYONE, get_interface_description},
    {INTERFACE_NAME ".Acquire", LEASERS, method_acquire},
    {INTERFACE_NAME ".Activate", LEASERS, method_activate},
    {INTERFACE_NAME ".OpenDirectory", LEASERS, method_open_directory},
    {INTERFACE_NAME ".Report", LEASERS, method_report},
    {INTERFACE_NAME ".Release", LEASERS, method_release},
    {INTERFACE_NAME ".Status", EVERYONE, method_status},
    {INTERFACE_NAME ".Watch", EVERYONE, method_watch},
    {INTERFACE_NAME ".Explain", EVERYONE, method_explain},
    {INTERFACE_NAME ".Probe", ROOT, probe},
    {INTERFACE_NAME ".Reload", ROOT, reload},
};

static void
on_unknown (struct connection *c, const char *method)
{
    const char *dot = strrchr (method, '.');
    size_t len = dot ? (size_t) (dot - method) : 0;

    if ((len == strlen (INTERFACE_NAME) && strncmp (method, INTERFACE_NAME, len) == 0)
        || (len == strlen ("org.varlink.service") && strncmp (method, "org.varlink.service", len) == 0))
        connection_reply (c, "org.varlink.service.MethodNotFound", json_pack ("{s:s}", "method", dot + 1));
    else
        connection_reply (c, "org.varlink.service.InterfaceNotFound",
                          json_pack ("{s:s%}", "interface", method, len));
}

static void
on_call (void *userdata, struct connection *c, const struct message_call *call)
{
    struct methods *m = userdata;
    struct error err;

    m->call = call;
    for (size_t i = 0; i < countof (table); i++) {
        if (strcmp (call->method, table[i].name) != 0)
            continue;
        if (c->uid != 0 && table[i].whose == ROOT)
            methods_fail (c, "PermissionDenied", "only root may do this");
        else if (c->uid != 0 && table[i].whose == LEASERS && peer_check (m->leasing->config, c->fd, &err) < 0)
            methods_fail (c, "PermissionDenied", err.message);
        else
            table[i].call (m, c, call->parameters);
        c->holding = leasing_client_holds (m->leasing, c);
        return;
    }
    on_unknown (c, call->method);
}

static int
on_admit (void *userdata, int fd, struct error *err)
{
    const struct methods *m = userdata;

    return peer_check (m->leasing->config, fd, err);
}

static void
on_closed (void *userdata, struct connection *c)
{
    struct methods *m = userdata;

    m->wants_status[c - m->server->connections] = false;
    m->revoking[c - m->server->connections] = NULL;
    methods_end_watch (m, c);
    probing_client_gone (m->probing, c);
    leasing_client_gone (m->leasing, c);
}

void
methods_init (struct methods *m)
{
    m->server->call = on_call;
    m->server->closed = on_closed;
    m->server->drained = methods_on_drained;
    m->server->admit = on_admit;
    m->server->userdata = m;
    m->leasing->answer = methods_answer;
    m->leasing->userdata = m;
    m->leasing->revocation->looked = methods_on_looked;
    m->leasing->revocation->userdata = m;
    m->reader = (struct meter_reader){.done = methods_on_metered, .userdata = m};
    meter_add_reader (m->leasing->meter, &m->reader);
}
