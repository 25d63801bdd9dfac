/* Two snapshots of a client, two seconds apart, as each driver prints them: tests/fixtures/fdinfo. Keys,
 * units, order and first figures are those of public sources; the second figures are the first ones and a
 * round part of the two seconds, so that the expected ones can be worked out by hand.
 *
 *   i915                 Documentation/gpu/drm-usage-stats.rst, i915_drm_client.c
 *   xe, xe-vf            xe_drm_client.c, "DOC: DRM Client usage stats"; a virtual function cannot read the
 * cycles amdgpu               github.com/Umio-Yasuno/amdgpu_top, issue 87; an engine is left out while it was
 * never used amdgpu-5.18          amdgpu_fdinfo.c of Linux 5.18, with the blank after "drm-memory-vram:"
 *   panfrost, panthor    Documentation/gpu/panfrost.rst, panthor.rst; without profiling there are no engines
 *   msm                  msm_gpu.c, msm_gpu_show_fdinfo
 *   v3d                  v3d_drv.c
 *   virtio_gpu           drm_file.c: what every driver has  */
#include "testing.h"

#include "broker/usage.h"
#include "oci/file.h"

#define S   UINT64_C (1000000000)
#define KIB UINT64_C (1024)
#define NO  (-1.0)

static const struct sample {
    const char *file, *driver, *pdev;
    uint64_t client;
    double render, video, enhance, copy, compute, other;
    uint64_t total, resident; /* 0: not told */
} samples[] = {
    /* +0.5 s, +3 s on two engines, +0.02 s */
    {"i915", "i915", "0000:00:02.0", 7, 0.25, 0.75, 0, 0.01, NO, NO, 30 * 1024 * KIB + 512 * KIB,
     20 * 1024 * KIB + 512 * KIB},
    /* 28.8 of 38.4 million cycles, 19.2 on two engines */
    {"xe", "xe", "0000:03:00.0", 30, 0.75, 0.25, 0, 0, 0, NO, (192 + 8192) * KIB, (192 + 4096) * KIB},
    {"xe-vf", "xe", "0000:03:00.1", 31, NO, NO, NO, NO, NO, NO, (192 + 8192) * KIB, (192 + 4096) * KIB},
    /* +1 s, 0.4 s of decoding and 0.2 s of encoding */
    {"amdgpu", "amdgpu", "0000:08:00.0", 217, 0.5, 0.3, NO, NO, NO, NO, 10260 * KIB, 10260 * KIB},
    {"amdgpu-5.18", "amdgpu", "0000:0b:00.0", 10, 0, NO, NO, NO, 1, NO, 1028 * KIB, 1028 * KIB},
    /* +0.6 s and +0.2 s */
    {"panfrost", "panfrost", "", 14, 0.4, NO, NO, NO, NO, NO, 290 * 1024 * KIB, 36496 * KIB},
    {"panfrost-unprofiled", "panfrost", "", 14, NO, NO, NO, NO, NO, NO, 290 * 1024 * KIB, 36496 * KIB},
    {"panthor", "panthor", "", 10, 0.5, NO, NO, NO, NO, NO, 16480 * KIB, 16480 * KIB},
    {"msm", "msm", "", 20, 0.2, NO, NO, NO, NO, NO, 13892 * KIB, 13892 * KIB},
    /* +0.1 s and +0.7 s, +1 s */
    {"v3d", "v3d", "", 14, 0.4, NO, NO, 0, 0.5, 0, 0, 0},
    {"virtio_gpu", "virtio_gpu", "0000:00:01.0", 5, NO, NO, NO, NO, NO, NO, 0, 0},
};

static struct usage usage;

static void
look (uint64_t at, char *text, struct fdinfo *info)
{
    assert_true (fdinfo_parse (text, info));
    usage_begin (&usage, at);
    usage_look_at (&usage, 0, 1);
    usage_add (&usage, 0, 0, info);
    usage_end (&usage);
}

static void
assert_rate (const struct sample *s, enum engine engine, double wanted)
{
    double got = usage_rate (&usage, 0, 0, engine);

    if (got < wanted - 0.0001 || got > wanted + 0.0001)
        fail_msg ("%s: %s is %f, not %f", s->file, engine_name (engine), got, wanted);
}

static void
assert_sample (const struct sample *s)
{
    _cleanup_free_ char *text = NULL;
    struct fdinfo info;
    struct error err;
    char path[80], *later;
    size_t len;

    (void) snprintf (path, sizeof path, "tests/fixtures/fdinfo/%s", s->file);
    if (file_read (path, 1 << 16, &text, &len, &err) < 0)
        fail_msg ("%s", err.message);
    later = strstr (text, "=== 2 s later\n");
    assert_non_null (later);
    *later = '\0';
    look (S, text, &info);
    look (3 * S, later + strlen ("=== 2 s later\n"), &info);
    assert_string_equal (info.driver, s->driver);
    assert_string_equal (info.pdev, s->pdev);
    assert_int_equal (info.client, s->client);
    assert_rate (s, ENGINE_RENDER, s->render);
    assert_rate (s, ENGINE_VIDEO, s->video);
    assert_rate (s, ENGINE_VIDEO_ENHANCE, s->enhance);
    assert_rate (s, ENGINE_COPY, s->copy);
    assert_rate (s, ENGINE_COMPUTE, s->compute);
    assert_rate (s, ENGINE_OTHER, s->other);
    assert_int_equal (usage.shares[0][0].sum.has_memory, s->total > 0);
    assert_int_equal (usage.shares[0][0].sum.memory, s->total);
    assert_int_equal (usage.shares[0][0].sum.resident, s->resident);
    usage_forget (&usage, 0);
}

static void
drivers_tell_what_was_worked_out_by_hand (void **state)
{
    (void) state;
    for (size_t i = 0; i < countof (samples); i++)
        assert_sample (&samples[i]);
}

int
main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (drivers_tell_what_was_worked_out_by_hand),
    };

    return cmocka_run_group_tests (tests, NULL, NULL);
}
