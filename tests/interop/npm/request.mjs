// A certification request by a library of npm: node request.mjs LIBRARY SUBJECT FILE
import { generateKeyPairSync, webcrypto } from "node:crypto";
import { writeFileSync } from "node:fs";
import * as asn1js from "asn1js";
import forge from "node-forge";
import * as pkijs from "pkijs";

const [library, subject, file] = process.argv.slice(2);

/** With the attributes of its documentation; it keeps their order, and types the strings itself. */
function nodeForge(order) {
  const pem = generateKeyPairSync("rsa", {
    modulusLength: 2048,
    publicKeyEncoding: { type: "spki", format: "pem" },
    privateKeyEncoding: { type: "pkcs8", format: "pem" },
  });
  const attributes = {
    password: { name: "challengePassword", value: "password" },
    company: { name: "unstructuredName", value: "My Company, Inc." },
    extensions: {
      name: "extensionRequest",
      extensions: [{ name: "keyUsage", digitalSignature: true, keyEncipherment: true }],
    },
  };
  const request = forge.pki.createCertificationRequest();
  request.publicKey = forge.pki.publicKeyFromPem(pem.publicKey);
  request.setSubject([{ name: "commonName", value: subject }]);
  request.setAttributes(order.map((name) => attributes[name]));
  request.sign(forge.pki.privateKeyFromPem(pem.privateKey), forge.md.sha256.create());
  return forge.pki.certificationRequestToPem(request);
}

async function pkiJs() {
  pkijs.setEngine("node", new pkijs.CryptoEngine({ crypto: webcrypto, name: "node" }));
  const request = new pkijs.CertificationRequest();
  request.subject.typesAndValues.push(
    new pkijs.AttributeTypeAndValue({
      type: "2.5.4.3",
      value: new asn1js.PrintableString({ value: subject }),
    }),
  );
  const keys = await webcrypto.subtle.generateKey({ name: "ECDSA", namedCurve: "P-256" }, true, [
    "sign",
    "verify",
  ]);
  await request.subjectPublicKeyInfo.importKey(keys.publicKey);
  const constraints = new pkijs.BasicConstraints({ cA: false });
  const extensions = new pkijs.Extensions({
    extensions: [
      new pkijs.Extension({
        extnID: "2.5.29.19",
        critical: false,
        extnValue: constraints.toSchema().toBER(false),
        parsedValue: constraints,
      }),
    ],
  });
  request.attributes = [
    new pkijs.Attribute({ type: "1.2.840.113549.1.9.14", values: [extensions.toSchema()] }),
  ];
  await request.sign(keys.privateKey, "SHA-256");
  const base64 = Buffer.from(request.toSchema().toBER(false)).toString("base64");
  return `-----BEGIN CERTIFICATE REQUEST-----\n${base64}\n-----END CERTIFICATE REQUEST-----\n`;
}

const writers = {
  "node-forge": () => nodeForge(["password", "extensions", "company"]),
  "node-forge-as-documented": () => nodeForge(["password", "company", "extensions"]),
  pkijs: pkiJs,
};
writeFileSync(file, await writers[library]());
