/* Bytes as they come from a varlink client: messages, whole and torn, each taken apart; an Acquire or its
 * parameters as the broker parses them.  */
#include "tests/fuzz/fuzz.h"

#include <string.h>

#include "broker/lease.h"
#include "broker/message.h"
#include "oci/cleanup.h"

static void
must_be_clean (const struct order *order)
{
    for (const char *p = order->container.name; *p; p++)
        must (*p >= ' ' && *p <= '~');
    must (order->container.id[0] != '\0');
    must (order->workload.n_gids <= WORKLOAD_GIDS_MAX && order->workload.n_uid_map <= ID_MAPS_MAX);
    must (order->workload.uid != (uid_t) -1 && order->workload.gid != (gid_t) -1);
}

static void
acquire (json_t *parameters)
{
    struct order order;
    struct error err = {0};

    if (order_parse (&order, parameters, &err) < 0) {
        must (err.message[0]);
        return;
    }
    must_be_clean (&order);
    order_finish (&order);
}

static void
must_come_back (const struct message_call *call)
{
    struct message_call again;
    struct error err;
    size_t len;
    char *text = message_format_call (call->method, json_incref (call->parameters), &len);

    must (text && message_length (text, len) == (long) len - 1);
    must (message_parse_call (&again, text, len - 1, &err) == 0);
    must (strcmp (again.method, call->method) == 0 && json_equal (again.parameters, call->parameters));
    message_call_finish (&again);
    free (text);
}

/* For the journal: one line that says the same.  */
static void
must_be_one_line (const struct message_call *call)
{
    char *line = message_parameters_line (call);
    json_t *parameters = json_loads (line, 0, NULL);

    must (!strchr (line, '\n') && json_equal (parameters, call->parameters));
    json_decref (parameters);
    free (line);
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
    const char *text = (const char *) data;
    long len;

    while ((len = message_length (text, size)) >= 0) {
        struct message_call call;
        struct error err = {0};

        if (message_parse_call (&call, text, (size_t) len, &err) == 0) {
            must_come_back (&call);
            must_be_one_line (&call);
            acquire (call.parameters);
            message_call_finish (&call);
        } else {
            must (err.message[0]);
        }
        text += len + 1;
        size -= (size_t) len + 1;
    }
    return 0;
}
