/* The HTTP/1 response codec: each answer whole, byte by byte and in random pieces. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/random.h"
#include "exchange/http1.h"

#define STATUS "HTTP/1.1 200 OK\r\n"
#define EMPTY "Content-Length: 0\r\n\r\n"
#define CHUNKED STATUS "Transfer-Encoding: chunked\r\n\r\n"
#define LAST "0\r\n\r\n"
#define OK_CHUNK "2\r\nok\r\n" LAST
#define NO_HEAD .answer = ANSWER_NONE
#define PART .answer = ANSWER_PARTIAL_HEAD
#define INTERIM .answer = ANSWER_INTERIM
#define FINAL(n) .answer = ANSWER_HEAD, .status = (n)
#define DONE(n) .state = HTTP1_DONE, FINAL(n), .eof = HTTP1_DONE
#define DONE_KEPT(n) DONE(n), .keep_alive = true
#define UNTIL_CLOSE(n) .state = HTTP1_MORE, FINAL(n), .eof = HTTP1_DONE
#define TRUNCATED .state = HTTP1_MORE, .eof = HTTP1_MORE
#define BROKEN(id) .state = HTTP1_ERROR, .eof = HTTP1_ERROR, .cause = CAUSE_##id

struct answer_case {
    const char *bytes;
    enum http1_state state, eof; /* after the bytes; and when the peer then closes */
    enum answer_part answer;
    int status;
    bool keep_alive;
    enum cause_id cause;
    const char *body; /* NULL: none */
    uint32_t keep_alive_s, retry_after_s;
};

static const struct answer_case cases[] = {
    /* complete */
    {STATUS EMPTY, DONE_KEPT(200)},
    {STATUS "Content-Length: 5\r\n\r\nhello", DONE_KEPT(200), .body = "hello"},
    {STATUS "content-length:5\r\n\r\nhello", DONE_KEPT(200), .body = "hello"},
    {STATUS "Content-Length: 0\r\nConnection: close\r\n\r\n", DONE(200)},
    {STATUS "Content-Length: 0\r\nConnection: Keep-Alive, close\r\n\r\n", DONE(200)},
    {"HTTP/1.1 200\r\n" EMPTY, DONE_KEPT(200)},
    {"HTTP/1.1 200 \r\n" EMPTY, DONE_KEPT(200)},
    {"\r\n\r\nHTTP/1.1 200 OK\r\n" EMPTY, DONE(200)},
    {"HTTP/1.1 999 Odd\r\n" EMPTY, DONE_KEPT(999)},
    {"HTTP/1.1 600 Odd\r\n" EMPTY, DONE_KEPT(600)},
    {"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1/\r\n" EMPTY, DONE_KEPT(302)},
    {"HTTP/1.1 413 Too Large\r\n" EMPTY, DONE_KEPT(413)},
    {STATUS "X: \xe3\x81\x82 \xff\r\n" EMPTY, DONE_KEPT(200)},
    {STATUS "X:\r\n" EMPTY, DONE_KEPT(200)},
    {STATUS "X: a\r\n b\r\n" EMPTY, DONE(200)},
    {"HTTP/1.1 200   OK\r\n" EMPTY, DONE_KEPT(200)},
    {"HTTP/1.1 200 \xe3\x81\x82\r\n" EMPTY, DONE_KEPT(200)},
    {STATUS "Content-Length: \t 5 \t \r\n\r\nhello", DONE_KEPT(200), .body = "hello"},
    {STATUS "CONTENT-LENGTH: 005\r\n\r\nhello", DONE_KEPT(200), .body = "hello"},
    /* understood as other clients understand it, but the connection is not used again */
    {"\nHTTP/1.1 200 OK\r\n" EMPTY, DONE(200)},
    {"HTTP/1.1 200 OK\nContent-Length: 2\n\nok", DONE(200), .body = "ok"},
    {"HTTP/1.1 200\nContent-Length: 2\r\n\r\nok", DONE(200), .body = "ok"},
    {STATUS "X: y\nContent-Length: 2\r\n\r\nok", DONE(200), .body = "ok"},
    {STATUS "Content-Length: 2\r\n\nok", DONE(200), .body = "ok"},
    {STATUS "Content-Length: 2\n\r\nok", DONE(200), .body = "ok"},
    {STATUS "Content-Length:\r\n 2\r\n\r\nok", DONE(200), .body = "ok"},
    {STATUS "X: a\r\n \r\n" EMPTY, DONE(200)},
    {STATUS "Content-Length: 2\r\nContent-Length: 2\r\n\r\nok", DONE(200), .body = "ok"},
    {STATUS "Content-Length: 2\r\nX: y\r\ncontent-length: 02\r\n\r\nok", DONE(200), .body = "ok"},
    {STATUS "Content-Length: 2, 2\r\n\r\nok", DONE(200), .body = "ok"},
    {STATUS "Content-Length: 0000000000000000000000000000000000000000000000002\r\n\r\nok", DONE_KEPT(200),
     .body = "ok"},
    {STATUS "Content-Length: 2,2 ,\t2\r\nContent-Length: 2\r\n\r\nok", DONE(200), .body = "ok"},
    {"HTTP/1.2 200 OK\r\n" EMPTY, DONE(200)},
    {"HTTP/1.9 404 Odd\r\n" EMPTY, DONE(404)},
    {"HTTP/1.2 103 Hints\r\n\r\n" STATUS EMPTY, DONE(200)},
    /* no content, whatever the fields say */
    {"HTTP/1.1 204 No Content\r\n\r\n", DONE_KEPT(204)},
    {"HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n", DONE_KEPT(204)},
    {"HTTP/1.1 204 No Content\r\nContent-Length: 10\r\n\r\n", DONE(204)},
    {"HTTP/1.1 204 No Content\r\nContent-Length: 2, 3\r\n\r\n", DONE(204)},
    {"HTTP/1.1 304 Not Modified\r\nContent-Length: many\r\n\r\n", DONE(304)},
    {"HTTP/1.1 204 No Content\r\nTransfer-Encoding: chunked\r\n\r\n", DONE(204)},
    {"HTTP/1.1 304 Not Modified\r\nContent-Length: 10\r\n\r\n", DONE_KEPT(304)},
    /* interim ones are skipped */
    {"HTTP/1.1 100 Continue\r\n\r\n" STATUS EMPTY, DONE_KEPT(200)},
    {"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 500 X\r\n" EMPTY,
     DONE_KEPT(500)},
    {"HTTP/1.1 103 Hints\r\nConnection: close\r\nContent-Length: 4\r\n\r\n" STATUS EMPTY, DONE_KEPT(200)},
    {"HTTP/1.0 100 Continue\r\n\r\n" STATUS EMPTY, DONE_KEPT(200)},
    {"HTTP/1.1 100 Continue\r\nContent-Length: 4\r\nContent-Length: no\r\nTransfer-Encoding: "
     "gzip\r\n\r\n" STATUS EMPTY,
     DONE_KEPT(200)},
    {"HTTP/1.1 100 Continue\n\nHTTP/1.1 200 OK\r\n" EMPTY, DONE(200)},
    {"HTTP/1.1 100 Continue\r\n\r\n\r\nHTTP/1.1 200 OK\r\n" EMPTY, DONE(200)},
    {"HTTP/1.1 103 Hints\r\nRetry-After: 7\r\nKeep-Alive: timeout=7\r\n\r\n" STATUS EMPTY, DONE_KEPT(200)},
    {"HTTP/1.1 100 Continue\r\n\r\n", TRUNCATED, INTERIM},
    {"HTTP/1.1 100 Continue\r\n\r\n\r\n", TRUNCATED, INTERIM},
    {"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 2", TRUNCATED, PART},
    {"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n", DONE(101)},
    {"HTTP/1.1 101 Switching Protocols\r\n\r\n", DONE(101)},
    {"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n\x81\x01zz", DONE(101)},
    {"HTTP/1.1 200 OK\r\nConnection: upgrade\r\nUpgrade: h2c\r\n" EMPTY, DONE_KEPT(200)},
    /* HTTP/1.0 and bodies that end with the connection */
    {"HTTP/1.0 200 OK\r\n" EMPTY, DONE(200)},
    {"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\n" EMPTY, DONE_KEPT(200)},
    {"HTTP/1.0 200 OK\r\nConnection: x, Keep-Alive ,y\r\n" EMPTY, DONE_KEPT(200)},
    {"HTTP/1.0 200 OK\r\nConnection: keep-alive, close\r\n" EMPTY, DONE(200)},
    {STATUS
     "Connection: a-token-that-is-longer-than-what-is-kept-of-one-it-is\r\nConnection: CLOSE\r\n" EMPTY,
     DONE(200)},
    {STATUS "Connection: close-not, not close\r\n" EMPTY, DONE_KEPT(200)},
    {"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
     DONE(200), .body = "ok"},
    {"HTTP/1.0 200 OK\r\n\r\nto the end", UNTIL_CLOSE(200), .body = "to the end"},
    {STATUS "\r\nto the end", UNTIL_CLOSE(200), .body = "to the end"},
    {STATUS "\r\n", UNTIL_CLOSE(200)},
    {STATUS "Transfer-Encoding: gzip\r\n\r\nzzz", UNTIL_CLOSE(200), .body = "zzz"},
    {STATUS "Transfer-Encoding: identity\r\n\r\nzzz", UNTIL_CLOSE(200), .body = "zzz"},
    {STATUS "Transfer-Encoding: chunked, gzip\r\n\r\nzzz", UNTIL_CLOSE(200), .body = "zzz"},
    {STATUS "Transfer-Encoding: chunked;q=1\r\n\r\nzzz", UNTIL_CLOSE(200), .body = "zzz"},
    {STATUS "Transfer-Encoding: \"chunked\"\r\n\r\nzzz", UNTIL_CLOSE(200), .body = "zzz"},
    {STATUS "Transfer-Encoding: chunked                                              x\r\n\r\nzzz",
     UNTIL_CLOSE(200), .body = "zzz"},
    {STATUS "Transfer-Encoding:\r\n\r\nzzz", UNTIL_CLOSE(200), .body = "zzz"},
    /* chunks */
    {CHUNKED "0\r\n\r\n", DONE_KEPT(200)},
    {CHUNKED "5\r\nhello\r\n0\r\n\r\n", DONE_KEPT(200), .body = "hello"},
    {CHUNKED "2;a=\"b;c\"\r\nhe\r\n0003\r\nllo\r\n00\r\nTrailer: x\r\n\r\n", DONE_KEPT(200), .body = "hello"},
    {CHUNKED "A\r\n0123456789\r\n0\r\n\r\n", DONE_KEPT(200), .body = "0123456789"},
    {STATUS "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", DONE_KEPT(200)},
    {STATUS "Transfer-Encoding: CHUNKED\r\n\r\n" OK_CHUNK, DONE_KEPT(200), .body = "ok"},
    {STATUS "Transfer-Encoding: chunked,\r\n\r\n" OK_CHUNK, DONE_KEPT(200), .body = "ok"},
    {STATUS "Transfer-Encoding: , ,\tchunked\t, ,\r\n\r\n" OK_CHUNK, DONE_KEPT(200), .body = "ok"},
    {STATUS "Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n" OK_CHUNK, DONE_KEPT(200),
     .body = "ok"},
    {STATUS
     "Transfer-Encoding: chunked \t                                                       \r\n\r\n" OK_CHUNK,
     DONE_KEPT(200), .body = "ok"},
    {STATUS "Transfer-Encoding: chunked, chunked\r\n\r\n" OK_CHUNK, DONE(200), .body = "ok"},
    {STATUS "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n" OK_CHUNK, DONE(200),
     .body = "ok"},
    {STATUS "Transfer-Encoding: identity, chunked\r\n\r\n" OK_CHUNK, DONE_KEPT(200), .body = "ok"},
    {STATUS "Transfer-Encoding:\r\n chunked\r\n\r\n" OK_CHUNK, DONE(200), .body = "ok"},
    {STATUS "Transfer-Encoding:\r\nContent-Length: 2\r\n\r\nok", DONE(200), .body = "ok"},
    {STATUS "Transfer-Encoding: chunked\r\nContent-Length: 12\r\n\r\n" OK_CHUNK, DONE(200), .body = "ok"},
    {STATUS "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n" OK_CHUNK, DONE(200), .body = "ok"},
    /* extensions that keep to the grammar of RFC 9112 7.1.1: passed over */
    {CHUNKED "2;a\r\nok\r\n" LAST, DONE_KEPT(200), .body = "ok"},
    {CHUNKED "2;a=b\r\nok\r\n" LAST, DONE_KEPT(200), .body = "ok"},
    {CHUNKED "2;a=b;c=d\r\nok\r\n" LAST, DONE_KEPT(200), .body = "ok"},
    {CHUNKED "2;a;b;c=d;e=\"f\";g\r\nok\r\n" LAST, DONE_KEPT(200), .body = "ok"},
    {CHUNKED "2 ;a\r\nok\r\n" LAST, DONE_KEPT(200), .body = "ok"},
    {CHUNKED "2\t ; \ta \t= \tb ;\tc\t=\td\r\nok\r\n" LAST, DONE_KEPT(200), .body = "ok"},
    {CHUNKED "2;a=\"\"\r\nok\r\n" LAST, DONE_KEPT(200), .body = "ok"},
    {CHUNKED "2;a=\"b\\\"c;d=\\\\\" ;e\r\nok\r\n" LAST, DONE_KEPT(200), .body = "ok"},
    {CHUNKED "2;a=\" \t\xe3\x81\x82\"\r\nok\r\n" LAST, DONE_KEPT(200), .body = "ok"},
    {CHUNKED "2\r\nok\r\n0;a=b;c\r\n\r\n", DONE_KEPT(200), .body = "ok"},
    {CHUNKED "2\r\nok\r\n0 ; a = \"b\"\r\nTrailer: x\r\n\r\n", DONE_KEPT(200), .body = "ok"},
    {CHUNKED "1;chunk-signature=0123456789abcdef\r\no\r\n1;chunk-signature=fedcba9876543210\r\nk\r\n" LAST,
     DONE_KEPT(200), .body = "ok"},
    /* and such as do not */
    {CHUNKED "2  \r\nok\r\n" LAST, DONE(200), .body = "ok"},
    {CHUNKED "2\t\r\nok\r\n" LAST, DONE(200), .body = "ok"},
    {CHUNKED "2\r\nok\r\n0 \r\n\r\n", DONE(200), .body = "ok"},
    {CHUNKED "2;\r\nok\r\n" LAST, DONE(200), .body = "ok"},
    {CHUNKED "2;;a\r\nok\r\n" LAST, DONE(200), .body = "ok"},
    {CHUNKED "2;a=\r\nok\r\n" LAST, DONE(200), .body = "ok"},
    {CHUNKED "2;a=b \r\nok\r\n" LAST, DONE(200), .body = "ok"},
    {CHUNKED "2;a b\r\nok\r\n" LAST, DONE(200), .body = "ok"},
    {CHUNKED "2;a=\"b\r\nok\r\n" LAST, DONE(200), .body = "ok"},
    {CHUNKED "2;a=\"b\\\r\nok\r\n" LAST, DONE(200), .body = "ok"},
    {CHUNKED "2;a=\"b\"c\r\nok\r\n" LAST, DONE(200), .body = "ok"},
    {CHUNKED "2;/?@\r\nok\r\n" LAST, DONE(200), .body = "ok"},
    /* trailers are fields */
    {CHUNKED
     "0\r\nContent-Length: 9\r\nTransfer-Encoding: gzip\r\nConnection: close\r\nRetry-After: 5\r\n\r\n",
     DONE_KEPT(200)},
    {CHUNKED "0\r\nX: y\r\n z\r\n\r\n", DONE(200)},
    {CHUNKED "0\r\nX: y\n\n", DONE(200)},
    {CHUNKED "0\r\n\n", DONE(200)},
    /* more than was asked for */
    {STATUS EMPTY "HTTP/1.1 408 Request Timeout\r\n\r\n", DONE(200)},
    {STATUS "Content-Length: 1\r\n\r\nab", DONE(200), .body = "a"},
    {"HTTP/1.1 204 No Content\r\n\r\nx", DONE(204)},
    {CHUNKED "0\r\n\r\nx", DONE(200)},
    /* Keep-Alive and Retry-After */
    {STATUS "Keep-Alive: timeout=5, max=100\r\n" EMPTY, DONE_KEPT(200), .keep_alive_s = 5},
    {STATUS "Keep-Alive: max=1, timeout=15\r\n" EMPTY, DONE_KEPT(200), .keep_alive_s = 15},
    {STATUS "Keep-Alive: timeout=99999999999\r\n" EMPTY, DONE_KEPT(200),
     .keep_alive_s = HTTP1_KEEP_ALIVE_MAX_S},
    {STATUS "Keep-Alive: timeout=\r\n" EMPTY, DONE_KEPT(200)},
    {STATUS "Keep-Alive: 300\r\n" EMPTY, DONE_KEPT(200)},
    {"HTTP/1.1 503 Busy\r\nRetry-After: 120\r\n" EMPTY, DONE_KEPT(503), .retry_after_s = 120},
    {"HTTP/1.1 429 Slow\r\nEmpty:\r\nRETRY-AFTER:30\r\n" EMPTY, DONE_KEPT(429), .retry_after_s = 30},
    {"HTTP/1.1 503 Busy\r\nRetry-After: Fri, 31 Dec 1999 23:59:59 GMT\r\n" EMPTY, DONE_KEPT(503)},
    {"HTTP/1.1 503 Busy\r\nRetry-After: 99999999999999\r\n" EMPTY, DONE_KEPT(503),
     .retry_after_s = 999999999},
    {"HTTP/1.1 503 Busy\r\nRetry-After-More: 5\r\n" EMPTY, DONE_KEPT(503)},
    /* cut off */
    {"", TRUNCATED, NO_HEAD},
    {"\r\n", TRUNCATED, NO_HEAD},
    {"H", TRUNCATED, PART},
    {"HTTP/1.1 200", TRUNCATED, PART},
    {STATUS, TRUNCATED, PART},
    {STATUS "Content-Length: 5\r\n", TRUNCATED, PART},
    {STATUS "Content-Length: 5\r\n\r\n", TRUNCATED, FINAL(200)},
    {STATUS "Content-Length: 5\r\n\r\nhell", TRUNCATED, FINAL(200), .body = "hell"},
    {"HTTP/1.1 500 X\r\nContent-Length: 5\r\n\r\nhell", TRUNCATED, FINAL(500), .body = "hell"},
    {CHUNKED, TRUNCATED, FINAL(200)},
    {CHUNKED "5\r\nhel", TRUNCATED, FINAL(200), .body = "hel"},
    {CHUNKED "5\r\nhello\r\n", TRUNCATED, FINAL(200), .body = "hello"},
    {CHUNKED "0\r\n", TRUNCATED, FINAL(200)},
    {CHUNKED "0\r\nTrailer: x\r\n", TRUNCATED, FINAL(200)},
    /* no HTTP */
    {"SSH-2.0-OpenSSH_9.2p1 Debian\r\n", BROKEN(h1_not_http), PART},
    {"<html>hello</html>", BROKEN(h1_not_http), PART},
    {"220 mail.example ESMTP\r\n", BROKEN(h1_not_http), PART},
    {"\x15\x03\x03\x02\x28", BROKEN(h1_not_http), PART},
    {"http/1.1 200 OK\r\n\r\n", BROKEN(h1_not_http), PART},
    {"GET / HTTP/1.1\r\n\r\n", BROKEN(h1_not_http), PART},
    {"HTTPS/1.1 200 OK\r\n\r\n", BROKEN(h1_not_http), PART},
    /* malformed heads */
    {"HTTP/1.10 200 OK\r\n\r\n", BROKEN(h1_malformed_head), PART},
    {"HTTP/11.1 200 OK\r\n\r\n", BROKEN(h1_malformed_head), PART},
    {"HTTP/01.1 200 OK\r\n\r\n", BROKEN(h1_not_http), PART},
    {"HTTP/1 200 OK\r\n\r\n", BROKEN(h1_malformed_head), PART},
    {"HTTP/1. 200 OK\r\n\r\n", BROKEN(h1_malformed_head), PART},
    {"HTTP/1.1\t200 OK\r\n\r\n", BROKEN(h1_malformed_head), PART},
    {"HTTP/1.1 200\tOK\r\n\r\n", BROKEN(h1_malformed_head), PART},
    {"HTTP/1.1 200 OK\rContent-Length: 0\r\r", BROKEN(h1_malformed_head), PART},
    {"HTTP/0.9 200 OK\r\n\r\n", BROKEN(h1_not_http), PART},
    {" HTTP/1.1 200 OK\r\n\r\n", BROKEN(h1_not_http), PART},
    {"HTTP/1.1 2x0 OK\r\n\r\n", BROKEN(h1_malformed_head), PART},
    {"HTTP/1.1 20 OK\r\n\r\n", BROKEN(h1_malformed_head), PART},
    {"HTTP/1.1 099 OK\r\n\r\n", BROKEN(h1_malformed_head), PART},
    {"HTTP/1.1 2000 OK\r\n\r\n", BROKEN(h1_malformed_head), PART},
    {"HTTP/1.1 200OK\r\n\r\n", BROKEN(h1_malformed_head), PART},
    {"HTTP/1.1  200 OK\r\n\r\n", BROKEN(h1_malformed_head), PART},
    {"HTTP/2.0 200 OK\r\n\r\n", BROKEN(h1_malformed_head), PART},
    {"HTTP/3.0 200 OK\r\n\r\n", BROKEN(h1_malformed_head), PART},
    {STATUS "No colon\r\n\r\n", BROKEN(h1_malformed_head), PART},
    {STATUS "A b: c\r\n\r\n", BROKEN(h1_malformed_head), PART},
    {STATUS "A : b\r\n\r\n", BROKEN(h1_malformed_head), PART},
    {STATUS ": b\r\n\r\n", BROKEN(h1_malformed_head), PART},
    {STATUS " A: b\r\n\r\n", BROKEN(h1_malformed_head), PART},
    {STATUS "A: \x01\r\n\r\n", BROKEN(h1_malformed_head), PART},
    {STATUS "A: b\rc\r\n\r\n", BROKEN(h1_malformed_head), PART},
    {STATUS "A: b\r\r\n\r\n", BROKEN(h1_malformed_head), PART},
    {STATUS "A: \x7f\r\n\r\n", BROKEN(h1_malformed_head), PART},
    {STATUS "A\x01: b\r\n\r\n", BROKEN(h1_malformed_head), PART},
    {STATUS "A(B): b\r\n\r\n", BROKEN(h1_malformed_head), PART},
    {STATUS "A\xe9: b\r\n\r\n", BROKEN(h1_malformed_head), PART},
    {STATUS "A\n b: c\r\n\r\n", BROKEN(h1_malformed_head), PART},
    {STATUS "Content-Length : 0\r\n\r\n", BROKEN(h1_malformed_head), PART},
    {STATUS "Transfer-Encoding : chunked\r\n\r\n", BROKEN(h1_malformed_head), PART},
    /* lengths that cannot be */
    {STATUS "Content-Length: 2\r\nContent-Length: 3\r\n\r\nabc", BROKEN(h1_conflicting_length), PART},
    {STATUS "Content-Length: 2\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nabc",
     BROKEN(h1_conflicting_length), PART},
    {STATUS "Content-Length: 2, 3\r\n\r\nabc", BROKEN(h1_conflicting_length), PART},
    {STATUS "Content-Length: two\r\n\r\nab", BROKEN(h1_conflicting_length), PART},
    {STATUS "Content-Length: -2\r\n\r\nab", BROKEN(h1_conflicting_length), PART},
    {STATUS "Content-Length: 99999999999999999999999\r\n\r\n", BROKEN(h1_conflicting_length), PART},
    {STATUS "Content-Length: +2\r\n\r\nab", BROKEN(h1_conflicting_length), PART},
    {STATUS "Content-Length: 0x2\r\n\r\nab", BROKEN(h1_conflicting_length), PART},
    {STATUS "Content-Length: 2.0\r\n\r\nab", BROKEN(h1_conflicting_length), PART},
    {STATUS "Content-Length: 2 2\r\n\r\nab", BROKEN(h1_conflicting_length), PART},
    {STATUS "Content-Length: 2\r\n 2\r\n\r\nab", BROKEN(h1_conflicting_length), PART},
    {STATUS "Content-Length:\r\n\r\nab", BROKEN(h1_conflicting_length), PART},
    {STATUS "Content-Length: 2,\r\n\r\nab", BROKEN(h1_conflicting_length), PART},
    {STATUS "Content-Length: \"2\"\r\n\r\nab", BROKEN(h1_conflicting_length), PART},
    {STATUS "Content-Length: 12345678901234567890123456789012345678901234567890\r\n\r\nab",
     BROKEN(h1_conflicting_length), PART},
    {STATUS "Content-Length: 18446744073709551616\r\n\r\n", BROKEN(h1_conflicting_length), PART},
    {STATUS "Content-Length: 2\r\nTransfer-Encoding: gzip\r\n\r\nab", BROKEN(h1_conflicting_length), PART},
    {STATUS "Transfer-Encoding: identity\r\nContent-Length: 2\r\n\r\nab", BROKEN(h1_conflicting_length),
     PART},
    {STATUS "Content-Length: 2\r\nTransfer-Encoding: chunked, gzip\r\n\r\nab", BROKEN(h1_conflicting_length),
     PART},
    {STATUS "Transfer-Encoding: chunked\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n",
     BROKEN(h1_conflicting_length), PART},
    /* bad chunks: the status was read */
    {CHUNKED "zz\r\n", BROKEN(h1_bad_chunk), FINAL(200)},
    {CHUNKED "\r\n", BROKEN(h1_bad_chunk), FINAL(200)},
    {CHUNKED "-1\r\n", BROKEN(h1_bad_chunk), FINAL(200)},
    {CHUNKED "5\r\nhelloXX0\r\n\r\n", BROKEN(h1_bad_chunk), FINAL(200), .body = "hello"},
    {CHUNKED "fffffffffffffffff\r\n", BROKEN(h1_bad_chunk), FINAL(200)},
    {CHUNKED "10000000000000000\r\n", BROKEN(h1_bad_chunk), FINAL(200)},
    {CHUNKED " 2\r\nok\r\n" LAST, BROKEN(h1_bad_chunk), FINAL(200)},
    {CHUNKED "+2\r\nok\r\n" LAST, BROKEN(h1_bad_chunk), FINAL(200)},
    {CHUNKED "0x2\r\nok\r\n" LAST, BROKEN(h1_bad_chunk), FINAL(200)},
    {CHUNKED "2x\r\nok\r\n" LAST, BROKEN(h1_bad_chunk), FINAL(200)},
    {CHUNKED "2 2\r\nok\r\n" LAST, BROKEN(h1_bad_chunk), FINAL(200)},
    {CHUNKED "2 a=b\r\nok\r\n" LAST, BROKEN(h1_bad_chunk), FINAL(200)},
    {CHUNKED "2\nok\r\n" LAST, BROKEN(h1_bad_chunk), FINAL(200)},
    {CHUNKED "2\rok\r\n" LAST, BROKEN(h1_bad_chunk), FINAL(200)},
    {CHUNKED "2\r\nok\n" LAST, BROKEN(h1_bad_chunk), FINAL(200), .body = "ok"},
    {CHUNKED "2\r\nok" LAST, BROKEN(h1_bad_chunk), FINAL(200), .body = "ok"},
    {CHUNKED "2;a\nok\r\n" LAST, BROKEN(h1_bad_chunk), FINAL(200)},
    {CHUNKED "2;a\rb\r\nok\r\n" LAST, BROKEN(h1_bad_chunk), FINAL(200)},
    {CHUNKED "2;a=\"\n\"\r\nok\r\n" LAST, BROKEN(h1_bad_chunk), FINAL(200)},
    {CHUNKED "2;a=\"\\\n\"\r\nok\r\n" LAST, BROKEN(h1_bad_chunk), FINAL(200)},
    {CHUNKED "2;a=\x01\r\nok\r\n" LAST, BROKEN(h1_bad_chunk), FINAL(200)},
    {CHUNKED "2;\x7f\r\nok\r\n" LAST, BROKEN(h1_bad_chunk), FINAL(200)},
    {CHUNKED "0\r\nX : y\r\n\r\n", BROKEN(h1_bad_chunk), FINAL(200)},
    {CHUNKED "0\r\n folded: y\r\n\r\n", BROKEN(h1_bad_chunk), FINAL(200)},
    {CHUNKED "0\r\nX: \x01\r\n\r\n", BROKEN(h1_bad_chunk), FINAL(200)},
    {CHUNKED "0\r\nno colon\r\n\r\n", BROKEN(h1_bad_chunk), FINAL(200)},
    {"HTTP/1.1 500 X\r\nTransfer-Encoding: chunked\r\n\r\n?\r\n", BROKEN(h1_bad_chunk), FINAL(500)},
};

/* Feeds pieces of their exact size, so that ASan sees a read past one. Returns how much was taken. */
static size_t feed(struct http1_response *r, const char *p, size_t len, size_t step,
                   const struct random *random)
{
    size_t at = 0;
    while (at < len && r->state == HTTP1_MORE) {
        size_t n = random ? 1 + random_below(random, step) : step;
        n = n < len - at ? n : len - at;
        char *piece = malloc(n);
        assert_non_null(piece);
        memcpy(piece, p + at, n);
        enum http1_state state = http1_response_feed(r, piece, n);
        free(piece);
        assert_int_equal(state, r->state);
        at += n;
    }
    return at;
}

static int differs(const struct answer_case *c, const char *how, size_t step, const struct random *random)
{
    struct http1_response r;
    struct buf body;
    buf_init(&body, 1000);
    http1_response_init(&r);
    r.body = &body;
    size_t len = strlen(c->bytes), taken = feed(&r, c->bytes, len, step, random);
    bool keep_alive =
        r.state == HTTP1_DONE && r.keep_alive && taken == len; /* the pool finds what lies behind */
    const char *want_body = c->body ? c->body : "";
    bool ok = r.state == c->state && r.answer == c->answer && r.status == c->status && r.cause == c->cause &&
              keep_alive == c->keep_alive && span_eq(buf_span(&body), span_of(want_body)) &&
              (r.state == HTTP1_ERROR || r.body_bytes == strlen(want_body));
    if (r.state == HTTP1_DONE)
        ok = ok && r.keep_alive_s == c->keep_alive_s && r.retry_after_s == c->retry_after_s;
    enum http1_state eof = http1_response_eof(&r);
    ok = ok && eof == c->eof && eof == r.state && (c->state == HTTP1_DONE || !r.keep_alive);
    if (!ok)
        print_error(
            "%s, %s: state %d, closed %d, answer %d, status %d, %s, keep-alive %d (%u s), retry after %u, "
            "body '%.*s'\n",
            c->bytes, how, (int)r.state, (int)eof, (int)r.answer, r.status, cause_of(r.cause)->id, keep_alive,
            r.keep_alive_s, r.retry_after_s, (int)buf_len(&body), buf_span(&body).ptr);
    buf_deinit(&body);
    return !ok;
}

static void every_answer_however_it_is_cut(void **state)
{
    (void)state;
    struct random_seeded seed;
    struct random random = random_seeded_init(&seed, 3);
    int bad = 0;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        bad += differs(&cases[i], "whole", SIZE_MAX, NULL);
        bad += differs(&cases[i], "byte by byte", 1, NULL);
        for (int n = 0; n < 20; n++)
            bad += differs(&cases[i], "in pieces", 2 + (size_t)n * 3, &random);
    }
    assert_int_equal(bad, 0);
}

static void version_is_told(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        int version;
    } versions[] = {{"HTTP/1.0 200 OK\r\n\r\n", 10}, {"HTTP/1.1 200 OK\r\n\r\n", 11}};
    for (size_t i = 0; i < 2; i++) {
        struct http1_response r;
        http1_response_init(&r);
        (void)http1_response_feed(&r, versions[i].bytes, strlen(versions[i].bytes));
        assert_int_equal(r.version, versions[i].version);
    }
}

/* Feeds unit again and again, until the codec says something or max bytes went in. Returns how many did. */
static size_t flood(struct http1_response *r, const char *unit, size_t max)
{
    size_t len = strlen(unit), total = 0;
    while (r->state == HTTP1_MORE && total < max) {
        (void)http1_response_feed(r, unit, len);
        total += len;
    }
    return total;
}

static void head_has_a_cap(void **state)
{
    (void)state;
    static const struct {
        const char *start, *unit;
    } floods[] = {
        {STATUS, "X: 0123456789\r\n"},                    /* many fields */
        {STATUS "X: ", "0123456789"},                     /* one value */
        {STATUS, "abcdefghij"},                           /* one name */
        {"HTTP/1.1 200 ", "reason"},                      /* one reason phrase */
        {STATUS, "X:\r\n"},                               /* empty ones */
        {"HTTP/1.1 103 Hints\r\n", "Link: </a.css>\r\n"}, /* an interim head */
        {CHUNKED "0\r\n", "Trailer: 0123456789\r\n"},     /* trailers */
        {STATUS "X: a\r\n", " folded\r\n"},               /* a folded value */
        {"\r\n", "\r\n\r\n\r\n"},                         /* empty lines first */
    };
    for (size_t i = 0; i < sizeof(floods) / sizeof(floods[0]); i++) {
        struct http1_response r;
        http1_response_init(&r);
        (void)http1_response_feed(&r, floods[i].start, strlen(floods[i].start));
        assert_int_equal(r.state, HTTP1_MORE);
        size_t total = flood(&r, floods[i].unit, (size_t)HTTP1_HEAD_MAX * 4);
        if (r.state != HTTP1_ERROR || r.cause != CAUSE_h1_head_too_large)
            fail_msg("%s: state %d, %s after %zu bytes", floods[i].unit, (int)r.state, cause_of(r.cause)->id,
                     total);
        assert_true(total <= (size_t)HTTP1_HEAD_MAX * 2);
    }
}

/* What frames nothing counts as nothing else: in one line or in many, it has a cap of its own. */
static void chunk_extensions_have_a_cap(void **state)
{
    (void)state;
    static const struct {
        const char *start, *unit;
    } floods[] = {
        {CHUNKED "2;", "name"},
        {CHUNKED "2;a=\"", "in a string"},
        {CHUNKED "2;a=\"", "\\\""},
        {CHUNKED "2", "    "},
        {CHUNKED "2;", ";;;;"},
        {CHUNKED "", "0000"},
        {CHUNKED, "1;chunk-signature=0123456789abcdef0123456789abcdef\r\nx\r\n"},
    };
    for (size_t i = 0; i < sizeof(floods) / sizeof(floods[0]); i++) {
        struct http1_response r;
        http1_response_init(&r);
        (void)http1_response_feed(&r, floods[i].start, strlen(floods[i].start));
        assert_int_equal(r.state, HTTP1_MORE);
        size_t total = flood(&r, floods[i].unit, (size_t)HTTP1_CHUNKS_EXTRA_MAX * 4);
        if (r.state != HTTP1_ERROR || r.cause != CAUSE_h1_bad_chunk || r.status != 200)
            fail_msg("%s: state %d, %s after %zu bytes", floods[i].unit, (int)r.state, cause_of(r.cause)->id,
                     total);
        assert_true(total <= (size_t)HTTP1_CHUNKS_EXTRA_MAX * 2);
    }
    /* An honest answer of many small chunks has none of it. */
    struct http1_response r;
    http1_response_init(&r);
    (void)http1_response_feed(&r, CHUNKED, sizeof(CHUNKED) - 1);
    (void)flood(&r, "1\r\nx\r\n", (size_t)HTTP1_CHUNKS_EXTRA_MAX * 8);
    assert_int_equal(http1_response_feed(&r, LAST, sizeof(LAST) - 1), HTTP1_DONE);
    assert_true(r.keep_alive);
}

/* A NUL is no byte of a value, a name or an extension. */
static void nul_is_refused(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        size_t len;
        enum cause_id cause;
    } nuls[] = {
#define NUL(s, cause) {s, sizeof(s) - 1, CAUSE_##cause}
        NUL("\0HTTP/1.1 200 OK\r\n", h1_not_http),
        NUL(STATUS "X: a\0b\r\n", h1_malformed_head),
        NUL(STATUS "X\0: a\r\n", h1_malformed_head),
        NUL(STATUS "Content-Length: 0\0\r\n", h1_malformed_head),
        NUL(CHUNKED "2\0\r\n", h1_bad_chunk),
        NUL(CHUNKED "2;a=\0\r\n", h1_bad_chunk),
        NUL(CHUNKED "2;a=\"\\\0\"\r\n", h1_bad_chunk),
        NUL(CHUNKED "0\r\nX: \0\r\n", h1_bad_chunk),
#undef NUL
    };
    for (size_t i = 0; i < sizeof(nuls) / sizeof(nuls[0]); i++) {
        struct http1_response r;
        http1_response_init(&r);
        assert_int_equal(http1_response_feed(&r, nuls[i].bytes, nuls[i].len), HTTP1_ERROR);
        assert_int_equal(r.cause, nuls[i].cause);
    }
}

/* A head just below the cap is read, and the next answer of the connection starts from nothing. */
static void large_head_is_read(void **state)
{
    (void)state;
    struct http1_response r;
    http1_response_init(&r);
    (void)http1_response_feed(&r, STATUS, sizeof(STATUS) - 1);
    for (int i = 0; i < 60; i++) {
        char field[1024];
        memset(field, 'v', sizeof(field));
        memcpy(field, "X: ", 3);
        memcpy(field + sizeof(field) - 2, "\r\n", 2);
        assert_int_equal(http1_response_feed(&r, field, sizeof(field)), HTTP1_MORE);
    }
    assert_int_equal(http1_response_feed(&r, EMPTY, sizeof(EMPTY) - 1), HTTP1_DONE);
}

static void body_has_a_cap(void **state)
{
    (void)state;
    static const char *const starts[] = {STATUS "\r\n", STATUS "Content-Length: 1048577\r\n\r\n"};
    static char block[65536];
    memset(block, 'b', sizeof(block));
    for (size_t i = 0; i < 2; i++) {
        struct http1_response r;
        http1_response_init(&r);
        (void)http1_response_feed(&r, starts[i], strlen(starts[i]));
        for (size_t n = 0; n < HTTP1_BODY_MAX / sizeof(block); n++)
            assert_int_equal(http1_response_feed(&r, block, sizeof(block)), HTTP1_MORE);
        assert_int_equal(http1_response_feed(&r, "b", 1), HTTP1_ERROR);
        assert_int_equal(r.cause, CAUSE_body_too_large);
        assert_int_equal(r.status, 200);
        assert_int_equal(r.answer, ANSWER_HEAD);
    }
    struct http1_response r; /* exactly the cap */
    http1_response_init(&r);
    static const char exact[] = STATUS "Content-Length: 1048576\r\n\r\n";
    (void)http1_response_feed(&r, exact, sizeof(exact) - 1);
    for (size_t n = 0; n < HTTP1_BODY_MAX / sizeof(block); n++)
        (void)http1_response_feed(&r, block, sizeof(block));
    assert_int_equal(r.state, HTTP1_DONE);
    assert_true(r.keep_alive);
}

/* The caller's buffer is filled as far as its cap allows; the rest is counted. */
static void body_is_kept_to_its_cap(void **state)
{
    (void)state;
    struct http1_response r;
    struct buf body;
    buf_init(&body, 4);
    http1_response_init(&r);
    r.body = &body;
    static const char bytes[] = CHUNKED "2\r\nab\r\n2\r\ncd\r\n2\r\nef\r\n0\r\n\r\n";
    assert_int_equal(http1_response_feed(&r, bytes, sizeof(bytes) - 1), HTTP1_DONE);
    assert_true(span_eq(buf_span(&body), SPAN_LIT("abcd")));
    assert_int_equal(r.body_bytes, 6);
    buf_deinit(&body);
}

/* The fields of the final head, in one piece and byte by byte; what does not fit is left out whole. */
static void fields_are_kept(void **state)
{
    (void)state;
    static const char bytes[] =
        "HTTP/1.1 103 Early\r\nLink: <a>\r\n\r\nHTTP/1.1 429 Slow\r\nRetry-After: Sat, 28 Nov "
        "2026 22:00:00 GMT\r\nX-Long: a\r\n b\r\nContent-Length: 2\r\n\r\nno";
    static const char whole[] =
        "retry-after:  Sat, 28 Nov 2026 22:00:00 GMT\nx-long:  a b\ncontent-length:  2\n";
    for (size_t cap = 0; cap <= sizeof(whole); cap++)
        for (size_t step = 1; step <= sizeof(bytes); step += sizeof(bytes) - 2) {
            struct http1_response r;
            struct buf fields;
            http1_response_init(&r);
            buf_init(&fields, cap);
            r.fields = &fields;
            for (size_t at = 0; at < sizeof(bytes) - 1; at += step)
                (void)http1_response_feed(&r, bytes + at,
                                          step < sizeof(bytes) - 1 - at ? step : sizeof(bytes) - 1 - at);
            assert_int_equal(r.state, HTTP1_DONE);
            assert_int_equal(r.status, 429);
            const struct span s = buf_span(&fields);
            assert_true(s.len <= cap && (cap < sizeof(whole) - 1 || s.len == sizeof(whole) - 1));
            assert_true(s.len == 0 || (memcmp(s.ptr, whole, s.len) == 0 && s.ptr[s.len - 1] == '\n'));
            buf_deinit(&fields);
        }
}

static void out_of_memory(void **state)
{
    (void)state;
    struct http1_response r;
    struct buf body;
    buf_init(&body, 1000);
    http1_response_init(&r);
    r.body = &body;
    static const char bytes[] = STATUS "Content-Length: 5\r\n\r\nhello";
    (void)mem_fail_at(1);
    enum http1_state s = http1_response_feed(&r, bytes, sizeof(bytes) - 1);
    (void)mem_fail_at(0);
    assert_int_equal(s, HTTP1_ERROR);
    assert_int_equal(r.cause, CAUSE_local_out_of_memory);
    buf_deinit(&body);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_answer_however_it_is_cut),
        cmocka_unit_test(version_is_told),
        cmocka_unit_test(head_has_a_cap),
        cmocka_unit_test(chunk_extensions_have_a_cap),
        cmocka_unit_test(nul_is_refused),
        cmocka_unit_test(large_head_is_read),
        cmocka_unit_test(body_has_a_cap),
        cmocka_unit_test(body_is_kept_to_its_cap),
        cmocka_unit_test(fields_are_kept),
        cmocka_unit_test(out_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
