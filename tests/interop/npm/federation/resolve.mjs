// Resolves an entity towards a trust anchor with @openid-federation/core, which checks each
// statement against its own schema. Arguments: entity, anchor. Prints the resolved metadata.
import { webcrypto } from "node:crypto";
import { resolveTrustChains } from "@openid-federation/core";

const [entityId, anchor] = process.argv.slice(2);

async function verifyJwtCallback({ jwt, jwk }) {
  const [header, payload, signature] = jwt.split(".");
  const algorithm = { name: "ECDSA", namedCurve: jwk.crv, hash: "SHA-256" };
  const { kty, crv, x, y } = jwk;
  const key = await webcrypto.subtle.importKey("jwk", { kty, crv, x, y }, algorithm, false, [
    "verify",
  ]);
  const bytes = Buffer.from(signature, "base64url");
  return webcrypto.subtle.verify(algorithm, key, bytes, Buffer.from(`${header}.${payload}`));
}

const chains = await resolveTrustChains({
  entityId,
  trustAnchorEntityIds: [anchor],
  verifyJwtCallback,
});
const found = chains.map(({ valid, chain, resolvedLeafMetadata }) => ({
  valid,
  length: chain.length,
  metadata: resolvedLeafMetadata,
}));
console.log(JSON.stringify(found));
