#include "va_places.h"

#include <stddef.h>

#if defined __x86_64__
#define TRIPLET "x86_64-linux-gnu"
#elif defined __aarch64__
#define TRIPLET "aarch64-linux-gnu"
#else
#define TRIPLET "."
#endif

/* jellyfin-ffmpeg's package (jellyfin/jellyfin, linuxserver/jellyfin and their kin).  */
#define JELLYFIN "/usr/lib/jellyfin-ffmpeg"

const char *const va_own_folders[] = {JELLYFIN "/lib", NULL};

/* Debian's and Ubuntu's, Fedora's, Alpine's and Arch's; and what is built in an image.  */
const char *const va_library_folders[] = {
    "/usr/lib/" TRIPLET, "/usr/lib64",     "/usr/lib", "/usr/local/lib/" TRIPLET,
    "/usr/local/lib64",  "/usr/local/lib", NULL,
};

const char *const va_driver_folders[] = {
    JELLYFIN "/lib/dri",
    "/usr/lib/" TRIPLET "/dri",
    "/usr/lib64/dri",
    "/usr/lib/dri",
    "/usr/local/lib/" TRIPLET "/dri",
    "/usr/local/lib64/dri",
    "/usr/local/lib/dri",
    NULL,
};

const char *const va_vainfo_paths[] = {JELLYFIN "/vainfo", "/usr/bin/vainfo", "/usr/local/bin/vainfo", NULL};
