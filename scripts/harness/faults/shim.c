/* Stands between a process and the C library: counts every call that changes files below one folder, notes it, and lets
 * one of them fail. Loaded with LD_PRELOAD it sees Python, Arrow and FFmpeg alike. What stdio buffers inside the C
 * library passes by unseen, so fopen for writing is noted under a name of its own.
 *
 * Controlled from inside the process, see shim.py. Without faults_arm, and in children of the process that called it,
 * every call goes straight through.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

enum kind { NONE, ERROR, FULL, KILL, TORN };
enum growth { KEEPS, GROWS };
enum { GO_ON = 0, CUT_SHORT = -1 };

static char root[PATH_MAX];
static char snapshots[PATH_MAX];
static size_t root_length;
static int log_descriptor = -1;
static long at = -1, count;
static enum kind kind;
static int error_number;
static pid_t owner;
static int is_full, is_boasting;
static pthread_mutex_t mutex = PTHREAD_RECURSIVE_MUTEX_INITIALIZER_NP;

#define REAL(name) \
    static __typeof__(&name) real; \
    if (!real) real = (__typeof__(&name))dlsym(RTLD_NEXT, #name)

static ssize_t plain_write(int descriptor, const void *data, size_t size) {
    REAL(write);
    return real(descriptor, data, size);
}

static int plain_open(const char *path, int flags, mode_t mode) {
    REAL(open);
    return real(path, flags, mode);
}

static int plain_close(int descriptor) {
    REAL(close);
    return real(descriptor);
}

/* Paths. */

static int path_of(int descriptor, char *path) {
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
    ssize_t size = readlink(link, path, PATH_MAX - 1);
    path[size < 0 ? 0 : size] = 0;
    return size > 0;
}

static void absolute(int folder, const char *name, char *path) {
    char base[PATH_MAX];
    if (name[0] == '/') {
        snprintf(path, PATH_MAX, "%s", name);
        return;
    }
    if (folder == AT_FDCWD ? getcwd(base, sizeof base) == NULL : !path_of(folder, base)) base[0] = 0;
    if (snprintf(path, PATH_MAX, "%s/%s", base, name) >= PATH_MAX) path[0] = 0;
}

static int is_below(const char *path) {
    return strncmp(path, root, root_length) == 0 && (path[root_length] == '/' || path[root_length] == 0);
}

static int is_watching(void) { return root_length && owner == getpid(); }

/* One call: enter, the real call, leave. */

struct call {
    const char *name;
    long number;
    int is_watched;
    char path[PATH_MAX];
    char other[PATH_MAX];
    char note[64];
};

static void die(void) {
    kill(getpid(), SIGKILL);
    for (;;) pause();
}

static void tell(struct call *call, int result) {
    char line[3 * PATH_MAX];
    if (log_descriptor < 0) return;
    int size = snprintf(line, sizeof line, "%ld\t%s\t%d\t%s\t%s\t%s\n", call->number, call->name, result, call->path,
                        call->other, call->note);
    plain_write(log_descriptor, line, size < (int)sizeof line ? (size_t)size : sizeof line - 1);
}

static int enter(struct call *call, enum growth growth) {
    call->is_watched = is_below(call->path) || (call->other[0] && is_below(call->other));
    if (!call->is_watched) return GO_ON;
    pthread_mutex_lock(&mutex);
    call->number = count++;
    if (is_full) return growth == GROWS ? ENOSPC : GO_ON;
    if (call->number != at) return GO_ON;
    switch (kind) {
    case NONE: return GO_ON;
    case ERROR: return error_number;
    case KILL:
        tell(call, EINTR);
        die();
        break;
    case TORN: return CUT_SHORT;
    case FULL:
        is_full = growth == GROWS;
        at += !is_full;
        return is_full ? CUT_SHORT : GO_ON;
    }
    return GO_ON;
}

static void leave(struct call *call, int result) {
    if (!call->is_watched) return;
    tell(call, result);
    pthread_mutex_unlock(&mutex);
}

static int refuse(struct call *call, int error) {
    leave(call, error);
    errno = error;
    return -1;
}

#define CALL(title) \
    struct call call; \
    call.name = title; \
    call.path[0] = call.other[0] = call.note[0] = 0

/* A call that cannot be cut in the middle: half of it is nothing (disk full) or all of it (killed right after it). */
#define WHOLE(growth, expression) \
    int verdict = enter(&call, growth); \
    if (verdict == CUT_SHORT && kind == FULL) verdict = ENOSPC; \
    if (verdict > 0) return refuse(&call, verdict); \
    __typeof__(expression) result = (expression); \
    if (verdict == CUT_SHORT && call.is_watched) die(); \
    int saved = errno; \
    leave(&call, result < 0 ? saved : 0); \
    errno = saved; \
    return result

/* A call that writes: half of it stays, then the disk is full or the process dead. */
#define WRITING(size, expression, half) \
    int verdict = enter(&call, GROWS); \
    snprintf(call.note, sizeof call.note, "%zu", (size_t)(size)); \
    if (verdict == CUT_SHORT && call.is_watched) { \
        ssize_t written = (size) / 2 ? (ssize_t)(half) : 0; \
        if (kind == TORN) die(); \
        if (written <= 0) return refuse(&call, ENOSPC); \
        leave(&call, 0); \
        return written; \
    } \
    if (verdict > 0) return refuse(&call, verdict); \
    ssize_t result = (expression); \
    int saved = errno; \
    leave(&call, result < 0 ? saved : 0); \
    errno = saved; \
    return result

/* Control. */

void faults_arm(const char *folder, const char *log, const char *copies, long number, int what, int error) {
    snprintf(root, sizeof root, "%s", folder);
    snprintf(snapshots, sizeof snapshots, "%s", copies);
    log_descriptor = log[0] ? plain_open(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644) : -1;
    at = number;
    kind = what;
    error_number = error;
    count = is_full = is_boasting = 0;
    owner = getpid();
    root_length = strlen(root);
}

long faults_disarm(void) {
    root_length = 0;
    if (log_descriptor >= 0) plain_close(log_descriptor);
    log_descriptor = -1;
    return count;
}

/* From now on every disk claims to have room, like one that somebody else is about to fill. */
void faults_boast(void) { is_boasting = 1; }

void faults_mark(const char *text) {
    CALL("mark");
    if (!is_watching()) return;
    pthread_mutex_lock(&mutex);
    call.number = -1;
    snprintf(call.note, sizeof call.note, "%s", text);
    tell(&call, 0);
    pthread_mutex_unlock(&mutex);
}

/* Opening and closing. */

static int is_writing(int flags) { return (flags & (O_WRONLY | O_RDWR | O_CREAT | O_TRUNC)) != 0; }

static int watched_open(int folder, const char *name, int flags, mode_t mode) {
    REAL(openat);
    CALL("open");
    if (!is_watching() || !is_writing(flags)) return real(folder, name, flags, mode);
    absolute(folder, name, call.path);
    int is_new = access(call.path, F_OK) != 0;
    snprintf(call.note, sizeof call.note, "%s", is_new ? "new" : flags & O_TRUNC ? "cut" : "old");
    WHOLE(is_new ? GROWS : KEEPS, real(folder, name, flags, mode));
}

static mode_t mode_of(int flags, va_list arguments) {
    return (flags & O_CREAT) || (flags & O_TMPFILE) == O_TMPFILE ? (mode_t)va_arg(arguments, int) : 0;
}

#define OPEN(name) \
    int name(const char *path, int flags, ...) { \
        va_list arguments; \
        va_start(arguments, flags); \
        mode_t mode = mode_of(flags, arguments); \
        va_end(arguments); \
        return watched_open(AT_FDCWD, path, flags, mode); \
    }
#define OPENAT(name) \
    int name(int folder, const char *path, int flags, ...) { \
        va_list arguments; \
        va_start(arguments, flags); \
        mode_t mode = mode_of(flags, arguments); \
        va_end(arguments); \
        return watched_open(folder, path, flags, mode); \
    }
OPEN(open)
OPEN(open64)
OPENAT(openat)
OPENAT(openat64)
int __open_2(const char *path, int flags) { return watched_open(AT_FDCWD, path, flags, 0); }
int __open64_2(const char *path, int flags) { return watched_open(AT_FDCWD, path, flags, 0); }
int __openat_2(int folder, const char *path, int flags) { return watched_open(folder, path, flags, 0); }
int __openat64_2(int folder, const char *path, int flags) { return watched_open(folder, path, flags, 0); }
int creat(const char *path, mode_t mode) { return watched_open(AT_FDCWD, path, O_CREAT | O_WRONLY | O_TRUNC, mode); }
int creat64(const char *path, mode_t mode) { return watched_open(AT_FDCWD, path, O_CREAT | O_WRONLY | O_TRUNC, mode); }

static int enter_stdio(const char *path, const char *mode) {
    CALL("stdio");
    if (!is_watching() || (mode[0] == 'r' && !strchr(mode, '+'))) return 0;
    absolute(AT_FDCWD, path, call.path);
    int verdict = enter(&call, GROWS);
    if (verdict == CUT_SHORT && call.is_watched) {
        if (kind == TORN) die();
        verdict = ENOSPC;
    }
    if (verdict > 0) return refuse(&call, verdict);
    leave(&call, 0);
    return 0;
}

FILE *fopen(const char *path, const char *mode) {
    REAL(fopen);
    return enter_stdio(path, mode) < 0 ? NULL : real(path, mode);
}

FILE *fopen64(const char *path, const char *mode) {
    REAL(fopen64);
    return enter_stdio(path, mode) < 0 ? NULL : real(path, mode);
}

int close(int descriptor) {
    REAL(close);
    CALL("close");
    int flags = is_watching() ? fcntl(descriptor, F_GETFL) : -1;
    if (flags < 0 || (flags & O_ACCMODE) == O_RDONLY || !path_of(descriptor, call.path)) return real(descriptor);
    int verdict = enter(&call, KEEPS);
    /* Whatever close reports, the descriptor is gone. */
    int result = real(descriptor);
    if (verdict == CUT_SHORT && call.is_watched) die();
    if (verdict > 0) return refuse(&call, verdict);
    leave(&call, result < 0 ? errno : 0);
    return result;
}

/* Contents. */

ssize_t write(int descriptor, const void *data, size_t size) {
    REAL(write);
    CALL("write");
    if (!is_watching() || !path_of(descriptor, call.path)) return real(descriptor, data, size);
    WRITING(size, real(descriptor, data, size), real(descriptor, data, size / 2));
}

#define PWRITE(name, offset_type) \
    ssize_t name(int descriptor, const void *data, size_t size, offset_type offset) { \
        REAL(name); \
        CALL("pwrite"); \
        if (!is_watching() || !path_of(descriptor, call.path)) return real(descriptor, data, size, offset); \
        WRITING(size, real(descriptor, data, size, offset), real(descriptor, data, size / 2, offset)); \
    }
PWRITE(pwrite, off_t)
PWRITE(pwrite64, off64_t)

static size_t sum(const struct iovec *parts, int number) {
    size_t size = 0;
    for (int i = 0; i < number; i++) size += parts[i].iov_len;
    return size;
}

ssize_t writev(int descriptor, const struct iovec *parts, int number) {
    REAL(writev);
    CALL("writev");
    if (!is_watching() || !path_of(descriptor, call.path)) return real(descriptor, parts, number);
    WRITING(sum(parts, number), real(descriptor, parts, number),
            plain_write(descriptor, parts[0].iov_base, parts[0].iov_len / 2));
}

#define PWRITEV(name, offset_type) \
    ssize_t name(int descriptor, const struct iovec *parts, int number, offset_type offset) { \
        REAL(name); \
        CALL("pwritev"); \
        if (!is_watching() || !path_of(descriptor, call.path)) return real(descriptor, parts, number, offset); \
        WRITING(sum(parts, number), real(descriptor, parts, number, offset), real(descriptor, parts, 1, offset)); \
    }
PWRITEV(pwritev, off_t)
PWRITEV(pwritev64, off64_t)

#define SENDFILE(name, offset_type) \
    ssize_t name(int target, int source, offset_type *offset, size_t size) { \
        REAL(name); \
        CALL("sendfile"); \
        if (!is_watching() || !path_of(target, call.path)) return real(target, source, offset, size); \
        WRITING(size, real(target, source, offset, size), real(target, source, offset, size / 2)); \
    }
ssize_t sendfile(int target, int source, off_t *offset, size_t size);
ssize_t sendfile64(int target, int source, off64_t *offset, size_t size);
SENDFILE(sendfile, off_t)
SENDFILE(sendfile64, off64_t)

ssize_t copy_file_range(int source, off64_t *from, int target, off64_t *to, size_t size, unsigned int flags) {
    REAL(copy_file_range);
    CALL("copy_file_range");
    if (!is_watching() || !path_of(target, call.path)) return real(source, from, target, to, size, flags);
    WRITING(size, real(source, from, target, to, size, flags), real(source, from, target, to, size / 2, flags));
}

#define FTRUNCATE(name, offset_type) \
    int name(int descriptor, offset_type size) { \
        REAL(name); \
        CALL("truncate"); \
        if (!is_watching() || !path_of(descriptor, call.path)) return real(descriptor, size); \
        snprintf(call.note, sizeof call.note, "%lld", (long long)size); \
        WHOLE(KEEPS, real(descriptor, size)); \
    }
FTRUNCATE(ftruncate, off_t)
FTRUNCATE(ftruncate64, off64_t)

#define TRUNCATE(name, offset_type) \
    int name(const char *path, offset_type size) { \
        REAL(name); \
        CALL("truncate"); \
        if (!is_watching()) return real(path, size); \
        absolute(AT_FDCWD, path, call.path); \
        WHOLE(KEEPS, real(path, size)); \
    }
TRUNCATE(truncate, off_t)
TRUNCATE(truncate64, off64_t)

#define FALLOCATE(name, offset_type) \
    int name(int descriptor, int mode, offset_type offset, offset_type size) { \
        REAL(name); \
        CALL("fallocate"); \
        if (!is_watching() || !path_of(descriptor, call.path)) return real(descriptor, mode, offset, size); \
        WHOLE(GROWS, real(descriptor, mode, offset, size)); \
    }
FALLOCATE(fallocate, off_t)
FALLOCATE(fallocate64, off64_t)

/* Flushing. Nothing is really flushed: what counts is what was asked for, and a copy tells what would be safe. */

static void copy_out(struct call *call, int descriptor) {
    char source[64], target[PATH_MAX + 32], block[65536];
    snprintf(source, sizeof source, "/proc/self/fd/%d", descriptor);
    snprintf(target, sizeof target, "%s/%ld", snapshots, call->number);
    int in = plain_open(source, O_RDONLY | O_CLOEXEC, 0);
    int out = plain_open(target, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    ssize_t size;
    while ((size = read(in, block, sizeof block)) > 0) plain_write(out, block, (size_t)size);
    plain_close(in);
    plain_close(out);
}

static int watched_sync(int descriptor, int (*real)(int)) {
    CALL("sync");
    struct stat status;
    if (!is_watching() || !path_of(descriptor, call.path) || fstat(descriptor, &status) != 0) return real(descriptor);
    if (S_ISDIR(status.st_mode)) call.name = "syncdir";
    int verdict = enter(&call, KEEPS);
    if (verdict > 0) return refuse(&call, verdict);
    if (!call.is_watched) return real(descriptor);
    if (snapshots[0] && S_ISREG(status.st_mode)) copy_out(&call, descriptor);
    if (verdict == CUT_SHORT) die();
    leave(&call, 0);
    return 0;
}

int fsync(int descriptor) {
    REAL(fsync);
    return watched_sync(descriptor, real);
}

int fdatasync(int descriptor) {
    REAL(fdatasync);
    return watched_sync(descriptor, real);
}

/* Names. */

#define NAMED(title, growth, folder, name, expression) \
    CALL(title); \
    if (!is_watching()) return expression; \
    absolute(folder, name, call.path); \
    WHOLE(growth, expression)

#define NAMED_TWO(title, growth, from, old, to, new, expression) \
    CALL(title); \
    if (!is_watching()) return expression; \
    absolute(from, old, call.path); \
    absolute(to, new, call.other); \
    WHOLE(growth, expression)

int rename(const char *old, const char *new) {
    REAL(rename);
    NAMED_TWO("rename", KEEPS, AT_FDCWD, old, AT_FDCWD, new, real(old, new));
}

int renameat(int from, const char *old, int to, const char *new) {
    REAL(renameat);
    NAMED_TWO("rename", KEEPS, from, old, to, new, real(from, old, to, new));
}

int renameat2(int from, const char *old, int to, const char *new, unsigned int flags) {
    REAL(renameat2);
    NAMED_TWO("rename", KEEPS, from, old, to, new, real(from, old, to, new, flags));
}

int link(const char *old, const char *new) {
    REAL(link);
    NAMED_TWO("link", GROWS, AT_FDCWD, old, AT_FDCWD, new, real(old, new));
}

int linkat(int from, const char *old, int to, const char *new, int flags) {
    REAL(linkat);
    NAMED_TWO("link", GROWS, from, old, to, new, real(from, old, to, new, flags));
}

int symlink(const char *target, const char *path) {
    REAL(symlink);
    NAMED("symlink", GROWS, AT_FDCWD, path, real(target, path));
}

int symlinkat(const char *target, int folder, const char *path) {
    REAL(symlinkat);
    NAMED("symlink", GROWS, folder, path, real(target, folder, path));
}

int unlink(const char *path) {
    REAL(unlink);
    NAMED("unlink", KEEPS, AT_FDCWD, path, real(path));
}

int unlinkat(int folder, const char *path, int flags) {
    REAL(unlinkat);
    NAMED(flags & AT_REMOVEDIR ? "rmdir" : "unlink", KEEPS, folder, path, real(folder, path, flags));
}

int rmdir(const char *path) {
    REAL(rmdir);
    NAMED("rmdir", KEEPS, AT_FDCWD, path, real(path));
}

int remove(const char *path) {
    struct stat status;
    return lstat(path, &status) == 0 && S_ISDIR(status.st_mode) ? rmdir(path) : unlink(path);
}

int mkdir(const char *path, mode_t mode) {
    REAL(mkdir);
    NAMED("mkdir", GROWS, AT_FDCWD, path, real(path, mode));
}

int mkdirat(int folder, const char *path, mode_t mode) {
    REAL(mkdirat);
    NAMED("mkdir", GROWS, folder, path, real(folder, path, mode));
}

#define STATVFS(name, type) \
    int name(const char *path, struct type *disk) { \
        REAL(name); \
        int result = real(path, disk); \
        if (result == 0 && is_boasting && is_watching()) disk->f_bavail = disk->f_bfree = disk->f_blocks = 1 << 30; \
        return result; \
    }
STATVFS(statvfs, statvfs)
STATVFS(statvfs64, statvfs64)

int fchmod(int descriptor, mode_t mode) {
    REAL(fchmod);
    CALL("chmod");
    if (!is_watching() || !path_of(descriptor, call.path)) return real(descriptor, mode);
    WHOLE(KEEPS, real(descriptor, mode));
}

int fchmodat(int folder, const char *path, mode_t mode, int flags) {
    REAL(fchmodat);
    NAMED("chmod", KEEPS, folder, path, real(folder, path, mode, flags));
}

int chmod(const char *path, mode_t mode) {
    REAL(chmod);
    NAMED("chmod", KEEPS, AT_FDCWD, path, real(path, mode));
}

int utimensat(int folder, const char *path, const struct timespec times[2], int flags) {
    REAL(utimensat);
    NAMED("utime", KEEPS, folder, path, real(folder, path, times, flags));
}
