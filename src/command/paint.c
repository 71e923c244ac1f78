#include "command/paint.h"

#include <glib.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/utf8.h"
#include "base/visible.h"

static const char *const escapes[] = {
    [PAINT_PLAIN] = "",        [PAINT_BOLD] = "\033[1m", [PAINT_DIM] = "\033[2m",
    [PAINT_GOOD] = "\033[32m", [PAINT_BAD] = "\033[31m", [PAINT_WARN] = "\033[33m",
};

/* A line much longer than this is hard to read, however wide the window. */
enum { LINE_MAX_COLUMNS = 110 };

void paint_init(struct paint *p, FILE *to)
{
    *p = (struct paint){.to = to};
    if (!isatty(fileno(to)))
        return;
    const char *no_color = getenv("NO_COLOR");
    const char *term = getenv("TERM");
    p->colour = !(no_color && *no_color) && term && strcmp(term, "dumb") != 0;
    struct winsize w;
    if (ioctl(fileno(to), TIOCGWINSZ, &w) == 0 && w.ws_col > 20)
        p->columns = w.ws_col < LINE_MAX_COLUMNS ? w.ws_col : LINE_MAX_COLUMNS;
}

/* A byte that is not UTF-8 counts as one character; at the end of the text *ret is 0. */
static size_t next_char(const char *s, uint32_t *ret)
{
    size_t len = utf8_next(s, strnlen(s, 4), ret);
    if (len == 0)
        *ret = (unsigned char)*s;
    return len ? len : 1;
}

static bool is_wide(uint32_t c)
{
    return g_unichar_iswide(c);
}

/* Characters that never start a line in Japanese: 、。」』）］：？！ the prolonged sound mark and
 * small kana. */
static bool is_closing(uint32_t c)
{
    static const uint32_t marks[] = {0x3001, 0x3002, 0x300d, 0x300f, 0xff09, 0xff3d,
                                     0xff1a, 0xff1f, 0xff01, 0x30fc, 0xff0c, 0xff0e};
    static const uint32_t small_kana[] = {0x41, 0x43, 0x45, 0x47, 0x49, 0x63, 0x83, 0x85, 0x87};
    for (size_t i = 0; i < sizeof(small_kana) / sizeof(small_kana[0]); i++)
        if (c == 0x3000 + small_kana[i] || c == 0x3060 + small_kana[i]) /* hiragana, katakana */
            return true;
    for (size_t i = 0; i < sizeof(marks) / sizeof(marks[0]); i++)
        if (c == marks[i])
            return true;
    return false;
}

/* Characters that never end a line: 「『（［ */
static bool is_opening(uint32_t c)
{
    return c == 0x300c || c == 0x300e || c == 0xff08 || c == 0xff3b;
}

unsigned paint_width(const char *text)
{
    return visible_width(span_of(text));
}

static void begin(const struct paint *p, enum paint_style style)
{
    if (p->colour)
        (void)fputs(escapes[style], p->to);
}

static void end(const struct paint *p, enum paint_style style)
{
    if (p->colour && style != PAINT_PLAIN)
        (void)fputs("\033[0m", p->to);
}

void paint_text(const struct paint *p, enum paint_style style, const char *text)
{
    begin(p, style);
    visible_print(p->to, span_of(text), false);
    end(p, style);
}

void paint_padded(const struct paint *p, enum paint_style style, const char *text, unsigned width)
{
    paint_text(p, style, text);
    for (unsigned w = paint_width(text); w < width; w++)
        (void)fputc(' ', p->to);
}

/* The bytes up to the next allowed line break, and their width in columns. */
static size_t unbreakable(const char *text, unsigned *ret_width)
{
    size_t len = 0;
    unsigned width = 0;
    bool code = false;
    while (text[len] && (code || text[len] != ' ')) {
        uint32_t c, next;
        len += next_char(text + len, &c);
        width += is_wide(c) ? 2 : 1;
        if (c == '`')
            code = !code;
        (void)next_char(text + len, &next);
        if (!code && (is_wide(c) || is_wide(next)) && !is_closing(next) && !is_opening(c))
            break;
    }
    *ret_width = width;
    return len;
}

void paint_wrapped(const struct paint *p, enum paint_style style, unsigned indent, const char *text)
{
    begin(p, style);
    /* The window is hardly wider than the indent: leave wrapping to the terminal. */
    bool wrap = p->columns > indent + 20;
    unsigned column = indent;
    bool space = false;
    while (*text) {
        unsigned width;
        size_t len = unbreakable(text, &width);
        if (wrap && column > indent && column + space + width > p->columns) {
            (void)fprintf(p->to, "\n%*s", (int)indent, "");
            column = indent;
        } else if (space) {
            (void)fputc(' ', p->to);
            column++;
        }
        (void)fwrite(text, 1, len, p->to);
        column += width;
        text += len;
        space = *text == ' ';
        text += space;
    }
    end(p, style);
    (void)fputc('\n', p->to);
}
