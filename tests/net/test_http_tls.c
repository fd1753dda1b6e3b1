/* The server over TLS, with a certificate made here. */
#include <gnutls/gnutls.h>
#include <gnutls/x509.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/file.h"
#include "net/http_client.h"
#include "net/http_tls.h"
#include "net_tester.h"

static char folder[] = "/tmp/conch-tls-XXXXXX";
static char certificate_path[64], key_path[64], other_key_path[64], wrong_path[64];

/* ---- a certificate for 127.0.0.1, and its key ---- */

static void file_make(const char *path, const gnutls_datum_t *data)
{
    assert_int_equal(file_write_atomic(path, data->data, data->size, NULL), 0);
    assert_int_equal(chmod(path, 0600), 0);
}

static gnutls_x509_privkey_t key_make(const char *path)
{
    gnutls_x509_privkey_t key;
    gnutls_datum_t pem;
    assert_int_equal(gnutls_x509_privkey_init(&key), 0);
    assert_int_equal(
        gnutls_x509_privkey_generate(key, GNUTLS_PK_ECDSA, GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_SECP256R1), 0), 0);
    assert_int_equal(gnutls_x509_privkey_export2(key, GNUTLS_X509_FMT_PEM, &pem), 0);
    file_make(path, &pem);
    gnutls_free(pem.data);
    return key;
}

static void certificate_make(const char *path, gnutls_x509_privkey_t key)
{
    static const unsigned char address[] = {127, 0, 0, 1}, serial[] = {1};
    gnutls_x509_crt_t certificate;
    gnutls_datum_t pem;
    assert_int_equal(gnutls_x509_crt_init(&certificate), 0);
    gnutls_x509_crt_set_version(certificate, 3);
    gnutls_x509_crt_set_serial(certificate, serial, sizeof serial);
    gnutls_x509_crt_set_activation_time(certificate, time(NULL) - 3600);
    gnutls_x509_crt_set_expiration_time(certificate, time(NULL) + 3600);
    gnutls_x509_crt_set_dn_by_oid(certificate, GNUTLS_OID_X520_COMMON_NAME, 0, "conch test", 10);
    gnutls_x509_crt_set_subject_alt_name(certificate, GNUTLS_SAN_IPADDRESS, address, sizeof address, 0);
    gnutls_x509_crt_set_basic_constraints(certificate, 1, -1);
    gnutls_x509_crt_set_key(certificate, key);
    assert_int_equal(gnutls_x509_crt_sign2(certificate, certificate, key, GNUTLS_DIG_SHA256, 0), 0);
    assert_int_equal(gnutls_x509_crt_export2(certificate, GNUTLS_X509_FMT_PEM, &pem), 0);
    file_make(path, &pem);
    gnutls_free(pem.data);
    gnutls_x509_crt_deinit(certificate);
}

static int files_make(void **state)
{
    const gnutls_datum_t wrong = {(unsigned char *)"no PEM\n", 7};
    assert_non_null(mkdtemp(folder));
    snprintf(certificate_path, sizeof certificate_path, "%s/server.pem", folder);
    snprintf(key_path, sizeof key_path, "%s/server.key", folder);
    snprintf(other_key_path, sizeof other_key_path, "%s/other.key", folder);
    snprintf(wrong_path, sizeof wrong_path, "%s/wrong.pem", folder);
    gnutls_x509_privkey_t key = key_make(key_path);
    certificate_make(certificate_path, key);
    gnutls_x509_privkey_deinit(key);
    gnutls_x509_privkey_deinit(key_make(other_key_path));
    file_make(wrong_path, &wrong);
    return 0;
}

static int files_remove(void **state)
{
    unlink(certificate_path);
    unlink(key_path);
    unlink(other_key_path);
    unlink(wrong_path);
    rmdir(folder);
    return 0;
}

static void open_tls(struct tester *tester, struct http_server_settings settings)
{
    settings.tls_certificate = certificate_path;
    settings.tls_key = key_path;
    tester_open(tester, settings);
}

/* ---- our client ---- */

static const char *https_url(const struct tester *tester, const char *path)
{
    static char url[128];
    snprintf(url, sizeof url, "%s%s", http_server_origin(tester->server), path);
    return url;
}

static int fetch(const struct tester *tester, const char *path, const char *body, struct http_fetched *ret,
                 conch_error *err)
{
    struct http_client_settings settings = {.url = https_url(tester, path),
                                            .ca_file = certificate_path,
                                            .https_only = true,
                                            .bytes_max = 4 << 20,
                                            .timeout_ms = 20000};
    if (body) {
        settings.body = body;
        settings.body_size = strlen(body);
    }
    return http_client_fetch(&settings, ret, err);
}

static void answers_of_every_kind_come_over_tls(void **state)
{
    static const struct {
        const char *path, *body, *answer;
    } asks[] = {
        {"/fast", NULL, "ok"}, {"/slow", NULL, "ok"}, {"/echo", "hello", "hello"}, {"/file", NULL, "0123456789"}};
    struct tester tester;
    struct http_fetched fetched;
    open_tls(&tester, (struct http_server_settings){0});
    assert_memory_equal(http_server_origin(tester.server), "https://127.0.0.1:", 18);
    for (size_t i = 0; i < sizeof asks / sizeof asks[0]; i++) {
        assert_int_equal(fetch(&tester, asks[i].path, asks[i].body, &fetched, NULL), 0);
        assert_string_equal(fetched.body.data, asks[i].answer);
        http_fetched_finish(&fetched);
    }
    tester_close(&tester, 1000);
}

static void links_begin_with_https(void **state)
{
    struct tester tester;
    struct http_fetched fetched;
    char wanted[96];
    open_tls(&tester, (struct http_server_settings){0});
    assert_int_equal(fetch(&tester, "/head", NULL, &fetched, NULL), 0);
    snprintf(wanted, sizeof wanted, "GET /head %s 127.0.0.1 ", http_server_origin(tester.server));
    assert_non_null(strstr(fetched.body.data, wanted));
    http_fetched_finish(&fetched);
    tester_close(&tester, 1000);
}

static void a_certificate_nobody_vouches_for_is_refused_by_clients(void **state)
{
    struct tester tester;
    struct http_fetched fetched;
    conch_error err;
    open_tls(&tester, (struct http_server_settings){0});
    const struct http_client_settings settings = {.url = https_url(&tester, "/fast"), .bytes_max = 100};
    assert_true(http_client_fetch(&settings, &fetched, &err) < 0);
    assert_int_equal(fetched.fault, HTTP_FAULT_TLS);
    http_fetched_finish(&fetched);
    tester_close(&tester, 1000);
}

static void plain_http_gets_no_answer(void **state)
{
    struct tester tester;
    struct answer answer;
    open_tls(&tester, (struct http_server_settings){0});
    assert_int_equal(tester_ask(&tester, "GET /fast HTTP/1.1\r\nHost: a\r\n\r\n", &answer), -1);
    assert_int_equal(tester.done_count, 0);
    tester_close(&tester, 1000);
}

/* ---- a session that says exactly what it is told ---- */

struct session {
    gnutls_session_t tls;
    gnutls_certificate_credentials_t credentials;
    int socket;
};

static int session_open(struct session *session, const struct tester *tester, const char *priorities)
{
    session->socket = tester_connect(tester);
    gnutls_certificate_allocate_credentials(&session->credentials);
    assert_int_equal(gnutls_init(&session->tls, GNUTLS_CLIENT | GNUTLS_NO_SIGNAL), 0);
    assert_int_equal(gnutls_priority_set_direct(session->tls, priorities, NULL), 0);
    gnutls_credentials_set(session->tls, GNUTLS_CRD_CERTIFICATE, session->credentials);
    gnutls_transport_set_int(session->tls, session->socket);
    gnutls_handshake_set_timeout(session->tls, 20000);
    int code;
    do
        code = gnutls_handshake(session->tls);
    while (code < 0 && !gnutls_error_is_fatal(code));
    return code;
}

static void session_close(struct session *session)
{
    gnutls_deinit(session->tls);
    gnutls_certificate_free_credentials(session->credentials);
    close(session->socket);
}

static void session_send(struct session *session, const char *text)
{
    assert_int_equal(gnutls_record_send(session->tls, text, strlen(text)), (int)strlen(text));
}

/* Everything until the server says that nothing follows: 0; or the code of what went wrong. */
static int session_read(struct session *session, char *text, size_t size)
{
    size_t used = 0;
    ssize_t got = 0;
    while (used < size - 1 && (got = gnutls_record_recv(session->tls, text + used, size - 1 - used)) != 0) {
        if (got < 0 && gnutls_error_is_fatal((int)got))
            break;
        used += got > 0 ? (size_t)got : 0;
    }
    text[used] = 0;
    return (int)got;
}

static void versions_before_1_2_are_refused(void **state)
{
    static const struct {
        const char *priorities;
        bool taken;
    } tries[] = {{"NORMAL:-VERS-ALL:+VERS-TLS1.3", true},
                 {"NORMAL:-VERS-ALL:+VERS-TLS1.2", true},
                 {"NORMAL:-VERS-ALL:+VERS-TLS1.1", false},
                 {"NORMAL:-VERS-ALL:+VERS-TLS1.0", false}};
    struct tester tester;
    open_tls(&tester, (struct http_server_settings){0});
    for (size_t i = 0; i < sizeof tries / sizeof tries[0]; i++) {
        struct session session;
        assert_true((session_open(&session, &tester, tries[i].priorities) == 0) == tries[i].taken);
        session_close(&session);
    }
    tester_close(&tester, 1000);
}

/* The answers that are written by hand, in the middle of a body. */
static void what_is_refused_in_the_middle_of_a_body_is_encrypted_too(void **state)
{
    struct tester tester;
    struct session session;
    char text[4096];
    open_tls(&tester, (struct http_server_settings){.drain_bytes_max = 1000});
    assert_int_equal(session_open(&session, &tester, "NORMAL"), 0);
    session_send(&session, "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n");
    char chunk[1100] = "400\r\n";
    memset(chunk + 5, 'x', 1024);
    strcpy(chunk + 5 + 1024, "\r\n");
    for (int i = 0; i < 3; i++) /* over the limit of a body, then over what is drained */
        if (gnutls_record_send(session.tls, chunk, strlen(chunk)) < 0)
            break;
    session_read(&session, text, sizeof text);
    assert_memory_equal(text, "HTTP/1.1 413 ", 13);
    assert_non_null(strstr(text, "{\"limit\":1000,"));
    session_close(&session);
    tester_wait(&tester.done_count, 1);
    assert_int_equal(tester.done_status, 413);
    tester_close(&tester, 1000);
}

static void a_body_that_takes_too_long_is_told_so(void **state)
{
    struct tester tester;
    struct session session;
    char text[4096];
    open_tls(&tester, (struct http_server_settings){.body_timeout_ms = 100});
    assert_int_equal(session_open(&session, &tester, "NORMAL"), 0);
    session_send(&session, "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nx");
    usleep(300000);
    session_send(&session, "y");
    assert_int_equal(session_read(&session, text, sizeof text), 0); /* and a proper end of the session */
    assert_memory_equal(text, "HTTP/1.1 408 ", 13);
    session_close(&session);
    tester_close(&tester, 1000);
}

/* ---- files that do not serve ---- */

static void refused(const char *certificate, const char *key, int code, const char *file, const char *why)
{
    struct http_tls tls = {0};
    conch_error err = {0};
    assert_int_equal(http_tls_open(&tls, certificate, key, &err), code);
    if (!strstr(err.text, file) || !strstr(err.text, why))
        fail_msg("'%s' names not both '%s' and '%s'", err.text, file, why);
}

static void files_that_do_not_serve_are_named_with_the_reason(void **state)
{
    refused("/nowhere/a.pem", key_path, CONCH_ERR_NOTFOUND, "/nowhere/a.pem", "tls_certificate");
    refused(certificate_path, "/nowhere/a.key", CONCH_ERR_NOTFOUND, "/nowhere/a.key", "tls_key");
    refused(wrong_path, key_path, CONCH_ERR_FORMAT, wrong_path, "no certificate");
    refused(certificate_path, wrong_path, CONCH_ERR_FORMAT, wrong_path, "no private key");
    refused(certificate_path, other_key_path, CONCH_ERR_FORMAT, other_key_path, "not the key");
    refused(certificate_path, NULL, CONCH_ERR_RANGE, "tls_key", "not");
    refused(NULL, key_path, CONCH_ERR_RANGE, "tls_certificate", "not");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answers_of_every_kind_come_over_tls),
        cmocka_unit_test(links_begin_with_https),
        cmocka_unit_test(a_certificate_nobody_vouches_for_is_refused_by_clients),
        cmocka_unit_test(plain_http_gets_no_answer),
        cmocka_unit_test(versions_before_1_2_are_refused),
        cmocka_unit_test(what_is_refused_in_the_middle_of_a_body_is_encrypted_too),
        cmocka_unit_test(a_body_that_takes_too_long_is_told_so),
        cmocka_unit_test(files_that_do_not_serve_are_named_with_the_reason),
    };
    return cmocka_run_group_tests(tests, files_make, files_remove);
}
