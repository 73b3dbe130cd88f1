/* A Video4Linux driver as libav and the kernel's header see it, preloaded between a process and the C library.
 *
 * The node DRIVER_NODE is backed by the file DRIVER_STORE, whose pages are the buffers. Pictures are the JPEGs of
 * DRIVER_PICTURES (each with its length, 32 bits, before it), or grey YUYV. DRIVER_FORMATS, DRIVER_SIZE and DRIVER_FPS
 * are what the camera has; DRIVER_FAULT: "busy", "bandwidth", "unplug" (after ten pictures), "damaged" (every fifth
 * picture), "silent" (after ten pictures, for ever), "plain" (no controls), "stubborn" (gain is halved).
 *
 * A second handle on the node is for controls only. They start as those of a USB camera that chooses by itself:
 * exposure 0.3 to 204.7 ms, gain 0 to 255, white balance 2800 to 6500 K in steps of 10.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/videodev2.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define BUFFERS 4
#define BUFFER_BYTES (1 << 20)

static int node = -1, closed = -1, second = -1;
static unsigned width, height, format, queue[64], queued, taken, pictures;
static unsigned char *jpegs, *next_jpeg, *jpegs_end;
static struct timespec due;

static int fault(const char *name)
{
    const char *text = getenv("DRIVER_FAULT");
    return text && !strcmp(text, name);
}

static int fail(int number)
{
    errno = number;
    return -1;
}

static int offers(unsigned code)
{
    char name[5] = {code, code >> 8, code >> 16, code >> 24, 0};
    return strstr(getenv("DRIVER_FORMATS"), name) != NULL;
}

static int open_node(const char *path, int flags, mode_t mode, int (*real)(const char *, int, ...))
{
    const char *name = getenv("DRIVER_NODE");
    if (!name || strcmp(path, name))
        return real(path, flags, mode);
    int handle = real(getenv("DRIVER_STORE"), O_RDWR);
    *(node < 0 ? &node : &second) = handle;
    return handle;
}

int open(const char *path, int flags, ...)
{
    va_list list;
    va_start(list, flags);
    mode_t mode = va_arg(list, mode_t);
    va_end(list);
    return open_node(path, flags, mode, dlsym(RTLD_NEXT, "open"));
}

int open64(const char *path, int flags, ...)
{
    va_list list;
    va_start(list, flags);
    mode_t mode = va_arg(list, mode_t);
    va_end(list);
    return open_node(path, flags, mode, dlsym(RTLD_NEXT, "open64"));
}

int close(int handle)
{
    int (*real)(int) = dlsym(RTLD_NEXT, "close");
    if (handle >= 0 && handle == node) {
        closed = node;
        node = -1;
    } else if (handle >= 0 && handle == second) {
        second = -1;
    }
    return real(handle);
}

static void load_pictures(void)
{
    FILE *file = fopen(getenv("DRIVER_PICTURES"), "rb");
    jpegs = malloc(1 << 24);
    jpegs_end = jpegs + fread(jpegs, 1, 1 << 24, file);
    next_jpeg = jpegs;
    fclose(file);
}

static int set_format(struct v4l2_format *wanted)
{
    struct v4l2_pix_format *pix = &wanted->fmt.pix;
    if (fault("busy"))
        return fail(EBUSY);
    if (!offers(pix->pixelformat))
        pix->pixelformat = offers(V4L2_PIX_FMT_MJPEG) ? V4L2_PIX_FMT_MJPEG : V4L2_PIX_FMT_YUYV;
    sscanf(getenv("DRIVER_SIZE"), "%ux%u", &width, &height);
    format = pix->pixelformat;
    pix->width = width;
    pix->height = height;
    pix->field = V4L2_FIELD_NONE;
    pix->bytesperline = format == V4L2_PIX_FMT_YUYV ? width * 2 : 0;
    pix->sizeimage = width * height * 2;
    return 0;
}

static void set_rate(struct v4l2_streamparm *parameters)
{
    parameters->parm.capture.capability = V4L2_CAP_TIMEPERFRAME;
    parameters->parm.capture.timeperframe.numerator = 1;
    parameters->parm.capture.timeperframe.denominator = atoi(getenv("DRIVER_FPS"));
}

static unsigned fill(unsigned index)
{
    static unsigned char picture[BUFFER_BYTES];
    unsigned size = width * height * 2;
    if (format == V4L2_PIX_FMT_MJPEG) {
        memcpy(&size, next_jpeg, 4);
        memcpy(picture, next_jpeg + 4, size);
        next_jpeg += 4 + size;
        if (next_jpeg >= jpegs_end)
            next_jpeg = jpegs;
    } else {
        memset(picture, 128, size);
    }
    if (pwrite(node, picture, size, (off_t)index * BUFFER_BYTES) != size)
        abort();
    return size;
}

static int dequeue(struct v4l2_buffer *buffer)
{
    if (pictures >= 10 && fault("unplug"))
        return fail(ENODEV);
    while (pictures >= 10 && fault("silent"))
        pause();
    if (taken == queued)
        abort();
    due.tv_nsec += 1000000000L / atoi(getenv("DRIVER_FPS"));
    due.tv_sec += due.tv_nsec / 1000000000L;
    due.tv_nsec %= 1000000000L;
    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &due, NULL))
        ;
    buffer->index = queue[taken++ % 64];
    buffer->bytesused = fill(buffer->index);
    buffer->flags = V4L2_BUF_FLAG_MAPPED | V4L2_BUF_FLAG_TIMESTAMP_MONOTONIC;
    if (fault("damaged") && pictures % 5 == 4)
        buffer->flags |= V4L2_BUF_FLAG_ERROR;
    buffer->timestamp.tv_sec = due.tv_sec;
    buffer->timestamp.tv_usec = due.tv_nsec / 1000;
    buffer->sequence = pictures++;
    return 0;
}

static struct control {
    unsigned id;
    int low, high, step, value;
} controls[] = {
    {V4L2_CID_EXPOSURE_AUTO, 0, 3, 1, V4L2_EXPOSURE_APERTURE_PRIORITY},
    {V4L2_CID_EXPOSURE_ABSOLUTE, 3, 2047, 1, 250},
    {V4L2_CID_GAIN, 0, 255, 1, 64},
    {V4L2_CID_AUTO_WHITE_BALANCE, 0, 1, 1, 1},
    {V4L2_CID_WHITE_BALANCE_TEMPERATURE, 2800, 6500, 10, 4000},
};

static struct control *find_control(unsigned id)
{
    for (unsigned k = 0; k < sizeof controls / sizeof *controls && !fault("plain"); k++)
        if (controls[k].id == id)
            return controls + k;
    return NULL;
}

static int is_automatic(unsigned id)
{
    return (id == V4L2_CID_EXPOSURE_ABSOLUTE && controls[0].value != V4L2_EXPOSURE_MANUAL) ||
           (id == V4L2_CID_WHITE_BALANCE_TEMPERATURE && controls[3].value);
}

static int set_control(struct v4l2_control *wanted)
{
    struct control *found = find_control(wanted->id);
    if (!found)
        return fail(EINVAL);
    int value = wanted->value;
    if (wanted->id == V4L2_CID_EXPOSURE_AUTO && value != V4L2_EXPOSURE_MANUAL &&
        value != V4L2_EXPOSURE_APERTURE_PRIORITY)
        return fail(EINVAL);
    if (value < found->low || value > found->high)
        return fail(ERANGE);
    if (is_automatic(wanted->id))
        return fail(EACCES);
    found->value = wanted->id == V4L2_CID_GAIN && fault("stubborn") ? value / 2 : value;
    return 0;
}

static int answer(unsigned long request, void *argument)
{
    unsigned formats[] = {V4L2_PIX_FMT_MJPEG, V4L2_PIX_FMT_YUYV};
    switch (request) {
    case VIDIOC_QUERYCAP: {
        struct v4l2_capability *found = argument;
        memset(found, 0, sizeof *found);
        found->device_caps = V4L2_CAP_VIDEO_CAPTURE | V4L2_CAP_STREAMING;
        found->capabilities = found->device_caps | V4L2_CAP_DEVICE_CAPS | V4L2_CAP_META_CAPTURE;
        return 0;
    }
    case VIDIOC_ENUM_FMT: {
        struct v4l2_fmtdesc *found = argument;
        for (unsigned k = 0, index = 0; k < 2; k++)
            if (offers(formats[k]) && index++ == found->index) {
                found->pixelformat = formats[k];
                return 0;
            }
        return fail(EINVAL);
    }
    case VIDIOC_ENUM_FRAMESIZES: {
        struct v4l2_frmsizeenum *found = argument;
        if (found->index || !offers(found->pixel_format))
            return fail(EINVAL);
        found->type = V4L2_FRMSIZE_TYPE_DISCRETE;
        sscanf(getenv("DRIVER_SIZE"), "%ux%u", &found->discrete.width, &found->discrete.height);
        return 0;
    }
    case VIDIOC_ENUM_FRAMEINTERVALS: {
        struct v4l2_frmivalenum *found = argument;
        if (found->index || !found->width || !offers(found->pixel_format))
            return fail(EINVAL);
        found->type = V4L2_FRMIVAL_TYPE_DISCRETE;
        found->discrete.numerator = 1;
        found->discrete.denominator = atoi(getenv("DRIVER_FPS"));
        return 0;
    }
    case VIDIOC_QUERYCTRL: {
        struct v4l2_queryctrl *asked = argument;
        struct control *found = find_control(asked->id);
        if (!found)
            return fail(EINVAL);
        asked->minimum = found->low;
        asked->maximum = found->high;
        asked->step = found->step;
        asked->flags = is_automatic(asked->id) ? V4L2_CTRL_FLAG_INACTIVE : 0;
        return 0;
    }
    case VIDIOC_G_CTRL: {
        struct control *found = find_control(((struct v4l2_control *)argument)->id);
        if (!found)
            return fail(EINVAL);
        ((struct v4l2_control *)argument)->value = found->value;
        return 0;
    }
    case VIDIOC_S_CTRL:
        return set_control(argument);
    case VIDIOC_G_INPUT:
        *(int *)argument = 0;
        return 0;
    case VIDIOC_ENUMINPUT:
        return ((struct v4l2_input *)argument)->index ? fail(EINVAL) : 0;
    case VIDIOC_S_FMT:
        return set_format(argument);
    case VIDIOC_G_PARM:
    case VIDIOC_S_PARM:
        set_rate(argument);
        return 0;
    case VIDIOC_REQBUFS:
        ((struct v4l2_requestbuffers *)argument)->count = BUFFERS;
        return 0;
    case VIDIOC_QUERYBUF: {
        struct v4l2_buffer *found = argument;
        found->length = BUFFER_BYTES;
        found->m.offset = found->index * BUFFER_BYTES;
        return 0;
    }
    case VIDIOC_QBUF:
        queue[queued++ % 64] = ((struct v4l2_buffer *)argument)->index;
        return 0;
    case VIDIOC_STREAMON:
        if (fault("bandwidth"))
            return fail(ENOSPC);
        load_pictures();
        clock_gettime(CLOCK_MONOTONIC, &due);
        return 0;
    case VIDIOC_DQBUF:
        return dequeue(argument);
    case VIDIOC_STREAMOFF:
        return 0;
    default:
        return fail(ENOTTY);
    }
}

int ioctl(int handle, unsigned long request, ...)
{
    va_list list;
    va_start(list, request);
    void *argument = va_arg(list, void *);
    va_end(list);
    if (request == VIDIOC_QBUF && node < 0 && handle == closed)
        fprintf(stderr, "a buffer came back after the closing\n");
    if (handle < 0 || (handle != node && handle != second) || ((request >> 8) & 0xFF) != 'V') {
        int (*real)(int, unsigned long, ...) = dlsym(RTLD_NEXT, "ioctl");
        return real(handle, request, argument);
    }
    return answer(request & 0xFFFFFFFF, argument);
}
