// What the libraries leave to whoever uses them: keys, signatures, hashes, encryption.
import crypto from "node:crypto";
import * as jose from "jose";

export const keys = new Map();

export async function newKey() {
  const { publicKey, privateKey } = await jose.generateKeyPair("ES256", { extractable: true });
  const publicJwk = await jose.exportJWK(publicKey);
  const name = await jose.calculateJwkThumbprint(publicJwk);
  keys.set(name, privateKey);
  return { method: "jwk", alg: "ES256", publicJwk };
}

export async function restored(jwk) {
  const { d, ...publicJwk } = jwk;
  keys.set(await jose.calculateJwkThumbprint(publicJwk), await jose.importJWK(jwk, "ES256"));
  return { method: "jwk", alg: "ES256", publicJwk };
}

export async function keyOf(publicJwk) {
  return keys.get(await jose.calculateJwkThumbprint(publicJwk));
}

export const callbacks = {
  hash: (data, alg) => crypto.createHash(alg.replace("-", "")).update(data).digest(),
  generateRandom: (length) => crypto.randomBytes(length),
  signJwt: async (signer, { header, payload }) => ({
    jwt: await new jose.SignJWT(payload).setProtectedHeader(header).sign(await keyOf(signer.publicJwk)),
    signerJwk: signer.publicJwk,
  }),
  verifyJwt: async (signer, { compact }) => {
    try {
      let key, signerJwk;
      if (signer.method === "x5c") {
        const leaf = new crypto.X509Certificate(Buffer.from(signer.x5c[0], "base64"));
        key = leaf.publicKey;
        signerJwk = await jose.exportJWK(key);
      } else {
        signerJwk = signer.publicJwk;
        key = await jose.importJWK(signerJwk, signer.alg);
      }
      await jose.compactVerify(compact, key);
      return { verified: true, signerJwk };
    } catch (error) {
      return { verified: false };
    }
  },
  encryptJwe: async (to, data) => {
    const header = { alg: to.alg, enc: to.enc, kid: to.publicJwk.kid };
    const jwe = await new jose.CompactEncrypt(new TextEncoder().encode(data))
      .setProtectedHeader(header)
      .encrypt(await jose.importJWK(to.publicJwk, to.alg));
    return { jwe, encryptionJwk: to.publicJwk };
  },
  decryptJwe: async () => { throw new Error("a wallet decrypts nothing here"); },
  getX509CertificateMetadata: (certificate) => {
    const found = new crypto.X509Certificate(Buffer.from(certificate, "base64"));
    const names = (found.subjectAltName ?? "").split(", ");
    const of = (kind) => names.filter((n) => n.startsWith(kind)).map((n) => n.slice(kind.length));
    return { sanDnsNames: of("DNS:"), sanUriNames: of("URI:") };
  },
};
