// What the library of mdocs leaves to whoever uses it: keys, signatures, certificates.
import crypto from "node:crypto";
import { CoseKey } from "@owf/mdoc";

const HASHES = { "-7": "sha256", "-35": "sha384" };
const key = (coseKey) => crypto.createPublicKey({ key: coseKey.jwk, format: "jwk" });

export const context = {
  crypto: {
    random: (length) => crypto.randomBytes(length),
    digest: ({ digestAlgorithm, bytes }) =>
      crypto.createHash(digestAlgorithm.replace("-", "")).update(bytes).digest(),
    calculateEphemeralMacKey: () => { throw new Error("nothing is proven by a MAC here"); },
  },
  cose: {
    sign1: {
      sign: ({ toBeSigned, key }) =>
        crypto.sign("sha256", toBeSigned, {
          key: crypto.createPrivateKey({ key: key.jwk, format: "jwk" }), dsaEncoding: "ieee-p1363",
        }),
      verify: ({ key: by, sign1 }) =>
        crypto.verify(HASHES[sign1.protectedHeaders.headers.get(1)], sign1.toBeSigned, {
          key: key(by), dsaEncoding: "ieee-p1363",
        }, sign1.signature),
    },
    mac0: {
      sign: () => { throw new Error("nothing is proven by a MAC here"); },
      verify: () => false,
    },
  },
  x509: {
    getIssuerNameField: ({ certificate, field }) =>
      new crypto.X509Certificate(certificate).issuer.split("\n")
        .filter((line) => line.startsWith(`${field}=`)).map((line) => line.slice(field.length + 1)),
    getPublicKey: ({ certificate }) =>
      CoseKey.fromJwk(new crypto.X509Certificate(certificate).publicKey.export({ format: "jwk" })),
    verifyCertificateChain: ({ trustedCertificates, x5chain }) => {
      const roots = trustedCertificates.map((der) => new crypto.X509Certificate(der));
      const chain = x5chain.map((der) => new crypto.X509Certificate(der));
      for (const [i, one] of chain.entries()) {
        const above = i + 1 < chain.length ? [chain[i + 1]] : roots;
        if (!above.some((by) => one.checkIssued(by) && one.verify(by.publicKey)))
          throw new Error(`${one.subject} leads to no root`);
      }
    },
    getCertificateData: ({ certificate }) => {
      const found = new crypto.X509Certificate(certificate);
      return {
        issuerName: found.issuer, subjectName: found.subject, serialNumber: found.serialNumber,
        thumbprint: found.fingerprint256, pem: found.toString(),
        notBefore: new Date(found.validFrom), notAfter: new Date(found.validTo),
      };
    },
  },
};

// The roots that a wallet trusts, from the file that the authority serves.
export async function roots(issuer) {
  const pem = await (await fetch(`${issuer}/pki/ca.pem`)).text();
  const found = pem.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g);
  return found.map((one) => new crypto.X509Certificate(one)).filter((one) => one.checkIssued(one));
}
