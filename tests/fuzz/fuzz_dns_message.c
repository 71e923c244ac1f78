/* dns_has_cname_loop: the bytes are a whole message of a stranger's; it must end and read nothing past them. */
#include "fuzz.h"
#include "net/dns_message.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size > 65535) /* a DNS message is never longer */
        return 0;
    bool first = dns_has_cname_loop(data, (int)size);
    if (first != dns_has_cname_loop(data, (int)size)) {
        (void)fprintf(stderr, "dns_message: another answer the second time\n");
        abort();
    }
    return 0;
}
