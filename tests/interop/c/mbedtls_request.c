/* A certification request by Mbed TLS: mbedtls_request SUBJECT > request.pem */
#include <stdio.h>
#include <string.h>

#include <mbedtls/ctr_drbg.h>
#include <mbedtls/ecp.h>
#include <mbedtls/entropy.h>
#include <mbedtls/x509_csr.h>

static int failed(const char *what, int code) {
  fprintf(stderr, "%s: -0x%04x\n", what, (unsigned)-code);
  return 1;
}

int main(int argc, char **argv) {
  mbedtls_entropy_context entropy;
  mbedtls_ctr_drbg_context random;
  mbedtls_pk_context key;
  mbedtls_x509write_csr request;
  unsigned char pem[4096];
  int code;

  if (argc != 2) return 2;
  mbedtls_entropy_init(&entropy);
  mbedtls_ctr_drbg_init(&random);
  mbedtls_pk_init(&key);
  mbedtls_x509write_csr_init(&request);
  if ((code = mbedtls_ctr_drbg_seed(&random, mbedtls_entropy_func, &entropy, NULL, 0)))
    return failed("seed", code);
  if ((code = mbedtls_pk_setup(&key, mbedtls_pk_info_from_type(MBEDTLS_PK_ECKEY))))
    return failed("setup", code);
  if ((code = mbedtls_ecp_gen_key(MBEDTLS_ECP_DP_SECP256R1, mbedtls_pk_ec(key),
                                  mbedtls_ctr_drbg_random, &random)))
    return failed("key", code);
  mbedtls_x509write_csr_set_md_alg(&request, MBEDTLS_MD_SHA256);
  mbedtls_x509write_csr_set_key(&request, &key);
  if ((code = mbedtls_x509write_csr_set_subject_name(&request, argv[1])))
    return failed("subject", code);
  if ((code = mbedtls_x509write_csr_set_key_usage(&request, MBEDTLS_X509_KU_DIGITAL_SIGNATURE)))
    return failed("usage", code);
  if ((code = mbedtls_x509write_csr_pem(&request, pem, sizeof pem, mbedtls_ctr_drbg_random,
                                        &random)))
    return failed("request", code);
  fputs((char *)pem, stdout);
  return 0;
}
