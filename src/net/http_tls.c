#include "net/http_tls.h"

#include <gnutls/gnutls.h>
#include <gnutls/x509.h>
#include <sys/stat.h>
#include <time.h>

#include "base/file.h"
#include "base/hash.h"
#include "base/log.h"

static gnutls_datum_t datum(const struct buf *pem)
{
    return (gnutls_datum_t){.data = (unsigned char *)(pem->data ? pem->data : ""), .size = (unsigned)pem->size};
}

static void validity_look(gnutls_x509_crt_t certificate, const char *path)
{
    const time_t now = time(NULL);
    if (gnutls_x509_crt_get_expiration_time(certificate) < now)
        log_warn("the TLS certificate has expired: clients will refuse it", log_text("file", path));
    else if (gnutls_x509_crt_get_activation_time(certificate) > now)
        log_warn("the TLS certificate is not valid yet: clients will refuse it", log_text("file", path));
}

static int certificate_check(const struct buf *pem, const char *path, conch_error *err)
{
    const gnutls_datum_t data = datum(pem);
    gnutls_x509_crt_t *list = NULL;
    unsigned count = 0;
    int code = gnutls_x509_crt_list_import2(&list, &count, &data, GNUTLS_X509_FMT_PEM, 0);
    if (code < 0)
        return conch_error_set(err, CONCH_ERR_FORMAT, "server.tls_certificate: %s holds no certificate in PEM: %s",
                               path, gnutls_strerror(code));
    validity_look(list[0], path);
    for (unsigned i = 0; i < count; i++)
        gnutls_x509_crt_deinit(list[i]);
    gnutls_free(list);
    return 0;
}

static int key_check(const struct buf *pem, const char *path, conch_error *err)
{
    const gnutls_datum_t data = datum(pem);
    struct stat info;
    gnutls_x509_privkey_t key;
    int code = gnutls_x509_privkey_init(&key);
    if (code < 0)
        return conch_error_set(err, CONCH_ERR_NOMEM, "no memory for a key");
    code = gnutls_x509_privkey_import2(key, &data, GNUTLS_X509_FMT_PEM, NULL, 0);
    gnutls_x509_privkey_deinit(key);
    if (code == GNUTLS_E_DECRYPTION_FAILED)
        return conch_error_set(err, CONCH_ERR_FORMAT,
                               "server.tls_key: the key in %s has a passphrase; wanted is one without", path);
    if (code < 0)
        return conch_error_set(err, CONCH_ERR_FORMAT, "server.tls_key: %s holds no private key in PEM: %s", path,
                               gnutls_strerror(code));
    if (stat(path, &info) == 0 && (info.st_mode & (S_IROTH | S_IWOTH)))
        log_warn("everybody on this machine may read or change the TLS key; chmod 600 it", log_text("file", path));
    return 0;
}

static int pair_check(const struct http_tls *tls, const char *certificate_path, const char *key_path, conch_error *err)
{
    const gnutls_datum_t certificate = datum(&tls->certificate), key = datum(&tls->key);
    gnutls_certificate_credentials_t credentials;
    int code = gnutls_certificate_allocate_credentials(&credentials);
    if (code < 0)
        return conch_error_set(err, CONCH_ERR_NOMEM, "no memory for a certificate");
    code = gnutls_certificate_set_x509_key_mem2(credentials, &certificate, &key, GNUTLS_X509_FMT_PEM, NULL, 0);
    gnutls_certificate_free_credentials(credentials);
    if (code == GNUTLS_E_CERTIFICATE_KEY_MISMATCH)
        return conch_error_set(err, CONCH_ERR_FORMAT, "server.tls_key: %s is not the key of the certificate in %s",
                               key_path, certificate_path);
    if (code < 0)
        return conch_error_set(err, CONCH_ERR_FORMAT, "%s and %s cannot be used for TLS: %s", certificate_path,
                               key_path, gnutls_strerror(code));
    return 0;
}

static int pem_read(struct buf *pem, const char *name, const char *path, conch_error *err)
{
    conch_error cause = {0};
    const int rc = file_read(pem, path, &cause);
    return rc < 0 ? conch_error_set(err, rc, "%s: %s", name, cause.text) : 0;
}

int http_tls_open(struct http_tls *ret_tls, const char *certificate_path, const char *key_path, conch_error *err)
{
    struct http_tls tls;
    if (!certificate_path || !key_path)
        return conch_error_set(err, CONCH_ERR_RANGE, "server.%s is set and server.%s is not: TLS needs both",
                               key_path ? "tls_key" : "tls_certificate", key_path ? "tls_certificate" : "tls_key");
    buf_init(&tls.certificate, HTTP_TLS_FILE_BYTES_MAX);
    buf_init(&tls.key, HTTP_TLS_FILE_BYTES_MAX);
    int rc = pem_read(&tls.certificate, "server.tls_certificate", certificate_path, err);
    if (rc == 0)
        rc = pem_read(&tls.key, "server.tls_key", key_path, err);
    if (rc == 0)
        rc = certificate_check(&tls.certificate, certificate_path, err);
    if (rc == 0)
        rc = key_check(&tls.key, key_path, err);
    if (rc == 0)
        rc = pair_check(&tls, certificate_path, key_path, err);
    if (rc == 0)
        *ret_tls = tls;
    else
        http_tls_close(&tls);
    return rc;
}

void http_tls_close(struct http_tls *tls)
{
    if (tls->key.data)
        hash_wipe(tls->key.data, tls->key.size);
    buf_finish(&tls->key);
    buf_finish(&tls->certificate);
}

bool http_tls_send_last(void *session, const void *data, size_t size)
{
    const char *bytes = data;
    while (size) {
        const ssize_t sent = gnutls_record_send(session, bytes, size);
        if (sent == GNUTLS_E_INTERRUPTED)
            continue;
        if (sent <= 0)
            return false;
        bytes += sent;
        size -= (size_t)sent;
    }
    gnutls_bye(session, GNUTLS_SHUT_WR);
    return true;
}
