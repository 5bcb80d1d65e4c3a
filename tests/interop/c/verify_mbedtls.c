/* Verify a chain with its revocation lists by Mbed TLS: root chain [list …]; says "valid" or why not. */
#include <stdio.h>
#include <mbedtls/error.h>
#include <mbedtls/x509_crl.h>
#include <mbedtls/x509_crt.h>

static int unread(const char *file, int code) {
    char why[256];
    if (code == 0) return 0;
    mbedtls_strerror(code, why, sizeof why);
    printf("unread: %s: %s\n", file, why);
    return 1;
}

int main(int count, char **files) {
    mbedtls_x509_crt root, chain;
    mbedtls_x509_crl lists;
    uint32_t flags = 0;
    char why[512];
    if (count < 3) return 2;
    mbedtls_x509_crt_init(&root);
    mbedtls_x509_crt_init(&chain);
    mbedtls_x509_crl_init(&lists);
    if (unread(files[1], mbedtls_x509_crt_parse_file(&root, files[1]))) return 2;
    if (unread(files[2], mbedtls_x509_crt_parse_file(&chain, files[2]))) return 2;
    for (int i = 3; i < count; i++)
        if (unread(files[i], mbedtls_x509_crl_parse_file(&lists, files[i]))) return 2;
    if (mbedtls_x509_crt_verify(&chain, &root, &lists, NULL, &flags, NULL, NULL) == 0) {
        puts("valid");
        return 0;
    }
    mbedtls_x509_crt_verify_info(why, sizeof why, "", flags);
    printf("refused: %s", why);
    return 1;
}
