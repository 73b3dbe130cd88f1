/* A slow disk and a wall clock that jumps, for one process: syncs take WORLD_SYNC_US longer, and the wall clock is off by
 * the seconds that the file WORLD_CLOCK holds. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#define REAL(name) \
    static __typeof__(&name) real; \
    if (!real) real = (__typeof__(&name))dlsym(RTLD_NEXT, #name)

static void wait_for_the_disk(void) {
    const char *microseconds = getenv("WORLD_SYNC_US");
    if (microseconds) usleep(atoi(microseconds));
}

static long off(void) {
    long seconds = 0;
    const char *path = getenv("WORLD_CLOCK");
    FILE *file = path ? fopen(path, "r") : NULL;
    if (file) {
        if (fscanf(file, "%ld", &seconds) != 1) seconds = 0;
        fclose(file);
    }
    return seconds;
}

int fsync(int descriptor) {
    REAL(fsync);
    wait_for_the_disk();
    return real(descriptor);
}

int fdatasync(int descriptor) {
    REAL(fdatasync);
    wait_for_the_disk();
    return real(descriptor);
}

int clock_gettime(clockid_t clock, struct timespec *now) {
    REAL(clock_gettime);
    int result = real(clock, now);
    if (result == 0 && clock == CLOCK_REALTIME) now->tv_sec += off();
    return result;
}

int gettimeofday(struct timeval *now, void *zone) {
    REAL(gettimeofday);
    int result = real(now, zone);
    if (result == 0 && now) now->tv_sec += off();
    return result;
}

time_t time(time_t *now) {
    struct timespec found;
    clock_gettime(CLOCK_REALTIME, &found);
    if (now) *now = found.tv_sec;
    return found.tv_sec;
}
