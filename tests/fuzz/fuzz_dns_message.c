/*
 * dns_answer_read, dns_is_answer: the bytes are a whole message of a stranger's. Reading must end and go
 * nowhere past them; what is read holds together; and an answer says the same the second time.
 */
#include "fuzz.h"
#include "net/dns_message.h"

static void must(bool holds, const char *what)
{
    if (holds)
        return;
    (void)fprintf(stderr, "dns_message: %s\n", what);
    abort();
}

static void read_as(const uint8_t *data, size_t size, enum dns_type type)
{
    static struct dns_answer first, second;
    dns_answer_read(&first, data, size, type);
    dns_answer_read(&second, data, size, type);
    must(first.count <= DNS_ADDRESSES_MAX, "too many addresses");
    must((first.cause == CAUSE_ok) == (first.count > 0), "a cause with addresses, or none without");
    must(!first.blames_edns || dns_is_failure(first.cause), "EDNS is blamed for an answer");
    must(first.cause == second.cause && first.count == second.count && first.ttl_s == second.ttl_s,
         "another answer the second time");
    for (size_t i = 0; i < first.count; i++) {
        must(first.addresses[i].any.sa_family == (type == DNS_A ? AF_INET : AF_INET6), "another family");
        for (size_t k = 0; k < i; k++)
            must(memcmp(&first.addresses[i], &first.addresses[k], sizeof(first.addresses[i])) != 0,
                 "an address twice");
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size > 65535) /* a DNS message is never longer */
        return 0;
    read_as(data, size, DNS_A);
    read_as(data, size, DNS_AAAA);
    uint8_t question[DNS_QUESTION_MAX];
    size_t len = dns_question_write(question, "a", DNS_A);
    bool is = dns_is_answer(data, size, 0, question, len);
    must(!is || size >= 12, "an answer without a header");
    return 0;
}
