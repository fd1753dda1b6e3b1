/* Uploads, files and the links that are their own proof. */
#include "api_test.h"

#include <unistd.h>

static struct store_file file;

static int put(const struct api_caller *caller, const void *data, size_t size, struct api_once *once)
{
    const struct api_upload upload = {
        .purpose = "video_generation_input", .name = "../../etc/Fuchs \xe7\x8b\x90\n.png", .data = data, .size = size};
    return api_file_put(world.api, caller, &upload, once, &file, &world.problem);
}

static void an_upload_is_looked_at_and_kept(void **state)
{
    size_t size;
    char bytes[16];
    int descriptor;
    world_start(NULL);
    uint8_t *png = world_png(64, 48, &size);
    assert_done(put(&world.admin, png, size, NULL));
    assert_string_equal(file.type, "image/png");
    assert_string_equal(file.name, "Fuchs \xe7\x8b\x90_.png");
    assert_int_equal(file.width, 64);
    assert_int_equal(file.bytes, size);
    assert_true(file.expires_ms > file.created_ms);
    struct store_file read;
    assert_done(api_file_get(world.api, &world.admin, file.id, &read, &world.problem));
    assert_string_equal(read.sha256, file.sha256);
    assert_done(api_file_open(world.api, &read, &descriptor, &world.problem));
    assert_int_equal(pread(descriptor, bytes, sizeof bytes, 0), sizeof bytes);
    assert_memory_equal(bytes, png, sizeof bytes);
    close(descriptor);
    free(png);
}

static void a_file_that_the_disk_cut_short_is_not_begun(void **state)
{
    size_t size;
    char path[300];
    int descriptor = -1;
    world_start(NULL);
    uint8_t *png = world_png(64, 48, &size);
    assert_done(put(&world.admin, png, size, NULL));
    snprintf(path, sizeof path, "%s/blobs/%s", world.folder, file.blob);
    assert_int_equal(truncate(path, (off_t)size / 2), 0);
    assert_refused(api_file_open(world.api, &file, &descriptor, &world.problem), API_INTERNAL, "");
    assert_non_null(strstr(world.problem.text, "damaged"));
    assert_int_equal(descriptor, -1);
    free(png);
}

static void what_is_no_medium_is_not_kept(void **state)
{
    size_t size;
    world_start(NULL);
    uint8_t *png = world_png(400, 300, &size);
    assert_refused(put(&world.admin, "#!/bin/sh\n", 10, NULL), API_INVALID, "file");
    assert_refused(put(&world.admin, "", 0, NULL), API_INVALID, "file");
    assert_refused(put(&world.admin, png, size / 2, NULL), API_INVALID, "file");
    const struct api_upload bad[] = {{.purpose = "Bad Purpose", .data = png, .size = size},
                                     {.purpose = NULL, .data = png, .size = size}};
    for (size_t i = 0; i < 2; i++)
        assert_refused(api_file_put(world.api, &world.admin, &bad[i], NULL, &file, &world.problem), API_INVALID,
                       "purpose");
    assert_int_equal(world_blobs(), 0);
    free(png);
}

static void an_account_keeps_no_more_than_it_may(void **state)
{
    size_t size;
    world_start((const char *[]){"limits.storage_bytes_per_account=8K", NULL});
    uint8_t *png = world_png(64, 48, &size);
    int kept = 0;
    while (put(&world.admin, png, size, NULL) == 0)
        kept++;
    assert_int_equal(world.problem.kind, API_TOO_LARGE);
    assert_int_equal(kept, 8192 / size);
    assert_int_equal(world_blobs(), kept);
    free(png);
}

static int render(void *context, const void *result, int *ret_status, struct buf *ret_body, conch_error *err)
{
    *ret_status = 200;
    return buf_append_format(ret_body, err, "%lld", (long long)((const struct store_file *)result)->id);
}

static void an_upload_sent_twice_is_one_file(void **state)
{
    size_t size;
    char first[32] = "";
    world_start(NULL);
    uint8_t *png = world_png(64, 48, &size);
    for (int i = 0; i < 2; i++) {
        struct api_once once = {.key = "u", .scope = "POST files", .request = "r", .request_size = 1, .render = render};
        assert_done(put(&world.admin, png, size, &once));
        assert_int_equal(once.replayed, i);
        if (i == 0)
            strcpy(first, once.body.data);
        assert_string_equal(once.body.data, first);
        buf_finish(&once.body);
    }
    assert_int_equal(world_blobs(), 1);
    free(png);
}

static void files_belong_to_their_account(void **state)
{
    size_t size, count;
    struct store_file list[10];
    world_start(NULL);
    uint8_t *png = world_png(64, 48, &size);
    assert_done(put(&world.admin, png, size, NULL));
    const int64_t id = file.id;
    const struct api_caller stranger = world_stranger(), reader = world_key(STORE_SCOPE_READ);
    const struct store_file_filter of_admin = {.account_id = world.admin.key.account_id};
    const struct store_page page = {.count = 10};
    assert_refused(api_file_get(world.api, &stranger, id, &file, &world.problem), API_NOT_FOUND, "");
    assert_refused(api_file_delete(world.api, &stranger, id, &world.problem), API_NOT_FOUND, "");
    assert_done(api_file_list(world.api, &stranger, &of_admin, &page, list, &count, &world.problem));
    assert_int_equal(count, 0);
    assert_refused(put(&reader, png, size, NULL), API_FORBIDDEN, "");
    assert_refused(api_file_delete(world.api, &reader, id, &world.problem), API_FORBIDDEN, "");
    assert_done(api_file_list(world.api, &reader, &(struct store_file_filter){0}, &page, list, &count, &world.problem));
    assert_int_equal(count, 1);
    assert_done(api_file_delete(world.api, &world.admin, id, &world.problem));
    assert_refused(api_file_get(world.api, &world.admin, id, &file, &world.problem), API_NOT_FOUND, "");
    assert_refused(api_file_delete(world.api, &world.admin, id, &world.problem), API_NOT_FOUND, "");
    assert_done(api_file_list(world.api, &reader, &(struct store_file_filter){0}, &page, list, &count, &world.problem));
    assert_int_equal(count, 0);
    const struct api_caller generate = world_key(STORE_SCOPE_GENERATE);
    assert_refused(api_file_get(world.api, &generate, id, &file, &world.problem), API_FORBIDDEN, "");
    assert_refused(
        api_file_list(world.api, &generate, &(struct store_file_filter){0}, &page, list, &count, &world.problem),
        API_FORBIDDEN, "");
    assert_refused(api_file_list(world.api, &reader, &(struct store_file_filter){0}, &(struct store_page){0}, list,
                                 &count, &world.problem),
                   API_INVALID, "limit");
    free(png);
}

static void a_link_opens_its_file_and_no_other(void **state)
{
    size_t size;
    int64_t expires_ms, first_id;
    world_start(NULL);
    uint8_t *png = world_png(64, 48, &size);
    assert_done(put(&world.admin, png, size, NULL));
    first_id = file.id;
    char *link = api_file_link(world.api, "http://conch.test", &file, 0, &expires_ms);
    assert_true(strncmp(link, "http://conch.test/files/", 24) == 0);
    assert_non_null(strstr(link, "/Fuchs%20%E7%8B%90_.png"));
    const char *path = link + strlen("http://conch.test");
    assert_done(api_file_by_link(world.api, path, &file, &world.problem));
    assert_int_equal(file.id, first_id);
    for (size_t i = 7; path[i]; i++) { /* any other digit or letter in id, time and proof */
        char forged[400];
        strcpy(forged, path);
        if (strchr("/", forged[i]))
            continue;
        if (strncmp(path + i, "Fuchs", 5) == 0)
            break;
        forged[i] = forged[i] == '1' ? '2' : '1';
        assert_int_equal(api_file_by_link(world.api, forged, &file, &world.problem), -1);
        assert_true(world.problem.kind == API_FORBIDDEN);
    }
    static const char *const bad[] = {"", "/files/", "/files/1/2", "/files/1/2/x/", "/other/1/2/3/4", "/files/a/b/c/d"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_refused(api_file_by_link(world.api, bad[i], &file, &world.problem), API_NOT_FOUND, "");
    assert_refused(api_file_by_link(world.api, "/files/7/99999999999/proof/name", &file, &world.problem), API_FORBIDDEN,
                   "");
    assert_done(api_file_delete(world.api, &world.admin, first_id, &world.problem));
    assert_refused(api_file_by_link(world.api, path, &file, &world.problem), API_NOT_FOUND, "");
    free(link);
    free(png);
}

static void links_expire_and_never_outlive_their_file(void **state)
{
    size_t size;
    int64_t expires_ms;
    world_start(NULL);
    uint8_t *png = world_png(64, 48, &size);
    assert_done(put(&world.admin, png, size, NULL));
    char *link = api_file_link(world.api, "", &file, INT64_C(1) << 50, &expires_ms);
    assert_true(expires_ms <= file.expires_ms);
    free(link);
    link = api_file_link(world.api, "", &file, 1000, &expires_ms);
    assert_done(api_file_by_link(world.api, link, &file, &world.problem));
    usleep(1100000);
    assert_refused(api_file_by_link(world.api, link, &file, &world.problem), API_FORBIDDEN, "");
    assert_non_null(strstr(world.problem.text, "expired"));
    free(link);
    free(png);
}

static void links_stay_good_over_a_restart(void **state)
{
    size_t size;
    world_start(NULL);
    uint8_t *png = world_png(64, 48, &size);
    assert_done(put(&world.admin, png, size, NULL));
    char *link = api_file_link(world.api, "", &file, 0, NULL);
    world_stop();
    world_start(NULL);
    assert_done(api_file_by_link(world.api, link, &file, &world.problem));
    free(link);
    free(png);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        api_test(an_upload_is_looked_at_and_kept),    api_test(a_file_that_the_disk_cut_short_is_not_begun),
        api_test(what_is_no_medium_is_not_kept),      api_test(an_account_keeps_no_more_than_it_may),
        api_test(an_upload_sent_twice_is_one_file),   api_test(files_belong_to_their_account),
        api_test(a_link_opens_its_file_and_no_other), api_test(links_expire_and_never_outlive_their_file),
        api_test(links_stay_good_over_a_restart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
