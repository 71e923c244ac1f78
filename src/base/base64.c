#include "base/base64.h"

#include <stdint.h>

static const char alphabet[64] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

static int value_of(char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    if (c == '+')
        return 62;
    return c == '/' ? 63 : -1;
}

size_t base64_encode(struct span in, char *out)
{
    const unsigned char *p = (const unsigned char *)in.ptr;
    char *to = out;
    for (size_t i = 0; i < in.len; i += 3) {
        size_t have = in.len - i < 3 ? in.len - i : 3;
        uint32_t v = (uint32_t)p[i] << 16;
        if (have > 1)
            v |= (uint32_t)p[i + 1] << 8;
        if (have > 2)
            v |= p[i + 2];
        *to++ = alphabet[v >> 18];
        *to++ = alphabet[v >> 12 & 63];
        *to++ = have > 1 ? alphabet[v >> 6 & 63] : '=';
        *to++ = have > 2 ? alphabet[v & 63] : '=';
    }
    return (size_t)(to - out);
}

enum err base64_decode(struct span in, void *out, size_t *ret_len)
{
    if (in.len % 4 != 0)
        return ERR_INVALID;
    unsigned char *to = out;
    size_t len = 0;
    for (size_t i = 0; i < in.len; i += 4) {
        size_t pad = 0;
        if (i + 4 == in.len)
            pad = in.ptr[i + 3] != '=' ? 0 : in.ptr[i + 2] != '=' ? 1 : 2;
        uint32_t v = 0;
        for (size_t k = 0; k < 4 - pad; k++) {
            int d = value_of(in.ptr[i + k]);
            if (d < 0)
                return ERR_INVALID;
            v |= (uint32_t)d << (18 - 6 * k);
        }
        if ((pad == 1 && (v & 0xFF)) || (pad == 2 && (v & 0xFFFF)))
            return ERR_INVALID;
        to[len++] = (unsigned char)(v >> 16);
        if (pad < 2)
            to[len++] = (unsigned char)(v >> 8 & 0xFF);
        if (pad < 1)
            to[len++] = (unsigned char)(v & 0xFF);
    }
    *ret_len = len;
    return ERR_NONE;
}
