/* guest-gpu NODE: what a workload learns of a render node, from its driver and from libdrm, as one line of
 * JSON. Status 1 and a line on standard error say what it could not do.  */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <xf86drm.h>

static int
complain (const char *what, const char *node, int error)
{
    (void) fprintf (stderr, "%s %s: %s\n", what, node, strerror (error));
    return 1;
}

int
main (int argc, char **argv)
{
    if (argc != 2)
        return 2;
    int fd = open (argv[1], O_RDWR | O_CLOEXEC);
    if (fd < 0)
        return complain ("open", argv[1], errno);

    drmVersion *version = drmGetVersion (fd);
    if (!version)
        return complain ("drmGetVersion", argv[1], errno);

    drmDevice *device;
    int error = drmGetDevice2 (fd, 0, &device);
    if (error < 0)
        return complain ("drmGetDevice2", argv[1], -error);

    char pci[16] = "";
    if (device->bustype == DRM_BUS_PCI)
        (void) snprintf (pci, sizeof pci, "%04x:%02x:%02x.%d", device->businfo.pci->domain,
                         device->businfo.pci->bus, device->businfo.pci->dev, device->businfo.pci->func);
    printf ("{\"uid\":%u,\"driver\":\"%s\",\"version\":%d,\"pci\":\"%s\",\"render\":\"%s\"}\n", getuid (),
            version->name, version->version_major, pci,
            device->available_nodes & 1 << DRM_NODE_RENDER ? device->nodes[DRM_NODE_RENDER] : "");
    return 0;
}
