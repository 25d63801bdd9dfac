/* fdinfo as drivers print it: keys, units and gaps are those of their sources and of
 * Documentation/gpu/drm-usage-stats.rst; the figures are made up.  */
#include "testing.h"

#include "broker/fdinfo.h"

static struct fdinfo info;

static bool
read_info (const char *text)
{
    char copy[2048];

    (void) snprintf (copy, sizeof copy, "%s", text);
    return fdinfo_parse (copy, &info);
}

#define COMMON "pos:\t0\nflags:\t02100002\nmnt_id:\t27\nino:\t1234\n"

static void
i915_tells_ns (void **state)
{
    (void) state;
    assert_true (read_info (COMMON "drm-driver:\ti915\ndrm-client-id:\t42\ndrm-pdev:\t0000:00:02.0\n"
                                   "drm-total-system0:\t30 MiB\ndrm-shared-system0:\t1 MiB\n"
                                   "drm-active-system0:\t0\ndrm-resident-system0:\t20 MiB\n"
                                   "drm-purgeable-system0:\t0\ndrm-total-stolen-system0:\t512\n"
                                   "drm-engine-render:\t25662044495 ns\ndrm-engine-copy:\t0 ns\n"
                                   "drm-engine-video:\t7 ns\ndrm-engine-capacity-video:\t2\n"
                                   "drm-engine-video-enhance:\t3 ns\n"));
    assert_string_equal (info.driver, "i915");
    assert_string_equal (info.pdev, "0000:00:02.0");
    assert_int_equal (info.client, 42);
    assert_true (info.engines[ENGINE_RENDER].known);
    assert_int_equal (info.engines[ENGINE_RENDER].busy, 25662044495);
    assert_int_equal (info.engines[ENGINE_RENDER].total, 0);
    assert_int_equal (info.engines[ENGINE_RENDER].capacity, 1);
    assert_true (info.engines[ENGINE_COPY].known);
    assert_int_equal (info.engines[ENGINE_VIDEO].busy, 7);
    assert_int_equal (info.engines[ENGINE_VIDEO].capacity, 2);
    assert_int_equal (info.engines[ENGINE_VIDEO_ENHANCE].busy, 3);
    assert_false (info.engines[ENGINE_COMPUTE].known);
    assert_true (info.has_memory);
    assert_int_equal (info.memory, (30 << 20) + 512);
    assert_int_equal (info.resident, 20 << 20);
}

static void
xe_tells_cycles (void **state)
{
    (void) state;
    assert_true (read_info (COMMON "drm-driver:\txe\ndrm-client-id:\t30\ndrm-pdev:\t0000:03:00.0\n"
                                   "drm-total-vram0:\t8 KiB\ndrm-resident-vram0:\t8 KiB\n"
                                   "drm-cycles-rcs:\t28257900\ndrm-total-cycles-rcs:\t7655183225\n"
                                   "drm-cycles-vcs:\t5\ndrm-total-cycles-vcs:\t7655183225\n"
                                   "drm-engine-capacity-vcs:\t2\n"));
    assert_int_equal (info.engines[ENGINE_RENDER].busy, 28257900);
    assert_int_equal (info.engines[ENGINE_RENDER].total, 7655183225);
    assert_int_equal (info.engines[ENGINE_VIDEO].capacity, 2);
    assert_false (info.engines[ENGINE_COMPUTE].known);
    assert_int_equal (info.resident, 8192);
}

/* A virtual function cannot read the counters.  */
static void
xe_without_cycles_is_not_known (void **state)
{
    (void) state;
    assert_true (read_info ("drm-driver:\txe\ndrm-client-id:\t1\ndrm-pdev:\t0000:03:00.1\n"));
    for (unsigned i = 0; i < ENGINES; i++)
        assert_false (info.engines[i].known);
    assert_false (info.has_memory);
}

/* Old kernels print a blank after "vram:", and both names of what is resident.  */
static void
amdgpu_has_many_video_engines (void **state)
{
    (void) state;
    assert_true (
        read_info ("drm-driver:\tamdgpu\ndrm-client-id:\t10\ndrm-pdev:\t0000:0b:00.0\n"
                   "drm-memory-vram: \t1024 KiB\ndrm-memory-gtt:\t4 KiB\n"
                   "drm-resident-gtt:\t4 KiB\ndrm-total-gtt:\t6 KiB\n"
                   "drm-engine-gfx:\t100 ns\ndrm-engine-dec:\t30 ns\ndrm-engine-enc:\t12 ns\n"
                   "drm-engine-jpeg:\t1 ns\ndrm-engine-dma:\t2 ns\ndrm-engine-vcn_unknown:\t9 ns\n"));
    assert_int_equal (info.engines[ENGINE_RENDER].busy, 100);
    assert_int_equal (info.engines[ENGINE_VIDEO].busy, 43);
    assert_int_equal (info.engines[ENGINE_COPY].busy, 2);
    assert_int_equal (info.engines[ENGINE_OTHER].busy, 9);
    assert_int_equal (info.resident, (1024 + 4) << 10);
    assert_int_equal (info.memory, (1024 + 6) << 10);
}

static void
off_pci_there_is_no_address (void **state)
{
    (void) state;
    assert_true (read_info ("drm-driver:\tpanfrost\ndrm-client-id:\t3\ndrm-engine-fragment:\t1846584880 ns\n"
                            "drm-cycles-fragment:\t1424359409\ndrm-maxfreq-fragment:\t799999987 Hz\n"));
    assert_string_equal (info.pdev, "");
    assert_int_equal (info.client, 3);
}

/* The cycles stand beside the time; of no use without those that went by, which are not told.  */
static void
cycles_beside_the_time_do_not_count (void **state)
{
    (void) state;
    assert_true (read_info ("drm-client-id:\t3\ndrm-engine-gpu:\t50 ns\ndrm-cycles-gpu:\t1000\n"
                            "drm-maxfreq-gpu:\t800000000 Hz\ndrm-cycles-csd:\t7\n"));
    assert_int_equal (info.engines[ENGINE_RENDER].busy, 50);
    assert_int_equal (info.engines[ENGINE_RENDER].total, 0);
    assert_false (info.engines[ENGINE_COMPUTE].known);
}

/* Two decoders and three encoders: 100 of the decoders' time is 50 of one.  */
static void
engines_that_do_the_same_are_weighed_by_their_number (void **state)
{
    (void) state;
    assert_true (read_info ("drm-client-id:\t3\ndrm-engine-capacity-dec:\t2\ndrm-engine-dec:\t100 ns\n"
                            "drm-engine-enc:\t30 ns\ndrm-engine-capacity-enc:\t3\n"));
    assert_int_equal (info.engines[ENGINE_VIDEO].busy, 60);
    assert_int_equal (info.engines[ENGINE_VIDEO].capacity, 1);
}

static void
what_is_no_client_is_told (void **state)
{
    (void) state;
    assert_false (read_info (COMMON));
    assert_false (read_info (""));
    assert_false (read_info ("drm-driver:\tvirtio_gpu\ndrm-pdev:\t0000:00:01.0\n"));
    assert_false (read_info ("drm-client-id:\tnone\n"));
}

/* None of these may become a figure.  */
static void
nonsense_is_left_out (void **state)
{
    (void) state;
    assert_true (read_info ("drm-client-id:\t1\ndrm-engine-render:\t99999999999999999999999 ns\n"
                            "drm-engine-video:\t-5 ns\ndrm-engine-copy:\t5 s\n"
                            "drm-resident-system0:\t18446744073709551615 MiB\ndrm-total-system0:\t3 GiB\n"
                            "drm-engine-capacity-compute:\t0\n:\n::\ndrm-\ndrm-engine-:\t1 ns"));
    assert_false (info.engines[ENGINE_RENDER].known);
    assert_false (info.engines[ENGINE_VIDEO].known);
    assert_false (info.engines[ENGINE_COPY].known);
    assert_false (info.has_memory);
    assert_int_equal (info.engines[ENGINE_COMPUTE].capacity, 1);
}

static void
engines_have_names (void **state)
{
    (void) state;
    assert_string_equal (engine_name (ENGINE_RENDER), "render");
    assert_string_equal (engine_name (ENGINE_VIDEO_ENHANCE), "video-enhance");
    assert_string_equal (engine_name (ENGINE_COMPUTE), "compute");
    assert_string_equal (engine_name (ENGINE_OTHER), "other");
}

int
main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (i915_tells_ns),
        cmocka_unit_test (xe_tells_cycles),
        cmocka_unit_test (xe_without_cycles_is_not_known),
        cmocka_unit_test (amdgpu_has_many_video_engines),
        cmocka_unit_test (off_pci_there_is_no_address),
        cmocka_unit_test (cycles_beside_the_time_do_not_count),
        cmocka_unit_test (engines_that_do_the_same_are_weighed_by_their_number),
        cmocka_unit_test (what_is_no_client_is_told),
        cmocka_unit_test (nonsense_is_left_out),
        cmocka_unit_test (engines_have_names),
    };

    return cmocka_run_group_tests (tests, NULL, NULL);
}
