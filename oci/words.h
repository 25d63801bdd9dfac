/* A request as words of a command line: dri.gpu=igpu dri.class=batch. Pure.  */
#ifndef DRI_WORDS_H
#define DRI_WORDS_H

#include "error.h"
#include "request.h"

/* dri.enable is implied.  */
int words_take (struct request *req, char *const *words, int n, struct error *err);

#endif
