/* A hook's stdin: the state of a container, as a runtime writes it. The text has no NUL at its end.  */
#include "tests/fuzz/fuzz.h"

#include <string.h>

#include "hook/state.h"

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
    struct state state = {.pid = -1};
    struct error err = {0};

    if (state_parse (&state, (const char *) data, size, &err) < 0) {
        must (state.pid == -1 && err.message[0]);
        return 0;
    }
    must (state.pid >= 0 && memchr (state.id, '\0', sizeof state.id));
    return 0;
}
