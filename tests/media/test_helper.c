#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/clock.h"
#include "base/file.h"
#include "media/media.h"
#include "media/media_link.h"
#include "media_test.h"

enum { WIDTH = 64, HEIGHT = 48, FRAME_BYTES = WIDTH * HEIGHT * 3 };

static void noise_make(uint8_t *rgb, size_t size, uint32_t seed)
{
    for (size_t i = 0; i < size; i++)
        rgb[i] = (uint8_t)((seed = seed * 1664525 + 1013904223) >> 24);
}

static struct media_clip_settings settings_for(const char *path)
{
    return (struct media_clip_settings){.path = path, .width = WIDTH, .height = HEIGHT, .fps_num = 16};
}

/* A shell script that plays the helper. */
static void helper_fake(const char *body)
{
    FILE *file = fopen(in_folder("fake"), "w");
    assert_non_null(file);
    fprintf(file, "#!/bin/sh\n%s\n", body);
    fclose(file);
    assert_int_equal(chmod(in_folder("fake"), 0755), 0);
    setenv("CONCH_MEDIA", in_folder("fake"), 1);
}

static int helper_real(void **state)
{
    return setenv("CONCH_MEDIA", CONCH_MEDIA_BUILT, 1);
}

static int fd_count(void)
{
    int count = 0;
    DIR *list = opendir("/proc/self/fd");
    assert_non_null(list);
    while (readdir(list))
        count++;
    closedir(list);
    return count;
}

/* The number of a child of ours that runs as name; 0: none. Dead ones not reaped count too. */
static pid_t child_find(const char *name)
{
    char path[300], stat[512];
    DIR *list = opendir("/proc");
    struct dirent *entry;
    pid_t found = 0;
    assert_non_null(list);
    while (!found && (entry = readdir(list))) {
        int pid = atoi(entry->d_name), parent = 0;
        snprintf(path, sizeof path, "/proc/%s/stat", entry->d_name);
        FILE *file = pid > 0 ? fopen(path, "r") : NULL;
        if (!file)
            continue;
        if (fgets(stat, sizeof stat, file) && strstr(stat, name) && strrchr(stat, ')') &&
            sscanf(strrchr(stat, ')'), ") %*c %d", &parent) == 1 && parent == getpid())
            found = pid;
        fclose(file);
    }
    closedir(list);
    return found;
}

static void the_helper_tells_what_it_can_do(void **state)
{
    struct media_helper_info info;
    conch_error err = {0};
    if (media_helper_probe(&info, &err) < 0)
        fail_msg("%s", err.text);
    assert_string_equal(info.version, CONCH_VERSION);
    assert_true(info.reads_png && info.reads_jpeg && info.reads_webp && info.reads_gif && info.reads_avif);
    assert_true(info.writes_h264 && info.writes_aac && info.writes_png);
    assert_true(info.sandbox_works);
    assert_true(info.ffmpeg[0] && info.libavcodec[0]);
}

/* open, create, connect, exec, fork and more, each tried from inside. */
static void the_sandbox_stops_what_it_must(void **state)
{
    char line[256], command[300];
    int attempts = 0;
    snprintf(command, sizeof command, "%s --self-test", CONCH_MEDIA_BUILT);
    FILE *pipe = popen(command, "r");
    assert_non_null(pipe);
    while (fgets(line, sizeof line, pipe)) {
        assert_null(strstr(line, "NO"));
        attempts += strstr(line, ": stopped") || strstr(line, ": refused");
    }
    assert_int_equal(pclose(pipe), 0);
    assert_true(attempts >= 26);
}

static void a_missing_helper_is_named(void **state)
{
    struct media_image image;
    conch_error err = {0};
    setenv("CONCH_MEDIA", "/nowhere/conch-media", 1);
    assert_int_equal(media_image_decode("x", 1, &image, &err), CONCH_ERR_NOTFOUND);
    assert_non_null(strstr(err.text, "/nowhere/conch-media"));
    unsetenv("CONCH_MEDIA");
    char *path = strdup(getenv("PATH"));
    setenv("PATH", "/nowhere", 1);
    int rc = media_image_decode("x", 1, &image, &err);
    setenv("PATH", path, 1);
    free(path);
    assert_int_equal(rc, CONCH_ERR_NOTFOUND);
    assert_non_null(strstr(err.text, "CONCH_MEDIA"));
    struct media_clip *clip;
    struct media_clip_settings settings = settings_for(in_folder("missing.mp4"));
    setenv("CONCH_MEDIA", folder, 1); /* a folder passes for executable */
    assert_true(media_clip_open(&clip, &settings, &err) < 0);
    assert_int_equal(folder_count("missing"), 0);
}

static void a_helper_in_path_is_found(void **state)
{
    struct media_helper_info info;
    char *path = strdup(getenv("PATH")), *folder_of = strdup(CONCH_MEDIA_BUILT);
    *strrchr(folder_of, '/') = 0;
    unsetenv("CONCH_MEDIA");
    setenv("PATH", folder_of, 1);
    int rc = media_helper_probe(&info, NULL);
    setenv("PATH", path, 1);
    free(path);
    free(folder_of);
    assert_int_equal(rc, 0);
}

static void every_way_to_end_is_explained(void **state)
{
    static const struct {
        const char *body, *text;
        int code;
    } cases[] = {
        {"kill -SEGV $$", "crashed (signal 11", CONCH_ERR_MEDIA},
        {"kill -ABRT $$", "crashed (signal 6", CONCH_ERR_MEDIA},
        {"kill -SYS $$", "sandbox", CONCH_ERR_MEDIA},
        {"kill -KILL $$", "killed", CONCH_ERR_MEDIA},
        {"kill -XCPU $$", "CPU time", CONCH_ERR_LIMIT},
        {"exit 3", "exit code 3", CONCH_ERR_MEDIA},
        {"head -c 24 /dev/zero", "one build", CONCH_ERR_MEDIA},
        {"printf 'CMD1\\045\\000\\000\\000\\001\\000\\000\\000\\000\\000\\000\\000x'", "without a valid code",
         CONCH_ERR_MEDIA},
        {"printf 'CMD1\\043\\000\\000\\000\\000\\000\\000\\000\\000\\000\\000\\000'", "answer of type 35",
         CONCH_ERR_MEDIA},
        {"printf 'CMD1\\040\\000\\000\\000\\377\\377\\377\\377\\377\\377\\000\\000'", "bytes (at most",
         CONCH_ERR_MEDIA},
    };
    struct media_image image;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        conch_error err = {0};
        helper_fake(cases[i].body);
        int rc = media_image_decode("picture", 7, &image, &err);
        if (rc != cases[i].code || !strstr(err.text, cases[i].text))
            fail_msg("\"%s\": got %d \"%s\"", cases[i].body, rc, err.text);
        assert_int_equal(child_find("(fake)"), 0);
    }
}

static void a_helper_that_says_nothing_is_given_up(void **state)
{
    struct link link;
    struct wire_header header;
    conch_error err = {0};
    helper_fake("exec sleep 100");
    assert_int_equal(link_open(&link, "image", -1, &err), 0);
    int64_t begin = clock_steady_ns();
    link_deadline(&link, 200);
    assert_int_equal(link_receive(&link, &header, &err), CONCH_ERR_LIMIT);
    link_close(&link);
    assert_true(clock_steady_ns() - begin < 5000000000);
    /* and one that does not listen either */
    char *body = calloc(1, 8 << 20);
    assert_int_equal(link_open(&link, "image", -1, &err), 0);
    link_deadline(&link, 200);
    assert_int_equal(link_send(&link, WIRE_IMAGE_DECODE, NULL, 0, body, 8 << 20, &err), CONCH_ERR_LIMIT);
    link_close(&link);
    free(body);
    assert_int_equal(child_find("(sleep)"), 0);
}

static void a_helper_killed_in_the_middle_leaves_an_error_and_no_file(void **state)
{
    struct media_clip_settings settings = settings_for(in_folder("killed.mp4"));
    struct media_clip *clip = NULL;
    conch_error err = {0}, again = {0};
    uint8_t rgb[FRAME_BYTES];
    noise_make(rgb, sizeof rgb, 1);
    assert_int_equal(media_clip_open(&clip, &settings, &err), 0);
    for (int i = 0; i < 5; i++)
        assert_int_equal(media_clip_frame(clip, rgb, &err), 0);
    assert_int_equal(folder_count("killed"), 1); /* the partial file */
    pid_t helper = child_find("(conch-media)");
    assert_true(helper > 0);
    kill(helper, SIGKILL);
    int rc = 0;
    for (int i = 0; rc == 0 && i < 1000; i++) /* some fit into the socket; SIGPIPE would end this test */
        rc = media_clip_frame(clip, rgb, &err);
    assert_int_equal(rc, CONCH_ERR_MEDIA);
    assert_non_null(strstr(err.text, "killed"));
    assert_int_equal(media_clip_frame(clip, rgb, &again), CONCH_ERR_MEDIA);
    assert_string_equal(err.text, again.text);
    assert_int_equal(media_clip_close(clip, &again), CONCH_ERR_MEDIA);
    assert_string_equal(err.text, again.text);
    assert_int_equal(folder_count("killed"), 0);
    assert_int_equal(child_find("conch-media"), 0);
}

/* Writes frames of noise, 48 KiB each after packing, until it fails or there were 200. */
static int noise_write(const char *path, conch_error *err)
{
    enum { SIDE = 256, SIZE = SIDE * SIDE * 3 };
    struct media_clip_settings settings = {.path = path, .width = SIDE, .height = SIDE, .fps_num = 16};
    struct media_clip *clip = NULL;
    uint8_t *rgb = malloc(SIZE);
    assert_non_null(rgb);
    int rc = media_clip_open(&clip, &settings, err);
    for (uint32_t i = 0; rc == 0 && i < 200; i++) {
        noise_make(rgb, SIZE, i);
        rc = media_clip_frame(clip, rgb, err);
    }
    free(rgb);
    conch_error again;
    int closed = clip ? media_clip_close(clip, &again) : rc;
    assert_true(rc == 0 || rc == closed);
    if (rc == 0 && closed < 0)
        *err = again;
    return closed;
}

static void a_file_size_limit_ends_the_clip_as_a_full_disk_does(void **state)
{
    struct rlimit before, small;
    conch_error err = {0};
    getrlimit(RLIMIT_FSIZE, &before);
    small = (struct rlimit){1 << 20, before.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    int rc = noise_write(in_folder("limit.mp4"), &err);
    setrlimit(RLIMIT_FSIZE, &before);
    assert_int_equal(rc, CONCH_ERR_DISKFULL);
    assert_int_equal(folder_count("limit"), 0);
}

static void a_full_disk_ends_the_clip_and_leaves_nothing(void **state)
{
    conch_error err = {0};
    if (mkdir(in_folder("small"), 0700) < 0 || mount("none", in_folder("small"), "tmpfs", 0, "size=1m") < 0) {
        print_message("# only root can make a small disk; the file size limit above takes the same path\n");
        return;
    }
    int rc = noise_write(in_folder("small/full.mp4"), &err);
    struct stat info;
    int left = stat(in_folder("small/full.mp4"), &info) == 0;
    DIR *list = opendir(in_folder("small"));
    int entries = 0;
    while (list && readdir(list))
        entries++;
    if (list)
        closedir(list);
    umount(in_folder("small"));
    if (rc != CONCH_ERR_DISKFULL || !strstr(err.text, "full.mp4"))
        fail_msg("got %d %s", rc, err.text);
    assert_false(left);
    assert_int_equal(entries, 2); /* . and .. */
}

static void *work(void *context)
{
    intptr_t number = (intptr_t)context;
    char clip_name[32], png_name[32], clip_path[256], png_path[256];
    uint8_t rgb[FRAME_BYTES];
    conch_error err = {0};
    struct media_clip *clip = NULL;
    struct media_clip_info info;
    struct media_image image;
    snprintf(clip_name, sizeof clip_name, "many%d.mp4", (int)number);
    snprintf(png_name, sizeof png_name, "many%d.png", (int)number);
    snprintf(clip_path, sizeof clip_path, "%s/%s", folder, clip_name);
    snprintf(png_path, sizeof png_path, "%s/%s", folder, png_name);
    struct media_clip_settings settings = settings_for(clip_path);
    if (media_clip_open(&clip, &settings, &err) < 0)
        return (void *)1;
    for (int i = 0; i < 8; i++) {
        noise_make(rgb, sizeof rgb, (uint32_t)(number * 100 + i));
        if (media_clip_frame(clip, rgb, &err) < 0)
            return (void *)2;
        if (media_image_write_png(png_path, (struct media_rgb){rgb, WIDTH, HEIGHT}, &err) < 0 ||
            media_image_read(png_path, &image, &err) < 0)
            return (void *)3;
        int same = memcmp(image.rgb, rgb, sizeof rgb) == 0;
        media_image_finish(&image);
        if (!same)
            return (void *)4;
    }
    if (media_clip_close(clip, &err) < 0 || media_clip_probe(clip_path, &info, &err) < 0)
        return (void *)5;
    int frames = (int)info.frame_count;
    media_clip_info_finish(&info);
    return frames == 8 ? NULL : (void *)6;
}

static void many_threads_at_once_do_not_mix_or_leak(void **state)
{
    pthread_t threads[4];
    int before = fd_count();
    for (intptr_t i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, work, (void *)i), 0);
    for (int i = 0; i < 4; i++) {
        void *result;
        pthread_join(threads[i], &result);
        assert_null(result);
    }
    assert_int_equal(fd_count(), before);
    assert_int_equal(child_find("conch-media"), 0);
    assert_int_equal(folder_count("partial"), 0);
}

struct opened {
    struct media_clip *clip;
    const char *path;
};

static void *clip_opener(void *context)
{
    struct opened *opened = context;
    struct media_clip_settings settings = settings_for(opened->path);
    return media_clip_open(&opened->clip, &settings, NULL) < 0 ? context : NULL;
}

/* The death signal of Linux follows the thread that started a process: its end must not count as ours. */
static void a_clip_outlives_the_thread_that_opened_it(void **state)
{
    struct opened opened = {.path = in_folder("thread.mp4")};
    pthread_t thread;
    void *result;
    uint8_t rgb[FRAME_BYTES];
    conch_error err = {0};
    assert_int_equal(pthread_create(&thread, NULL, clip_opener, &opened), 0);
    pthread_join(thread, &result);
    assert_null(result);
    usleep(100000);
    noise_make(rgb, sizeof rgb, 3);
    assert_int_equal(media_clip_frame(opened.clip, rgb, &err), 0);
    if (media_clip_close(opened.clip, &err) < 0)
        fail_msg("%s", err.text);
}

static void the_helper_dies_with_its_parent(void **state)
{
    int ends[2];
    pid_t helper = 0;
    assert_int_equal(pipe(ends), 0);
    pid_t parent = fork();
    if (parent == 0) {
        struct media_clip_settings settings = settings_for(in_folder("orphan.mp4"));
        struct media_clip *clip;
        if (media_clip_open(&clip, &settings, NULL) == 0)
            helper = child_find("(conch-media)");
        ssize_t done = write(ends[1], &helper, sizeof helper);
        usleep(200000); /* time for it to get going */
        kill(getpid(), done > 0 ? SIGKILL : SIGTERM);
    }
    assert_int_equal(read(ends[0], &helper, sizeof helper), sizeof helper);
    close(ends[0]);
    close(ends[1]);
    waitpid(parent, NULL, 0);
    assert_true(helper > 0);
    char path[64], state_text[16] = "";
    snprintf(path, sizeof path, "/proc/%d/stat", (int)helper);
    for (int i = 0; i < 500; i++) { /* gone, or a zombie that the machine's first process has not reaped yet */
        FILE *file = fopen(path, "r");
        if (!file)
            return;
        int got = fscanf(file, "%*d %*s %15s", state_text);
        fclose(file);
        if (got == 1 && state_text[0] == 'Z')
            return;
        usleep(10000);
    }
    kill(helper, SIGKILL);
    fail_msg("the helper lives on");
}

/* The decoder must not see what else this process has open, nor its environment. */
static void the_helper_inherits_nothing_else(void **state)
{
    struct media_image image;
    conch_error err = {0};
    char line[4096];
    int secret = open("/etc/hostname", O_RDONLY); /* without CLOEXEC: as a careless library leaves it */
    setenv("CONCH_TEST_SECRET", "hunter2", 1);
    char body[600];
    snprintf(body, sizeof body, "{ ls /proc/self/fd | tr '\\n' ' '; echo; env; } >%s 2>&1; exit 4", in_folder("seen"));
    helper_fake(body);
    assert_int_equal(media_image_decode("x", 1, &image, &err), CONCH_ERR_MEDIA);
    FILE *file = fopen(in_folder("seen"), "r");
    assert_non_null(file);
    assert_non_null(fgets(line, sizeof line, file));
    assert_string_equal(line, "0 1 2 3 \n"); /* 3: the folder that ls is reading */
    while (fgets(line, sizeof line, file))
        assert_null(strstr(line, "hunter2"));
    fclose(file);
    close(secret);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_helper_tells_what_it_can_do),
        cmocka_unit_test(the_sandbox_stops_what_it_must),
        cmocka_unit_test_teardown(a_missing_helper_is_named, helper_real),
        cmocka_unit_test_teardown(a_helper_in_path_is_found, helper_real),
        cmocka_unit_test_teardown(every_way_to_end_is_explained, helper_real),
        cmocka_unit_test_teardown(a_helper_that_says_nothing_is_given_up, helper_real),
        cmocka_unit_test(a_helper_killed_in_the_middle_leaves_an_error_and_no_file),
        cmocka_unit_test(a_file_size_limit_ends_the_clip_as_a_full_disk_does),
        cmocka_unit_test(a_full_disk_ends_the_clip_and_leaves_nothing),
        cmocka_unit_test(many_threads_at_once_do_not_mix_or_leak),
        cmocka_unit_test(a_clip_outlives_the_thread_that_opened_it),
        cmocka_unit_test(the_helper_dies_with_its_parent),
        cmocka_unit_test_teardown(the_helper_inherits_nothing_else, helper_real),
    };
    return cmocka_run_group_tests_name("helper", tests, group_setup, group_teardown);
}
