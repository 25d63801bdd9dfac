/* What the files of methods have in common, and the methods that are in one of their own. Nobody else
 * includes this.  */
#ifndef DRI_METHODS_PARTS_H
#define DRI_METHODS_PARTS_H

#include "methods.h"
#include "subject.h"

/* An error of io.dri.Broker, by its name there; a parameter that is not as it should be.  */
void methods_fail (struct connection *c, const char *name, const char *reason);
void methods_invalid (struct connection *c, const char *parameter);

/* Root sees everything, and so does whoever the kernel let connect to root's socket, the group's.  */
struct viewer methods_viewer (const struct connection *c);
bool methods_may_touch (const struct connection *c, const struct order *order);
/* That of the parameter "lease". NULL: the client has been told.  */
struct lease *methods_named_lease (struct methods *m, struct connection *c, json_t *parameters);

/* The answer of struct leasing, and a done of struct meter_reader.  */
void methods_answer (void *userdata, void *client, const struct grant *grant, const char *reason);
void methods_on_metered (void *userdata, bool fresh);
/* The drained of struct server, the looked of struct revocation, and the end of a connection that watches. */
void methods_on_drained (void *userdata, struct connection *c);
void methods_on_looked (void *userdata, const struct lease *lease);
void methods_end_watch (struct methods *m, const struct connection *c);

void method_acquire (struct methods *m, struct connection *c, json_t *parameters);
void method_activate (struct methods *m, struct connection *c, json_t *parameters);
void method_report (struct methods *m, struct connection *c, json_t *parameters);
void method_open_directory (struct methods *m, struct connection *c, json_t *parameters);
void method_release (struct methods *m, struct connection *c, json_t *parameters);
void method_status (struct methods *m, struct connection *c, json_t *parameters);
void method_watch (struct methods *m, struct connection *c, json_t *parameters);
void method_explain (struct methods *m, struct connection *c, json_t *parameters);

#endif
