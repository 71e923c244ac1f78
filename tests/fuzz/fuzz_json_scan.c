/* json_scan against jansson (json_agree.h). */
#include "fuzz.h"
#include "json_agree.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *odd = json_disagreement((struct span){(const char *)data, size});
    if (odd) {
        (void)fprintf(stderr, "json_scan and jansson disagree: %s\n", odd);
        abort();
    }
    return 0;
}
