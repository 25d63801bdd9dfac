/* What a container's image has for VA-API, looked at from outside its files: nothing of it is read, only
 * found.  */
#ifndef DRI_SIGHT_H
#define DRI_SIGHT_H

#include <stdbool.h>
#include <stdint.h>

enum { SIGHT_VARIABLES_MAX = 3 };

/* Of the container's environment, "NAME=VALUE", what chooses libva and its driver; the rest is NULL.  */
struct sight_variables {
    const char *list[SIGHT_VARIABLES_MAX + 1];
    unsigned n;
};

struct sight {
    bool libva;
    bool vainfo;
    /* Of libva and its drivers: their paths, inodes, times and sizes. It is no signature: an image can make
     * it what it likes, and so deceive itself. The device of the file system is left out, for it is another
     * one at each start.  */
    uint64_t fingerprint[2];
};

/* Below root, an O_PATH descriptor, with RESOLVE_IN_ROOT, as whoever we are. Bounded, but for file systems
 * that hang.  */
void sight_look (struct sight *sight, int root, const struct sight_variables *variables);

/* Opens the image's vainfo, to be executed only. -1 where there is none.  */
int sight_open_vainfo (int root);

enum { SIGHT_KEY_MAX = 64 };

/* What a verdict about it is kept under. facts: all else that it depends on, as text. Pure.  */
void sight_key (const struct sight *sight, const char *facts, char key[SIGHT_KEY_MAX]);

#endif
