/* GPUs as a scan finds them, for tests of the table of GPUs.  */
#ifndef DRI_GPU_BED_H
#define DRI_GPU_BED_H

#include "tests/unit/testing.h"

#include "broker/gpu.h"

UNUSED static struct gpu
pci_gpu (const char *pci, const char *driver, unsigned number)
{
    struct gpu gpu = {.state = GPU_PRESENT, .vendor = 0x8086, .device = 0x46d1};

    (void) snprintf (gpu.pci, sizeof gpu.pci, "%s", pci);
    (void) snprintf (gpu.bus, sizeof gpu.bus, "pci-%s", pci);
    (void) snprintf (gpu.driver, sizeof gpu.driver, "%s", driver);
    (void) snprintf (gpu.render.name, sizeof gpu.render.name, "renderD%u", 128 + number);
    (void) snprintf (gpu.card.name, sizeof gpu.card.name, "card%u", number);
    gpu.render.major = gpu.card.major = 226;
    gpu.render.minor = 128 + number;
    gpu.card.minor = number;
    return gpu;
}

UNUSED static struct gpu
platform_gpu (const char *bus, unsigned number)
{
    struct gpu gpu = pci_gpu ("", "vgem", number);

    gpu.vendor = gpu.device = 0;
    (void) snprintf (gpu.bus, sizeof gpu.bus, "%s", bus);
    return gpu;
}

UNUSED static void
update (struct gpus *gpus, const struct config *config, const struct gpu *found, size_t n)
{
    struct error err = {0};

    if (gpus_update (gpus, config, found, n, &err) < 0)
        fail_msg ("%s", err.message);
}

UNUSED static void
add_entry (struct config *config, const char *match, const char *name, unsigned slots)
{
    struct config_gpu *entry = &config->gpus[config->n_gpus++];

    (void) snprintf (entry->match, sizeof entry->match, "%s", match);
    (void) snprintf (entry->name, sizeof entry->name, "%s", name);
    entry->slots = slots;
}

#endif
