#include "exchange/http1_octet.h"

#define BOTH (OCTET_TOKEN | OCTET_TEXT)

const uint8_t http1_octets[256] = {
    ['\t'] = OCTET_TEXT,   [' '] = OCTET_TEXT,         ['!'] = BOTH,         ['"'] = OCTET_TEXT,
    ['#' ... '\''] = BOTH, ['(' ... ')'] = OCTET_TEXT, ['*' ... '+'] = BOTH, [','] = OCTET_TEXT,
    ['-' ... '.'] = BOTH,  ['/'] = OCTET_TEXT,         ['0' ... '9'] = BOTH, [':' ... '@'] = OCTET_TEXT,
    ['A' ... 'Z'] = BOTH,  ['[' ... ']'] = OCTET_TEXT, ['^' ... 'z'] = BOTH, ['{'] = OCTET_TEXT,
    ['|'] = BOTH,          ['}'] = OCTET_TEXT,         ['~'] = BOTH,         [0x80 ... 0xff] = OCTET_TEXT,
};
