// Takes a credential: `node take.mjs OFFER TX_CODE CLIENT_ID COPIES FILE`, for what a person has
// ready; or `node take.mjs ISSUER begin CLIENT_ID REDIRECT_URI BEGUN`, which prints where to send the
// person, and then `node take.mjs BEGUN CODE CLIENT_ID COPIES FILE`. With `mso_mdoc` at the end, as mdoc.
import fs from "node:fs";
import { clientAuthenticationNone } from "@openid4vc/oauth2";
import { Openid4vciClient, setGlobalConfig } from "@openid4vc/openid4vci";
import { SDJwtVcInstance } from "@sd-jwt/sd-jwt-vc";
import * as jose from "jose";
import crypto from "node:crypto";
import { Holder, IssuerSigned } from "@owf/mdoc";
import { context, roots } from "./mdoc.mjs";
import { callbacks, keyOf, newKey, restored } from "./callbacks.mjs";

setGlobalConfig({ allowInsecureUrls: true });
const [offer, txCode, clientId, copies, file, format] = process.argv.slice(2);
const client = new Openid4vciClient({
  callbacks: { ...callbacks, fetch, clientAuthentication: clientAuthenticationNone({ clientId }) },
});
if (txCode === "begin") {
  await begin(offer, copies, file);
  process.exit(0);
}
const begun = fs.existsSync(offer) ? JSON.parse(fs.readFileSync(offer)) : undefined;
const credentialOffer = begun?.credentialOffer ?? (await client.resolveCredentialOffer(offer));
const issuerMetadata = await client.resolveIssuerMetadata(credentialOffer.credential_issuer);
const dpopKey = begun ? await restored(begun.key) : await newKey();
const dpop = { signer: dpopKey };
const token = begun
  ? await client.retrieveAuthorizationCodeAccessTokenFromOffer({
      credentialOffer, issuerMetadata, authorizationCode: txCode, dpop,
      pkceCodeVerifier: begun.verifier, redirectUri: begun.redirectUri,
    })
  : await client.retrievePreAuthorizedCodeAccessTokenFromOffer({
      credentialOffer, issuerMetadata, txCode, dpop,
    });
const accessToken = token.accessTokenResponse.access_token;
const offered = issuerMetadata.credentialIssuer.credential_configurations_supported;
const credentialConfigurationId = credentialOffer.credential_configuration_ids.find(
  (id) => offered[id].format === (format ?? "dc+sd-jwt"),
);
const { c_nonce: nonce } = await client.requestNonce({ issuerMetadata });
const held = [];
for (let i = 0; i < Number(copies); i++) held.push(await newKey());
const proofs = [];
for (const signer of held) {
  const made = await client.createCredentialRequestJwtProof({
    signer, nonce, clientId, issuerMetadata, credentialConfigurationId,
  });
  proofs.push(made.jwt);
}
const got = await client.retrieveCredentials({
  issuerMetadata, accessToken, credentialConfigurationId, proofs: { jwt: proofs }, dpop: token.dpop,
});
const { credentials, notification_id } = got.credentialResponse;
await client.sendNotification({
  issuerMetadata, accessToken, dpop: { signer: dpopKey, nonce: got.dpop?.nonce },
  notification: { notificationId: notification_id, event: "credential_accepted" },
});

// Another library reads what came, and verifies it by the key of the certificate in its header.
const wallet = new SDJwtVcInstance({
  hasher: (data, alg) => crypto.createHash(alg.replace("-", "")).update(data).digest(),
  verifier: async (data, signature) => {
    const { x5c } = jose.decodeProtectedHeader(data + ".x");
    const leaf = new crypto.X509Certificate(Buffer.from(x5c[0], "base64"));
    return crypto.verify("sha256", Buffer.from(data), { key: leaf.publicKey, dsaEncoding: "ieee-p1363" }, Buffer.from(signature, "base64url"));
  },
  statusListFetcher: async (uri) => await (await fetch(uri, { headers: { Accept: "application/statuslist+jwt" } })).text(),
  statusVerifier: async () => true,
  statusValidator: async (status) => { if (status !== 0) throw new Error(`status ${status}`); },
});
const said = [];
for (const { credential } of credentials) said.push(await (format ? read : verified)(credential));
const kept = [];
for (const [i, { credential }] of credentials.entries())
  kept.push({ credential, format, publicJwk: held[i].publicJwk, key: await jose.exportJWK(await keyOf(held[i].publicJwk)) });
fs.writeFileSync(file, JSON.stringify(kept));
console.log(JSON.stringify({ said, name: issuerMetadata.credentialIssuer.display[0].name }));

async function verified(credential) {
  return (await wallet.verify(credential, {})).payload;
}

async function read(credential) {
  const trustedCertificates = (await roots(credentialOffer.credential_issuer)).map((one) => one.raw);
  await Holder.verifyIssuerSigned({ issuerSigned: credential, trustedCertificates }, context);
  const found = IssuerSigned.fromEncodedForOid4Vci(credential);
  const { docType } = found.issuerAuth.mobileSecurityObject;
  return { ...found.getPrettyClaims(docType), docType };
}

async function begin(issuer, redirectUri, file) {
  const credentialOffer = {
    credential_issuer: issuer,
    credential_configuration_ids: ["credential.identity"],
    grants: { authorization_code: {} },
  };
  const issuerMetadata = await client.resolveIssuerMetadata(issuer);
  const key = await newKey();
  const started = await client.createAuthorizationRequestUrlFromOffer({
    credentialOffer, issuerMetadata, clientId, redirectUri, scope: "credential.identity",
    dpop: { signer: key },
  });
  fs.writeFileSync(file, JSON.stringify({
    credentialOffer, redirectUri, verifier: started.pkce.codeVerifier,
    key: await jose.exportJWK(await keyOf(key.publicJwk)),
  }));
  console.log(JSON.stringify({ url: started.authorizationRequestUrl }));
}
