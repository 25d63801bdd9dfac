/* What dri-runtime and dri-hook say to the broker, and what comes back, as bytes. Whatever fails ends the
 * program.  */
#ifndef DRI_BENCH_EXCHANGE_H
#define DRI_BENCH_EXCHANGE_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

enum { MESSAGE_MAX = 4096, LEASE_LEN = 32 };

struct message {
    char text[MESSAGE_MAX];
    size_t len; /* with the NUL */
};

void __attribute__ ((noreturn)) die (const char *what);

/* For a container of a compose project; parameters is stolen.  */
void format_acquire (struct message *m, unsigned container, bool detached);
void format_release (struct message *m, const char *lease);
void format_call (struct message *m, const char *method, json_t *parameters);

void send_message (int fd, const struct message *m);
/* False at the end of the stream.  */
bool receive_message (int fd, struct message *m);
void round_trip (int fd, const struct message *call, struct message *reply);

/* Where the lease's id begins in the reply to Acquire.  */
const char *lease_of (const struct message *grant);

int connect_broker (void);

#endif
