#include "carrier/base64url.h"

static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

enum err base64url_add(struct buf *out, const void *bytes, size_t len)
{
    const unsigned char *p = bytes;
    enum err e = buf_reserve(out, BASE64URL_LEN(len));
    if (e)
        return e;
    uint32_t bits = 0;
    unsigned count = 0;
    for (size_t i = 0; i < len; i++) {
        bits = bits << 8 | p[i];
        for (count += 8; count >= 6; count -= 6)
            out->data[out->tail++] = letters[bits >> (count - 6) & 63];
    }
    if (count > 0)
        out->data[out->tail++] = letters[bits << (6 - count) & 63];
    return ERR_NONE;
}

static int value_of(char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    return c == '-' || c == '+' ? 62 : c == '_' || c == '/' ? 63 : -1;
}

enum err base64url_decode(struct span text, unsigned char *out, size_t len)
{
    while (text.len > 0 && text.len % 4 == 0 && text.ptr[text.len - 1] == '=')
        text.len -= text.len > 1 && text.ptr[text.len - 2] == '=' ? 2 : 1;
    if (text.len != BASE64URL_LEN(len))
        return ERR_INVALID;
    uint32_t bits = 0;
    unsigned count = 0;
    size_t n = 0;
    for (size_t i = 0; i < text.len; i++) {
        int v = value_of(text.ptr[i]);
        if (v < 0)
            return ERR_INVALID;
        bits = bits << 6 | (uint32_t)v;
        count += 6;
        if (count >= 8) {
            count -= 8;
            out[n++] = (unsigned char)(bits >> count);
        }
    }
    /* Bits behind the last byte are zero, so that a key has one spelling. */
    return n == len && (bits & ((1u << count) - 1)) == 0 ? ERR_NONE : ERR_INVALID;
}
