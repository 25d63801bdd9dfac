/* What drictl events prints: the events of Watch, a line each. No socket here.  */
#ifndef DRI_EVENTS_PRINT_H
#define DRI_EVENTS_PRINT_H

#include <jansson.h>
#include <stdio.h>

/* For people: time, event, container, GPU, reason. The time is this machine's.  */
void event_print (const json_t *event, FILE *out);

/* As JSON on one line.  */
void event_print_json (const json_t *event, FILE *out);

#endif
