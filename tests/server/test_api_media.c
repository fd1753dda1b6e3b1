/* Pictures of a request: from data: addresses, the web, uploads and the request itself; looked at, never believed. */
#include "api_test.h"

#include <stdatomic.h>
#include <unistd.h>

static struct api_job job;

static int submit_url(const struct api_caller *caller, const char *url)
{
    const struct api_media media = {.role = STORE_INPUT_FIRST_FRAME, .url = url, .field = "first_frame_image"};
    struct api_submit ask = world_ask(HAILUO, "a red ball");
    ask.media = &media;
    ask.media_count = 1;
    const int rc = api_job_submit(world.api, caller, &ask, NULL, &job, &world.problem);
    return rc;
}

static struct store_file input_file(void)
{
    struct store_file file;
    assert_int_equal(job.input_count, 1);
    assert_done(api_file_get(world.api, &world.admin, job.inputs[0].file_id, &file, &world.problem));
    return file;
}

static void a_data_address_is_read_by_its_bytes_whatever_its_label_says(void **state)
{
    world_start(NULL);
    char *url = world_data_url("image/jpeg", 640, 400); /* it is a PNG */
    assert_done(submit_url(&world.admin, url));
    const struct store_file file = input_file();
    assert_string_equal(file.type, "image/png");
    assert_string_equal(file.purpose, "job_input");
    assert_int_equal(file.width, 640);
    assert_int_equal(file.height, 400);
    assert_int_equal(file.job_id, job.row.job.id);
    assert_string_equal(job.row.mode, "first_frame");
    assert_int_equal(world_blobs(), 1);
    api_job_finish(&job);
    free(url);
}

static void pictures_outside_the_models_limits_are_refused_and_not_kept(void **state)
{
    world_start(NULL);
    char *small = world_data_url("image/png", 200, 200), *thin = world_data_url("image/png", 1600, 400);
    assert_refused(submit_url(&world.admin, small), API_INVALID, "first_frame_image");
    assert_non_null(strstr(world.problem.text, "200x200"));
    assert_refused(submit_url(&world.admin, thin), API_INVALID, "first_frame_image");
    assert_int_equal(world_blobs(), 0);
    free(small);
    free(thin);
}

static void what_is_no_picture_is_refused(void **state)
{
    world_start(NULL);
    char *cut = world_data_url("image/png", 640, 400);
    cut[strlen(cut) / 8 * 4 + 22 - (strlen(cut) / 8 * 4 + 22) % 4 + 2] = 0; /* the beginning of a picture */
    assert_refused(submit_url(&world.admin, "data:image/png;base64,aGVsbG8gd29ybGQ="), API_INVALID,
                   "first_frame_image");
    assert_refused(submit_url(&world.admin, "data:image/png;base64,"), API_INVALID, "first_frame_image");
    assert_refused(submit_url(&world.admin, "data:image/png;base64,%%%%"), API_INVALID, "first_frame_image");
    assert_refused(submit_url(&world.admin, "data:image/png,rawbytes"), API_INVALID, "first_frame_image");
    assert_refused(submit_url(&world.admin, "ftp://example.com/a.png"), API_INVALID, "first_frame_image");
    assert_refused(submit_url(&world.admin, ""), API_INVALID, "first_frame_image");
    assert_refused(submit_url(&world.admin, cut), API_INVALID, "first_frame_image");
    assert_null(strstr(world.problem.text, "/")); /* nothing of where files lie here */
    assert_int_equal(world_blobs(), 0);
    free(cut);
}

static void a_picture_with_too_many_bytes_or_pixels_is_refused(void **state)
{
    world_start((const char *[]){"limits.image_bytes_max=4K", NULL});
    char *url = world_data_url("image/png", 1200, 800);
    assert_refused(submit_url(&world.admin, url), API_TOO_LARGE, "first_frame_image");
    assert_non_null(strstr(world.problem.text, "4096"));
    world_stop();
    world_start((const char *[]){"limits.image_pixels_max=100000", NULL});
    assert_refused(submit_url(&world.admin, url), API_INVALID, "first_frame_image");
    assert_non_null(strstr(world.problem.text, "100000"));
    assert_int_equal(world_blobs(), 0);
    free(url);
}

static void bytes_and_spooled_files_of_the_request_itself_are_taken(void **state)
{
    size_t size;
    char path[80];
    world_start(NULL);
    uint8_t *png = world_png(640, 400, &size);
    snprintf(path, sizeof path, "%s/spooled", world.folder);
    FILE *file = fopen(path, "wb");
    assert_int_equal(fwrite(png, 1, size, file), size);
    fclose(file);
    const struct api_media media[] = {{.role = STORE_INPUT_FIRST_FRAME, .data = png, .data_size = size},
                                      {.role = STORE_INPUT_LAST_FRAME, .path = path}};
    struct api_submit ask = world_ask(HAILUO, "a red ball");
    ask.media = media;
    ask.media_count = 2;
    assert_done(api_job_submit(world.api, &world.admin, &ask, NULL, &job, &world.problem));
    assert_string_equal(job.row.mode, "last_frame");
    assert_int_equal(job.input_count, 2);
    api_job_finish(&job);
    const struct api_media twice[] = {media[0], media[0]};
    ask.media = twice;
    assert_refused(api_job_submit(world.api, &world.admin, &ask, NULL, &job, &world.problem), API_INVALID,
                   "first_frame");
    free(png);
}

static void an_uploaded_file_is_taken_by_its_owner_alone(void **state)
{
    size_t size;
    char url[64];
    world_start(NULL);
    uint8_t *png = world_png(640, 400, &size);
    struct store_file file;
    const struct api_upload upload = {.purpose = "video_generation_input", .name = "a.png", .data = png, .size = size};
    assert_done(api_file_put(world.api, &world.admin, &upload, NULL, &file, &world.problem));
    snprintf(url, sizeof url, "mm_file://%lld", (long long)file.id);
    assert_done(submit_url(&world.admin, url));
    const struct store_file input = input_file();
    assert_int_not_equal(input.id, file.id);
    assert_string_equal(input.blob, file.blob); /* the bytes are there once */
    assert_int_equal(world_blobs(), 1);
    api_job_finish(&job);
    const struct api_caller stranger = world_stranger();
    assert_refused(submit_url(&stranger, url), API_INVALID, "first_frame_image");
    assert_refused(submit_url(&world.admin, "mm_file://12x"), API_INVALID, "first_frame_image");
    assert_done(api_file_delete(world.api, &world.admin, file.id, &world.problem));
    assert_refused(submit_url(&world.admin, url), API_INVALID, "first_frame_image");
    assert_done(api_file_get(world.api, &world.admin, input.id, &file, &world.problem)); /* the job keeps its own */
    free(png);
}

static void subjects_are_looked_at_and_then_refused_honestly(void **state)
{
    world_start(NULL);
    char *good = world_data_url("image/png", 640, 400);
    struct api_media media = {.role = STORE_INPUT_SUBJECT, .url = good, .field = "subject_reference"};
    struct api_submit ask = world_ask("S2V-01", "a person walks");
    ask.media = &media;
    ask.media_count = 1;
    assert_refused(api_job_submit(world.api, &world.admin, &ask, NULL, &job, &world.problem), API_UNAVAILABLE_HERE,
                   "subjects");
    media.url = "data:image/png;base64,aGVsbG8=";
    assert_refused(api_job_submit(world.api, &world.admin, &ask, NULL, &job, &world.problem), API_INVALID,
                   "subject_reference");
    assert_int_equal(world_blobs(), 0);
    world_stop();
    world_start((const char *[]){"sandbox.references=true", NULL});
    media.url = good;
    assert_done(api_job_submit(world.api, &world.admin, &ask, NULL, &job, &world.problem));
    assert_true(job.sandbox);
    api_job_finish(&job);
    free(good);
}

static void put32(uint8_t *at, uint32_t value)
{
    for (int i = 0; i < 4; i++)
        at[i] = (uint8_t)(value >> 8 * i);
}

/* Head of a WAV of that length, 8000 bytes a second; the sound itself does not matter. */
static void wav_make(uint8_t wav[64], uint32_t seconds)
{
    memcpy(wav, "RIFF....WAVEfmt ", 16);
    put32(wav + 16, 16);
    put32(wav + 20, 1 | 1 << 16);
    put32(wav + 24, 8000);
    put32(wav + 28, 8000);
    put32(wav + 32, 1 | 8 << 16);
    memcpy(wav + 36, "data", 4);
    put32(wav + 40, 8000 * seconds);
    memset(wav + 44, 0x80, 20);
}

static void references_are_measured_and_bounded(void **state)
{
    uint8_t wav[64];
    world_start((const char *[]){"sandbox.references=true", NULL});
    char *picture = world_data_url("image/png", 640, 400);
    struct api_media media[] = {{.role = STORE_INPUT_REFERENCE_IMAGE, .url = picture},
                                {.role = STORE_INPUT_REFERENCE_AUDIO, .data = wav, .data_size = sizeof wav}};
    struct api_submit ask = world_ask("MiniMax-H3", "A fox runs");
    ask.resolution = "768P";
    ask.seconds = 5;
    ask.media = media;
    ask.media_count = 2;
    wav_make(wav, 10);
    assert_done(api_job_submit(world.api, &world.admin, &ask, NULL, &job, &world.problem));
    assert_string_equal(job.row.mode, "reference");
    struct store_file file;
    assert_done(api_file_get(world.api, &world.admin, job.inputs[1].file_id, &file, &world.problem));
    assert_string_equal(file.type, "audio/wav");
    assert_int_equal(file.duration_ms, 10000);
    api_job_finish(&job);
    wav_make(wav, 16);
    assert_refused(api_job_submit(world.api, &world.admin, &ask, NULL, &job, &world.problem), API_INVALID,
                   "references");
    media[1].role = STORE_INPUT_REFERENCE_VIDEO; /* a sound is no video */
    assert_refused(api_job_submit(world.api, &world.admin, &ask, NULL, &job, &world.problem), API_INVALID,
                   "reference_video");
    assert_int_equal(world_blobs(), 2);
    free(picture);
}

/* ---- the web ---- */

struct site {
    uint8_t *png;
    size_t size;
    _Atomic int heads, gets;
    bool heads_refused;
    int challenge; /* 0: answered as asked, 1: with another one, 2: with 500 */
};

static char *reply(const char *status, const char *type, const void *body, size_t size, size_t stated, size_t *ret_size)
{
    char head[300];
    const int length = snprintf(head, sizeof head,
                                "HTTP/1.1 %s\r\nContent-Type: %s\r\nContent-Length: %zu\r\nConnection: close\r\n\r\n",
                                status, type, stated);
    char *answer = malloc((size_t)length + size + 1);
    memcpy(answer, head, (size_t)length);
    memcpy(answer + length, body, size);
    *ret_size = (size_t)length + size;
    return answer;
}

static char *answer_challenge(struct site *site, const char *request, size_t *ret_size)
{
    const char *body = strstr(request, "\r\n\r\n") + 4;
    if (site->challenge == 2)
        return reply("500 No", "text/plain", "", 0, 0, ret_size);
    if (site->challenge == 1)
        body = "{\"challenge\":\"something else\"}";
    return reply("200 OK", "application/json", body, strlen(body), strlen(body), ret_size);
}

static char *serve(void *context, const char *request, size_t *ret_size)
{
    struct site *site = context;
    const bool head = strncmp(request, "HEAD", 4) == 0;
    atomic_fetch_add(head ? &site->heads : &site->gets, 1);
    if (strncmp(request, "POST /hook", 10) == 0)
        return answer_challenge(site, request, ret_size);
    if (head && site->heads_refused)
        return reply("405 No", "text/plain", "", 0, 0, ret_size);
    if (strstr(request, "/page"))
        return reply("200 OK", "text/html", "<p>", head ? 0 : 3, 3, ret_size);
    if (strstr(request, "/large"))
        return reply("200 OK", "image/png", "", 0, (size_t)1 << 40, ret_size);
    if (strstr(request, "/missing"))
        return reply("404 No", "text/plain", "", 0, 0, ret_size);
    if (strstr(request, "/away"))
        return reply("302 Found\r\nLocation: http://127.0.0.2:1/secret", "text/plain", "", 0, 0, ret_size);
    return reply("200 OK", "application/octet-stream", site->png, head ? 0 : site->size, site->size, ret_size);
}

static struct site site;
static struct world_http http;

static const char *address(const char *path)
{
    static char text[80];
    snprintf(text, sizeof text, "http://127.0.0.1:%d%s", http.port, path);
    return text;
}

static void site_start(void)
{
    memset(&site, 0, sizeof site);
    site.png = world_png(640, 400, &site.size);
    http = (struct world_http){.answer = serve, .context = &site};
    world_http_start(&http);
}

static void site_stop(void)
{
    world_http_stop(&http);
    free(site.png);
}

static void a_picture_is_fetched_after_its_server_was_asked(void **state)
{
    world_start(NULL);
    site_start();
    assert_done(submit_url(&world.admin, address("/a.png")));
    const struct store_file file = input_file();
    assert_int_equal(file.bytes, site.size);
    assert_string_equal(file.type, "image/png");
    assert_int_equal(site.heads, 1);
    assert_int_equal(site.gets, 1);
    api_job_finish(&job);
    site.heads_refused = true;
    assert_done(submit_url(&world.admin, address("/a.png")));
    api_job_finish(&job);
    site_stop();
}

static void what_the_server_says_beforehand_is_refused_without_fetching(void **state)
{
    world_start(NULL);
    site_start();
    assert_refused(submit_url(&world.admin, address("/page")), API_FETCH, "first_frame_image");
    assert_refused(submit_url(&world.admin, address("/large")), API_TOO_LARGE, "first_frame_image");
    assert_int_equal(site.gets, 0);
    assert_refused(submit_url(&world.admin, address("/missing")), API_FETCH, "first_frame_image");
    assert_refused(submit_url(&world.admin, address("/away")), API_FETCH, "first_frame_image");
    assert_int_equal(world_blobs(), 0);
    site_stop();
    assert_refused(submit_url(&world.admin, address("/a.png")), API_FETCH, "first_frame_image");
}

static void addresses_inside_the_network_are_not_fetched(void **state)
{
    world_start((const char *[]){"fetch.allow=", NULL});
    site_start();
    assert_refused(submit_url(&world.admin, address("/a.png")), API_FETCH, "first_frame_image");
    assert_refused(submit_url(&world.admin, "http://169.254.169.254/latest/meta-data"), API_FETCH, "first_frame_image");
    assert_refused(submit_url(&world.admin, "http://[::1]/a.png"), API_FETCH, "first_frame_image");
    struct api_submit ask = world_ask(HAILUO, "a red ball");
    ask.callback_url = address("/hook");
    ask.callback_style = "minimax1";
    assert_refused(api_job_submit(world.api, &world.admin, &ask, NULL, &job, &world.problem), API_INVALID,
                   "callback_url");
    ask.callback_style = "conch";
    assert_refused(api_job_submit(world.api, &world.admin, &ask, NULL, &job, &world.problem), API_INVALID,
                   "callback_url");
    assert_int_equal(site.gets + site.heads, 0);
    site_stop();
}

static void a_callback_must_send_its_challenge_back(void **state)
{
    world_start(NULL);
    site_start();
    struct api_submit ask = world_ask(HAILUO, "a red ball");
    ask.callback_url = address("/hook");
    ask.callback_style = "minimax1";
    assert_done(api_job_submit(world.api, &world.admin, &ask, NULL, &job, &world.problem));
    assert_string_equal(job.row.callback_url, ask.callback_url);
    assert_string_equal(job.row.callback_style, "minimax1");
    api_job_finish(&job);
    for (site.challenge = 1; site.challenge <= 2; site.challenge++)
        assert_refused(api_job_submit(world.api, &world.admin, &ask, NULL, &job, &world.problem), API_INVALID,
                       "callback_url");
    ask.callback_style = "conch"; /* signed and tried again: it need not answer yet */
    assert_done(api_job_submit(world.api, &world.admin, &ask, NULL, &job, &world.problem));
    api_job_finish(&job);
    ask.callback_url = "not an address";
    assert_refused(api_job_submit(world.api, &world.admin, &ask, NULL, &job, &world.problem), API_INVALID,
                   "callback_url");
    site_stop();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        api_test(a_data_address_is_read_by_its_bytes_whatever_its_label_says),
        api_test(pictures_outside_the_models_limits_are_refused_and_not_kept),
        api_test(what_is_no_picture_is_refused),
        api_test(a_picture_with_too_many_bytes_or_pixels_is_refused),
        api_test(bytes_and_spooled_files_of_the_request_itself_are_taken),
        api_test(an_uploaded_file_is_taken_by_its_owner_alone),
        api_test(subjects_are_looked_at_and_then_refused_honestly),
        api_test(references_are_measured_and_bounded),
        api_test(a_picture_is_fetched_after_its_server_was_asked),
        api_test(what_the_server_says_beforehand_is_refused_without_fetching),
        api_test(addresses_inside_the_network_are_not_fetched),
        api_test(a_callback_must_send_its_challenge_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
