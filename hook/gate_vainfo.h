/* Runs the vainfo of a container's image, in the container, in a box.  */
#ifndef DRI_GATE_VAINFO_H
#define DRI_GATE_VAINFO_H

#include "gate_child.h"

enum gate_vainfo { VAINFO_GOOD, VAINFO_BAD, VAINFO_NOT_RUN };

/* said: what came of it, for people.  */
enum gate_vainfo gate_vainfo (struct gate_child *child, unsigned deadline_ms, char *said, size_t size);

#endif
