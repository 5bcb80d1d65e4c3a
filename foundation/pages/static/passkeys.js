// Passkeys: ask our server, ask the browser, answer our server — W3C WebAuthn §5.1.
// The only script of Civitas. A button with data-passkey="get" or "create" does the work:
//   data-ask, data-answer   where options come from and where the answer goes
//   data-csrf               proof that this page is ours
//   data-step-up            "true": for the person who is signed in
//   data-failed             what to say when it did not work
//   data-name, data-label   ids of fields whose values go along
// An element with data-passkeys-bound (ids), data-rp, data-user, data-name tells what is bound.
"use strict";

(() => {
  const toBytes = (text) => {
    const base64 = text.replace(/-/g, "+").replace(/_/g, "/");
    return Uint8Array.from(atob(base64), (c) => c.charCodeAt(0)).buffer;
  };

  const toText = (buffer) => {
    const binary = Array.from(new Uint8Array(buffer), (b) => String.fromCharCode(b)).join("");
    return btoa(binary).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
  };

  const withBytes = (list) => (list || []).map((c) => ({ ...c, id: toBytes(c.id) }));

  // Browsers before 2025 lack parse…FromJSON and toJSON; these do the same by hand.
  const creationOptions = (json) =>
    PublicKeyCredential.parseCreationOptionsFromJSON
      ? PublicKeyCredential.parseCreationOptionsFromJSON(json)
      : {
          ...json,
          challenge: toBytes(json.challenge),
          user: { ...json.user, id: toBytes(json.user.id) },
          excludeCredentials: withBytes(json.excludeCredentials),
        };

  const requestOptions = (json) =>
    PublicKeyCredential.parseRequestOptionsFromJSON
      ? PublicKeyCredential.parseRequestOptionsFromJSON(json)
      : {
          ...json,
          challenge: toBytes(json.challenge),
          allowCredentials: withBytes(json.allowCredentials),
        };

  const written = (credential) => {
    const from = credential.response;
    const response = { clientDataJSON: toText(from.clientDataJSON) };
    if (from.attestationObject) {
      response.attestationObject = toText(from.attestationObject);
      response.transports = from.getTransports ? from.getTransports() : [];
    } else {
      response.authenticatorData = toText(from.authenticatorData);
      response.signature = toText(from.signature);
      if (from.userHandle) response.userHandle = toText(from.userHandle);
    }
    return {
      id: credential.id,
      rawId: toText(credential.rawId),
      type: credential.type,
      clientExtensionResults: credential.getClientExtensionResults(),
      response,
    };
  };

  const post = async (url, csrf, body) => {
    const answer = await fetch(url + window.location.search, {
      method: "POST",
      headers: { "Content-Type": "application/json", "X-CSRF-Token": csrf },
      body: JSON.stringify(body),
    });
    const content = await answer.json();
    if (!answer.ok) throw Object.assign(new Error(content.detail), { content });
    return content;
  };

  const valueOf = (id) => (id ? document.getElementById(id)?.value || "" : undefined);

  // What the browser keeps that we do not know is forgotten there — WebAuthn §5.1.10. Older
  // browsers cannot; nothing depends on it.
  const signal = async (what, about) => {
    try {
      await PublicKeyCredential[what]?.(about);
    } catch (error) {
      console.info(error);
    }
  };

  // One question at a time: who presses a button wants no offer in a field any more.
  let offer = null;

  const run = async (button, how = {}) => {
    const { passkey, ask, answer, csrf, stepUp, name, label } = button.dataset;
    const more = { step_up: stepUp === "true" };
    const asked = await post(ask, csrf, { ...more, name: valueOf(name) });
    if (asked.location) return asked.location;
    const credential =
      passkey === "create"
        ? await navigator.credentials.create({ publicKey: creationOptions(asked.options) })
        : await navigator.credentials.get({ publicKey: requestOptions(asked.options), ...how });
    try {
      const done = await post(answer, csrf, {
        ...more,
        challenge: asked.challenge,
        credential: written(credential),
        label: valueOf(label),
      });
      return done.location;
    } catch (error) {
      if (error.content?.unknown_credential)
        await signal("signalUnknownCredential", {
          rpId: asked.options.rpId,
          credentialId: credential.id,
        });
      throw error;
    }
  };

  // Passkeys among the names that a field offers — WebAuthn §5.1.4, `conditional`. We are asked for
  // a challenge when somebody goes to the field, not by every page that is opened; and anew when
  // the last one is too old to be answered.
  const OFFER_LASTS = 4 * 60 * 1000;

  const offerIn = (field, button) => {
    let since = 0;
    field.addEventListener("focus", async () => {
      if (Date.now() - since < OFFER_LASTS) return;
      if (!(await PublicKeyCredential.isConditionalMediationAvailable?.())) return;
      since = Date.now();
      offer?.abort();
      offer = new AbortController();
      try {
        const how = { mediation: "conditional", signal: offer.signal };
        window.location.assign(await run(button, how));
      } catch (error) {
        console.info(error);
      }
    });
  };

  for (const button of document.querySelectorAll("[data-passkey]")) {
    const message = document.getElementById(button.getAttribute("aria-describedby"));
    if (!window.PublicKeyCredential) continue;
    button.hidden = false;
    for (const part of document.querySelectorAll("[data-with-passkey]")) part.hidden = false;
    for (const part of document.querySelectorAll("[data-without-passkey]")) part.hidden = true;
    const field = document.querySelector("input[autocomplete~=webauthn]");
    if (field && button.dataset.passkey === "get") offerIn(field, button);
    button.addEventListener("click", async () => {
      offer?.abort();
      button.disabled = true;
      message.hidden = true;
      try {
        window.location.assign(await run(button));
      } catch (error) {
        console.info(error);
        message.textContent = button.dataset.failed;
        message.hidden = false;
        button.disabled = false;
        button.focus();
      }
    });
  }

  // Who looks at their passkeys here has the same ones in their browser afterwards.
  const bound = document.querySelector("[data-passkeys-bound]");
  if (bound && window.PublicKeyCredential) {
    const { rp: rpId, user: userId, name, passkeysBound } = bound.dataset;
    const allAcceptedCredentialIds = JSON.parse(passkeysBound);
    signal("signalAllAcceptedCredentialIds", { rpId, userId, allAcceptedCredentialIds });
    signal("signalCurrentUserDetails", { rpId, userId, name, displayName: name });
  }
})();
