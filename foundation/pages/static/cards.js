// Chip cards: ask our server, ask the Web eID extension of the browser, answer our server.
// The messages are those of Web eID (github.com/web-eid/web-eid.js); the extension listens in the
// page, and shows by itself who asks. A button with data-card does the work:
//   data-ask, data-answer     where the nonce comes from and where the token goes
//   data-csrf                 proof that this page is ours
//   data-step-up              "true": for the person who is signed in
//   data-failed, data-absent  what to say when it did not work, or there is no extension
//   data-label                id of a field whose value goes along
"use strict";

(() => {
  const AUTHENTICATE = "web-eid:authenticate";
  const VERSION = "2.0.2";
  const HEARD_WITHIN = 2000;
  const ANSWERED_WITHIN = 130 * 1000;

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

  // One message to the extension, and what it answers. Without an answer that it was heard there is
  // no extension; the card's owner then has two minutes for the PIN.
  const authenticate = (challengeNonce) =>
    new Promise((resolve, reject) => {
      let waiting = null;
      const end = (settle, value) => {
        clearTimeout(waiting);
        window.removeEventListener("message", heard);
        settle(value);
      };
      const wait = (time, error) => {
        clearTimeout(waiting);
        waiting = setTimeout(() => end(reject, error), time);
      };
      const heard = (event) => {
        if (event.source !== window || typeof event.data?.action !== "string") return;
        if (event.data.action === `${AUTHENTICATE}-ack`) wait(ANSWERED_WITHIN, new Error("late"));
        if (event.data.action === `${AUTHENTICATE}-success`) end(resolve, event.data);
        if (event.data.action === `${AUTHENTICATE}-failure`)
          end(reject, new Error(event.data.error?.code || "failure"));
      };
      window.addEventListener("message", heard);
      wait(HEARD_WITHIN, Object.assign(new Error("no extension"), { absent: true }));
      const lang = document.documentElement.lang;
      const message = { action: AUTHENTICATE, libraryVersion: VERSION, challengeNonce };
      window.postMessage({ ...message, options: { lang } }, window.location.origin);
    });

  const run = async (button) => {
    const { ask, answer, csrf, stepUp, label } = button.dataset;
    const more = { step_up: stepUp === "true" };
    const asked = await post(ask, csrf, more);
    if (asked.location) return asked.location;
    const said = await authenticate(asked.nonce);
    const token = {
      unverifiedCertificate: said.unverifiedCertificate,
      algorithm: said.algorithm,
      signature: said.signature,
      format: said.format,
      appVersion: said.appVersion,
    };
    const done = await post(answer, csrf, {
      ...more,
      challenge: asked.challenge,
      token,
      label: label ? document.getElementById(label)?.value || "" : undefined,
    });
    return done.location;
  };

  for (const button of document.querySelectorAll("[data-card]")) {
    const message = document.getElementById(button.getAttribute("aria-describedby"));
    button.hidden = false;
    for (const part of document.querySelectorAll("[data-without-card]")) part.hidden = true;
    button.addEventListener("click", async () => {
      button.disabled = true;
      message.hidden = true;
      try {
        window.location.assign(await run(button));
      } catch (error) {
        console.info(error);
        const content = error.content;
        message.textContent = content
          ? [content.detail, content.next_step].filter(Boolean).join(" ")
          : error.absent
            ? button.dataset.absent
            : button.dataset.failed;
        message.hidden = false;
        button.disabled = false;
        button.focus();
      }
    });
  }
})();
