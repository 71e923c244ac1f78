#include "access/seal.h"

#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "base/origin.h"

#define VERSION 1u
#define NONCE_LEN crypto_aead_xchacha20poly1305_ietf_NPUBBYTES
#define TAG_LEN crypto_aead_xchacha20poly1305_ietf_ABYTES
#define FILE_LEN (2 * SEAL_KEY_LEN + 1)

_Static_assert(SEAL_KEY_LEN == crypto_aead_xchacha20poly1305_ietf_KEYBYTES, "one key for one cipher");

/* An ID of the key that reveals nothing about it. */
static int64_t id_of(const uint8_t key[static SEAL_KEY_LEN])
{
    static const char purpose[] = "todoke: which key sealed this?";
    uint8_t hash[crypto_generichash_BYTES];
    (void)crypto_generichash(hash, sizeof(hash), (const unsigned char *)purpose, sizeof(purpose) - 1, key,
                             SEAL_KEY_LEN);
    uint64_t n = 0;
    for (size_t i = 0; i < 8; i++)
        n = n << 8 | hash[i];
    n &= INT64_MAX;
    return n ? (int64_t)n : 1;
}

static enum err system_error(void)
{
    return err_origin(errno == ENOSPC || errno == EDQUOT ? ERR_FULL : ERR_IO);
}

static enum err parse(const char *text, ssize_t len, uint8_t key[static SEAL_KEY_LEN])
{
    while (len > 0 && (text[len - 1] == '\n' || text[len - 1] == '\r' || text[len - 1] == ' '))
        len--;
    if (len != 2 * (ssize_t)SEAL_KEY_LEN ||
        sodium_hex2bin(key, SEAL_KEY_LEN, text, (size_t)len, NULL, NULL, NULL) != 0)
        return ERR_INVALID;
    return ERR_NONE;
}

/* ERR_NOT_FOUND: no such file. */
static enum err read_key(const char *path, uint8_t key[static SEAL_KEY_LEN])
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return errno == ENOENT ? ERR_NOT_FOUND : ERR_IO;
    char text[FILE_LEN + 16];
    ssize_t len = read(fd, text, sizeof(text));
    enum err e = len < 0 ? ERR_IO : parse(text, len, key);
    struct stat st;
    if (!e && fstat(fd, &st) == 0 && (st.st_mode & 0077))
        log_warn("access", "others may read the key file of the secrets; run chmod 600 on it",
                 log_str("file", path));
    explicit_bzero(text, sizeof(text));
    int saved = errno;
    (void)close(fd);
    errno = saved;
    return e;
}

/* A new file name is safe on disk only after its folder is synced. */
static enum err sync_folder(const char *path)
{
    char folder[SEAL_PATH_MAX];
    (void)snprintf(folder, sizeof(folder), "%s", path);
    char *slash = strrchr(folder, '/');
    if (slash)
        slash[slash == folder] = '\0';
    int fd = open(slash ? folder : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return err_origin(ERR_IO);
    int rc = fsync(fd);
    int saved = errno;
    (void)close(fd);
    errno = saved;
    return rc ? system_error() : ERR_NONE;
}

/* Writes the file completely or not at all, and never over another file. */
static enum err write_key(const char *path, const uint8_t key[static SEAL_KEY_LEN])
{
    char text[FILE_LEN], half[SEAL_PATH_MAX + 8];
    (void)snprintf(half, sizeof(half), "%s.tmp", path);
    (void)unlink(half); /* left by an interrupted start */
    int fd = open(half, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return system_error();
    (void)sodium_bin2hex(text, sizeof(text), key, SEAL_KEY_LEN);
    text[FILE_LEN - 1] = '\n';
    errno = EIO;
    bool ok = write(fd, text, sizeof(text)) == (ssize_t)sizeof(text) && fsync(fd) == 0;
    explicit_bzero(text, sizeof(text));
    int saved = errno;
    (void)close(fd);
    if (ok) {
        ok = link(half, path) == 0;
        saved = errno;
    }
    (void)unlink(half);
    errno = saved;
    return ok ? sync_folder(path) : system_error();
}

static void path_of_new(const struct seal *s, char out[static SEAL_PATH_MAX + 8])
{
    (void)snprintf(out, SEAL_PATH_MAX + 8, "%s.new", s->path);
}

/* Finishes a rotation that was interrupted after its commit: FILE.new then has the key. */
static bool take_new(struct seal *s, int64_t stored)
{
    char path[SEAL_PATH_MAX + 8];
    uint8_t key[SEAL_KEY_LEN];
    path_of_new(s, path);
    bool found = read_key(path, key) == ERR_NONE && id_of(key) == stored && rename(path, s->path) == 0 &&
                 sync_folder(s->path) == ERR_NONE;
    if (found) {
        memcpy(s->key, key, sizeof(s->key));
        s->id = stored;
        log_info("access", "completed an interrupted rotation of the key; the new key is in place",
                 log_str("file", s->path));
    }
    explicit_bzero(key, sizeof(key));
    return found;
}

static enum err seal_begin(void *arg, int64_t stored, int64_t *ret_id)
{
    struct seal *s = arg;
    if (stored && stored != s->id && !take_new(s, stored))
        return s->id ? ERR_DENIED : ERR_NOT_FOUND;
    if (!s->id) {
        random_system.fill(random_system.arg, s->key, sizeof(s->key));
        enum err e = write_key(s->path, s->key);
        if (e)
            return e;
        s->id = id_of(s->key);
        log_info("access",
                 "created the key that encrypts the secrets; keep a copy of it apart from the backups",
                 log_str("file", s->path));
    }
    *ret_id = s->id;
    return ERR_NONE;
}

static enum err seal_text(void *arg, struct span context, struct span clear, uint8_t *out, size_t size,
                          size_t *ret_len)
{
    const struct seal *s = arg;
    if (size < 1 + NONCE_LEN + TAG_LEN || clear.len > size - 1 - NONCE_LEN - TAG_LEN)
        return ERR_LIMIT;
    unsigned long long len = 0;
    out[0] = VERSION;
    random_system.fill(random_system.arg, out + 1, NONCE_LEN); /* 192 bits: chance never repeats a nonce */
    (void)crypto_aead_xchacha20poly1305_ietf_encrypt(
        out + 1 + NONCE_LEN, &len, (const unsigned char *)clear.ptr, clear.len,
        (const unsigned char *)context.ptr, context.len, NULL, out + 1, s->key);
    *ret_len = 1 + NONCE_LEN + (size_t)len;
    return ERR_NONE;
}

static enum err open_text(void *arg, struct span context, struct span sealed, char *out, size_t size)
{
    const struct seal *s = arg;
    const uint8_t *p = (const uint8_t *)sealed.ptr;
    if (sealed.len < 1 + NONCE_LEN + TAG_LEN || p[0] != VERSION ||
        sealed.len - 1 - NONCE_LEN - TAG_LEN >= size)
        return ERR_DENIED;
    unsigned long long len = 0;
    if (crypto_aead_xchacha20poly1305_ietf_decrypt(
            (unsigned char *)out, &len, NULL, p + 1 + NONCE_LEN, sealed.len - 1 - NONCE_LEN,
            (const unsigned char *)context.ptr, context.len, p + 1, s->key))
        return ERR_DENIED;
    out[len] = '\0';
    return ERR_NONE;
}

/* ERR_DENIED: the key file was replaced or is gone. */
static enum err seal_still(void *arg)
{
    const struct seal *s = arg;
    uint8_t key[SEAL_KEY_LEN];
    enum err e = read_key(s->path, key);
    if (!e && id_of(key) != s->id)
        e = ERR_DENIED;
    explicit_bzero(key, sizeof(key));
    return e;
}

static enum err set_up(struct seal *s, const char *path)
{
    *s = (struct seal){.ops = {seal_begin, seal_text, open_text, s, s->path, seal_still}};
    int n = snprintf(s->path, sizeof(s->path), "%s", path);
    return n < 0 || (size_t)n >= sizeof(s->path) ? ERR_INVALID : ERR_NONE;
}

enum err seal_init(struct seal *s, const char *path)
{
    if (sodium_init() < 0) /* chooses the fastest code for this machine */
        return err_origin(ERR_INTERNAL);
    enum err e = set_up(s, path);
    if (!e)
        e = read_key(s->path, s->key);
    if (!e)
        s->id = id_of(s->key);
    return e == ERR_NOT_FOUND ? ERR_NONE : e;
}

void seal_deinit(struct seal *s)
{
    explicit_bzero(s->key, sizeof(s->key));
    s->id = 0;
}

enum err seal_rotate(struct seal *fresh, const struct seal *from)
{
    char path[SEAL_PATH_MAX + 8];
    enum err e = set_up(fresh, from->path);
    if (e)
        return e;
    path_of_new(fresh, path);
    (void)unlink(path); /* left by a rotation that was interrupted before its commit: from is still the key */
    random_system.fill(random_system.arg, fresh->key, sizeof(fresh->key));
    e = write_key(path, fresh->key);
    if (!e)
        fresh->id = id_of(fresh->key);
    return e;
}

enum err seal_rotated(struct seal *fresh)
{
    char path[SEAL_PATH_MAX + 8];
    path_of_new(fresh, path);
    return rename(path, fresh->path) ? system_error() : sync_folder(fresh->path);
}

const char *seal_problem(enum err e)
{
    switch (e) {
    case ERR_NOT_FOUND:
        return "the key file is missing, and secrets and webhook URLs of channels are encrypted with it; "
               "restore the file. Nothing was changed";
    case ERR_DENIED:
        return "this is not the key that encrypted the secrets and webhook URLs of channels, or one of them "
               "was damaged; restore the right key file. Nothing was changed";
    case ERR_INVALID:
        return "not a key file: it must hold 64 hex digits. Nothing was changed";
    case ERR_IO:
        return errno ? strerror(errno) : err_text(e);
    case ERR_NONE:
    case ERR_NOMEM:
    case ERR_LIMIT:
    case ERR_EXISTS:
    case ERR_CONFLICT:
    case ERR_BUSY:
    case ERR_FULL:
    case ERR_GONE:
    case ERR_DAMAGED:
    case ERR_CLOSED:
    case ERR_VERSION:
    case ERR_INTERNAL:
        break;
    }
    return err_text(e);
}
