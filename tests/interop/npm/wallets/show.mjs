// Shows a credential: `node show.mjs REQUEST FILE`, the first of those that take.mjs wrote.
import fs from "node:fs";
import crypto from "node:crypto";
import { setGlobalConfig } from "@openid4vc/oauth2";
import { Openid4vpClient } from "@openid4vc/openid4vp";
import { SDJwtVcInstance } from "@sd-jwt/sd-jwt-vc";
import * as jose from "jose";
import { callbacks } from "./callbacks.mjs";

setGlobalConfig({ allowInsecureUrls: true });
const [request, file] = process.argv.slice(2);
const kept = JSON.parse(fs.readFileSync(file));
const copy = kept.shift(); // each copy is shown to one service
fs.writeFileSync(file, JSON.stringify(kept));

const client = new Openid4vpClient({ callbacks: { ...callbacks, fetch } });
const parsed = client.parseOpenid4vpAuthorizationRequest({ authorizationRequest: request });
const resolved = await client.resolveOpenId4vpAuthorizationRequest({
  authorizationRequestPayload: parsed.params,
});
const payload = resolved.authorizationRequestPayload;
const key = await jose.importJWK(copy.key, "ES256");
const wallet = new SDJwtVcInstance({
  hasher: (data, alg) => crypto.createHash(alg.replace("-", "")).update(data).digest(),
  hashAlg: "sha-256",
  kbSignAlg: "ES256",
  kbSigner: async (data) =>
    crypto.sign("sha256", Buffer.from(data), { key: crypto.KeyObject.from(key), dsaEncoding: "ieee-p1363" }).toString("base64url"),
});
const vp_token = {};
for (const wanted of resolved.dcql.query.credentials) {
  const frame = {};
  for (const { path } of wanted.claims) {
    let at = frame;
    for (const name of path.slice(0, -1)) at = at[name] ??= {};
    at[path.at(-1)] = true;
  }
  vp_token[wanted.id] = [
    await wallet.present(copy.credential, frame, {
      kb: { payload: { iat: Math.floor(Date.now() / 1000), nonce: payload.nonce, aud: payload.client_id } },
    }),
  ];
}
const answer = await client.createOpenid4vpAuthorizationResponse({
  authorizationRequestPayload: payload,
  clientMetadata: payload.client_metadata,
  authorizationResponsePayload: { vp_token },
  ...(payload.response_mode.endsWith(".jwt") && {
    jarm: { encryption: { nonce: crypto.randomBytes(16).toString("base64url") }, serverMetadata: {
      authorization_signing_alg_values_supported: [],
      authorization_encryption_alg_values_supported: ["ECDH-ES"],
      authorization_encryption_enc_values_supported: ["A128GCM", "A256GCM"],
    } },
  }),
});
const sent = await client.submitOpenid4vpAuthorizationResponse({
  authorizationRequestPayload: payload,
  authorizationResponsePayload: answer.authorizationResponsePayload,
  jarm: answer.jarm && { responseJwt: answer.jarm.responseJwt },
});
const told = await sent.response.text();
console.log(JSON.stringify({
  status: sent.response.status, told, mode: payload.response_mode, by: resolved.client.prefix,
  shown: vp_token.c0[0],
}));
