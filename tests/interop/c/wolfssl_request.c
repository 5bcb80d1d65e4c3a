/* A certification request by wolfSSL: wolfssl_request COMMON-NAME [VERSION] > request.pem

   Without VERSION it is what wc_InitCert leaves there, which is a certificate's. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <wolfssl/options.h>
#include <wolfssl/wolfcrypt/asn_public.h>
#include <wolfssl/wolfcrypt/ecc.h>
#include <wolfssl/wolfcrypt/random.h>

static int failed(const char *what, int code) {
  fprintf(stderr, "%s: %d\n", what, code);
  return 1;
}

int main(int argc, char **argv) {
  WC_RNG random;
  ecc_key key;
  Cert request;
  byte der[4096], pem[8192];
  int size, code;

  if (argc != 2 && argc != 3) return 2;
  if ((code = wc_InitRng(&random))) return failed("random", code);
  if ((code = wc_ecc_init(&key))) return failed("init", code);
  if ((code = wc_ecc_make_key(&random, 32, &key))) return failed("key", code);
  if ((code = wc_InitCert(&request))) return failed("cert", code);
  if (argc == 3) request.version = atoi(argv[2]);
  strncpy(request.subject.commonName, argv[1], CTC_NAME_SIZE - 1);
  strncpy(request.challengePw, "password", CTC_NAME_SIZE - 1);
  request.sigType = CTC_SHA256wECDSA;
  if ((code = wc_SetKeyUsage(&request, "digitalSignature"))) return failed("usage", code);
  size = wc_MakeCertReq(&request, der, sizeof der, NULL, &key);
  if (size < 0) return failed("request", size);
  size = wc_SignCert(request.bodySz, request.sigType, der, sizeof der, NULL, &key, &random);
  if (size < 0) return failed("signature", size);
  size = wc_DerToPem(der, (word32)size, pem, sizeof pem, CERTREQ_TYPE);
  if (size < 0) return failed("pem", size);
  fwrite(pem, 1, (size_t)size, stdout);
  return 0;
}
