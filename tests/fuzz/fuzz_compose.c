/* The bytes of a compose file, as drictl doctor reads and patches it. Whatever is in it: a patch leaves YAML,
 * and every line that it does not name as it was.  */
#include "tests/fuzz/fuzz.h"

#include <string.h>

#include "broker/doctor/doctor_compose.h"
#include "oci/cleanup.h"

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
    struct text before = {malloc (size + 1), size}, after = {0};
    struct doctor doctor;
    struct error err;

    must (before.data);
    if (size > 0)
        memcpy (before.data, data, size);
    before.data[size] = '\0';
    must (doctor_init (&doctor, "/proc/self/fdinfo", &err) == 0);
    if (doctor_compose (&doctor, "compose.yaml", &before, &after, &err) == 0) {
        char *diff = text_diff (&before, &after, "compose.yaml");
        json_t *report = doctor_report_json (&doctor);

        must (diff && report);
        must ((*diff == '\0') == text_same (&before, &after));
        free (diff);
        json_decref (report);
        text_finish (&after);
    }
    doctor_finish (&doctor);
    text_finish (&before);
    return 0;
}
