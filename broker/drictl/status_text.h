/* Parts of the broker's answer to Status, as text. A figure that is not known is "n/a", never 0.  */
#ifndef DRI_STATUS_TEXT_H
#define DRI_STATUS_TEXT_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <time.h>

enum { LABEL_SIZE = 272, FIGURE_SIZE = 24 };

/* The text of a member; instead where it is null, empty or no text.  */
const char *text_of (const json_t *object, const char *key, const char *instead);

/* What people call a container: its name, else its place in a compose project, else the start of its id.  */
void text_container (char label[LABEL_SIZE], const json_t *container);
/* The same of an entry of "unmanaged", which may be a process.  */
void text_user (char label[LABEL_SIZE], const json_t *user);

void text_bytes (char text[FIGURE_SIZE], const json_t *bytes);
void text_age (char text[FIGURE_SIZE], const json_t *since, time_t now);
/* 0.41 as "41%".  */
void text_load (char text[FIGURE_SIZE], const json_t *load);
/* {"render": 0.41, "video": null, "copy": 0} as "render 41%, video n/a", and "idle" where all are 0. The
 * caller's to free; NULL where memory is short.  */
char *text_engines (json_t *engines);

#endif
