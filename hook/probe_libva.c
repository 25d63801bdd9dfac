#include "probe_va_inside.h"

#include <dlfcn.h>
#include <limits.h>
#include <stdio.h>

#include "../oci/cleanup.h"
#include "va_places.h"

/* --- the library --- */

static bool
load_functions (struct libva *lib, void *libva, void *libva_drm, struct probe_verdict *verdict)
{
#define FUNCTION(library, name)                                                                              \
    {                                                                                                        \
        library, #name, (void **) &lib->name                                                                 \
    }
    const struct {
        void *library;
        const char *name;
        void **function;
    } functions[] = {
        FUNCTION (libva, vaInitialize),
        FUNCTION (libva, vaTerminate),
        FUNCTION (libva, vaSetErrorCallback),
        FUNCTION (libva, vaErrorStr),
        FUNCTION (libva, vaProfileStr),
        FUNCTION (libva, vaEntrypointStr),
        FUNCTION (libva, vaQueryVendorString),
        FUNCTION (libva, vaMaxNumProfiles),
        FUNCTION (libva, vaMaxNumEntrypoints),
        FUNCTION (libva, vaQueryConfigProfiles),
        FUNCTION (libva, vaQueryConfigEntrypoints),
        FUNCTION (libva, vaGetConfigAttributes),
        FUNCTION (libva, vaQuerySurfaceAttributes),
        FUNCTION (libva, vaCreateConfig),
        FUNCTION (libva, vaDestroyConfig),
        FUNCTION (libva, vaCreateSurfaces),
        FUNCTION (libva, vaDestroySurfaces),
        FUNCTION (libva, vaCreateContext),
        FUNCTION (libva, vaDestroyContext),
        FUNCTION (libva_drm, vaGetDisplayDRM),
    };
#undef FUNCTION

    for (size_t i = 0; i < countof (functions); i++) {
        *functions[i].function = dlsym (functions[i].library, functions[i].name);
        if (!*functions[i].function) {
            va_verdict (verdict, PROBE_NO_LIBVA, "libva has no %s: it is too old or incomplete, update it",
                        functions[i].name);
            return false;
        }
    }
    return true;
}

/* libdrm too, since a library below a folder that the loader does not know finds its kin only where they are
 * loaded already.  */
static void *
load_from (const char *folder, void **libva)
{
    static const char *const names[] = {"libdrm.so.2", "libva.so.2", "libva-drm.so.2"};
    void *loaded[countof (names)];

    for (size_t i = 0; i < countof (names); i++) {
        char path[PATH_MAX];

        (void) snprintf (path, sizeof path, "%s%s%s", folder, folder[0] ? "/" : "", names[i]);
        loaded[i] = dlopen (path, RTLD_NOW | RTLD_GLOBAL);
        if (!loaded[i] && i > 0)
            return NULL;
    }
    *libva = loaded[1];
    return loaded[2];
}

static void *
load_from_any (const char *const *folders, void **libva)
{
    void *libva_drm = NULL;

    for (; *folders && !libva_drm; folders++)
        libva_drm = load_from (*folders, libva);
    return libva_drm;
}

bool
va_load (struct libva *lib, struct probe_verdict *verdict)
{
    char complaint[200];
    void *libva = NULL, *libva_drm = load_from_any (va_own_folders, &libva);

    if (!libva_drm) {
        libva_drm = load_from ("", &libva);
        (void) snprintf (complaint, sizeof complaint, "%s", libva_drm ? "" : va_or_none (dlerror ()));
    }
    if (!libva_drm)
        libva_drm = load_from_any (va_library_folders, &libva);
    if (!libva_drm) {
        va_verdict (verdict, PROBE_NO_LIBVA,
                    "there is no libva here, so that programs cannot use VA-API (%s): install libva2 and "
                    "libva-drm2 with a driver, or do without (dri.ready=driver)",
                    complaint);
        return false;
    }
    return load_functions (lib, libva, libva_drm, verdict);
}
