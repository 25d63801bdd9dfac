#include "ask.h"

#include "../broker/client.h"

int
ask_broker (void *userdata, const char *method, json_t *parameters, unsigned timeout_ms, json_t **reply,
            struct error *err)
{
    struct client client = {.fd = -1};
    enum client_result result = client_connect (&client, err);

    (void) userdata;
    if (result == CLIENT_OK)
        result = client_call (&client, method, parameters, timeout_ms, reply, err);
    else
        json_decref (parameters);
    client_close (&client);
    return result == CLIENT_OK ? 0 : -1;
}

int
ask_for_mount (const char *lease, int *mount, struct error *err)
{
    enum { MOUNT_MS = 5000 };
    struct client client = {.fd = -1};
    enum client_result result = client_connect (&client, err);

    if (result == CLIENT_OK)
        result = client_call_fd (&client, "OpenDirectory", json_pack ("{s:s}", "lease", lease), MOUNT_MS,
                                 mount, err);
    client_close (&client);
    return result == CLIENT_OK ? 0 : -1;
}
