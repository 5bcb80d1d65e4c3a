// Shows a credential: `node show.mjs REQUEST FILE`, the first of those that take.mjs wrote.
import fs from "node:fs";
import crypto from "node:crypto";
import { setGlobalConfig } from "@openid4vc/oauth2";
import { Openid4vpClient } from "@openid4vc/openid4vp";
import { SDJwtVcInstance } from "@sd-jwt/sd-jwt-vc";
import * as jose from "jose";
import { CoseKey, DeviceRequest, DocRequest, Holder, IssuerSigned, ItemsRequest, SessionTranscript } from "@owf/mdoc";
import { Verifier } from "@auth0/mdl";
import { context, roots } from "./mdoc.mjs";
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
  if ((copy.format ?? "dc+sd-jwt") !== wanted.format) continue; // the wallet has it in one form
  vp_token[wanted.id] = [await (copy.format ? asMdoc : asSdJwt)(wanted)];
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
  shown: Object.values(vp_token)[0][0],
}));

async function asSdJwt(wanted) {
  const frame = {};
  for (const { path } of wanted.claims) {
    let at = frame;
    for (const name of path.slice(0, -1)) at = at[name] ??= {};
    at[path.at(-1)] = true;
  }
  return wallet.present(copy.credential, frame, {
    kb: { payload: { iat: Math.floor(Date.now() / 1000), nonce: payload.nonce, aud: payload.client_id } },
  });
}

async function asMdoc(wanted) {
  const namespaces = {};
  for (const { path: [namespace, element], intent_to_retain } of wanted.claims)
    (namespaces[namespace] ??= {})[element] = intent_to_retain;
  const itemsRequest = ItemsRequest.create({ docType: wanted.meta.doctype_value, namespaces });
  const encrypted = payload.response_mode.endsWith(".jwt");
  const thumbprint = encrypted && (await jose.calculateJwkThumbprint(payload.client_metadata.jwks.keys[0]));
  const sessionTranscript = await SessionTranscript.forOid4Vp({
    clientId: payload.client_id, nonce: payload.nonce, responseUri: payload.response_uri,
    ...(encrypted && { jwkThumbprint: Buffer.from(thumbprint, "base64url") }),
  }, context);
  const made = await Holder.createDeviceResponseForDeviceRequest({
    deviceRequest: DeviceRequest.create({ docRequests: [DocRequest.create({ itemsRequest })] }),
    issuerSigned: [IssuerSigned.fromEncodedForOid4Vci(copy.credential)],
    sessionTranscript,
    signature: { signingKey: CoseKey.fromJwk({ ...copy.key, alg: "ES256" }) },
  }, context);
  // A library of other people verifies what this one made.
  const verifier = new Verifier((await roots(new URL(payload.response_uri).origin)).map((one) => one.toString()));
  await verifier.verify(Buffer.from(made.encode()), {
    encodedSessionTranscript: Buffer.from(sessionTranscript.encode({ asDataItem: true })),
  });
  return made.encodedForOid4Vp;
}
