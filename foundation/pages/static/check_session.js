// Tells a service's page whether somebody is still signed in here.
// OpenID Connect Session Management 1.0, section 3.2.
"use strict";
(function () {
  var known = {};

  function tell(event, answer) {
    event.source.postMessage(answer, event.origin);
  }

  window.addEventListener("message", function (event) {
    var text = typeof event.data === "string" ? event.data : "";
    var space = text.lastIndexOf(" ");
    if (space < 1 || space === text.length - 1 || !event.source || event.origin === "null") {
      if (event.source && event.origin !== "null") tell(event, "error");
      return;
    }
    // A page that asks every second is answered from what was heard a moment ago.
    var question = event.origin + " " + text, before = known[question];
    if (before && Date.now() - before.at < 5000) {
      tell(event, before.answer);
      return;
    }
    var asking = new XMLHttpRequest();
    asking.open("GET", "/oauth/check-session/state?client_id=" +
      encodeURIComponent(text.slice(0, space)) + "&session_state=" +
      encodeURIComponent(text.slice(space + 1)) + "&origin=" + encodeURIComponent(event.origin));
    asking.onload = function () {
      var answer = asking.status === 200 ? asking.responseText : "error";
      known[question] = { at: Date.now(), answer: answer };
      tell(event, answer);
    };
    asking.send();
  });
})();
