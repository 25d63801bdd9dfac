/* The broker's answer to Status as lines, for drictl top where there is no terminal. Pure.  */
#ifndef DRI_STATUS_LINES_H
#define DRI_STATUS_LINES_H

#include <jansson.h>
#include <stdio.h>
#include <time.h>

/* A line for each GPU, lease, waiting container, and user without a lease, each with the time before it.  */
void status_print_lines (const json_t *status, time_t now, FILE *out);

#endif
