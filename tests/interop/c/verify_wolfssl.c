/* Verify a certificate by wolfSSL: root issuer leaf.der "ocsp", or root issuer leaf.der [list.der …].
   The responder is the one that the certificate names. Says "valid" or why not. */
#include <stdio.h>
#include <string.h>
#include <wolfssl/options.h>
#include <wolfssl/error-ssl.h>
#include <wolfssl/ssl.h>

static unsigned char octets[65536];

static int not_done(const char *what, int code) {
    if (code == WOLFSSL_SUCCESS) return 0;
    printf("%s: %s\n", what, wolfSSL_ERR_reason_error_string(code));
    return 1;
}

static long read_file(const char *name) {
    FILE *file = fopen(name, "rb");
    if (file == NULL) return -1;
    long length = (long) fread(octets, 1, sizeof octets, file);
    fclose(file);
    return length;
}

int main(int count, char **files) {
    if (count < 4) return 2;
    wolfSSL_Init();
    WOLFSSL_CERT_MANAGER *manager = wolfSSL_CertManagerNew();
    int by_ocsp = count == 5 && strcmp(files[4], "ocsp") == 0;
    if (not_done("unread root", wolfSSL_CertManagerLoadCA(manager, files[1], NULL))) return 2;
    /* What is loaded is trusted, so the issuer is verified first. */
    if (not_done("refused issuer",
                 wolfSSL_CertManagerVerify(manager, files[2], WOLFSSL_FILETYPE_PEM)))
        return 1;
    if (not_done("unread issuer", wolfSSL_CertManagerLoadCA(manager, files[2], NULL))) return 2;
    if (by_ocsp) {
        if (not_done("ocsp", wolfSSL_CertManagerEnableOCSP(manager, 0))) return 2;
        long length = read_file(files[3]);
        if (not_done("refused", wolfSSL_CertManagerCheckOCSP(manager, octets, (int) length)))
            return 1;
        puts("valid");
        return 0;
    }
    if (count > 4 && not_done("lists", wolfSSL_CertManagerEnableCRL(manager, WOLFSSL_CRL_CHECK)))
        return 2;
    for (int i = 4; i < count; i++) {
        long length = read_file(files[i]);
        if (not_done(files[i], wolfSSL_CertManagerLoadCRLBuffer(manager, octets, length,
                                                              WOLFSSL_FILETYPE_ASN1)))
            return 2;
    }
    if (not_done("refused", wolfSSL_CertManagerVerify(manager, files[3], WOLFSSL_FILETYPE_ASN1)))
        return 1;
    puts("valid");
    return 0;
}
