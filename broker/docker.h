/* The one thing that the broker asks of Docker: to start a container that was put off (dri.on-failure=defer).
 * POST /containers/ID/start of the Engine API, over the daemon's socket, without waiting.
 */
#ifndef DRI_DOCKER_H
#define DRI_DOCKER_H

#include <systemd/sd-event.h>

#include "../oci/error.h"

enum docker_answer {
    DOCKER_STARTED,
    DOCKER_NOTHING_TO_DO, /* no such container any more, or it runs already */
    DOCKER_AWAY,          /* no daemon answers */
    DOCKER_FAILED,        /* it answered with a reason */
};

typedef void docker_done (void *userdata, const char *id, enum docker_answer outcome, const char *reason);

/* done is called once, later, unless this fails. The id is hexadecimal, as Docker's are.  */
int docker_start (sd_event *event, const char *socket, const char *id, docker_done *done, void *userdata,
                  struct error *err);

#endif
