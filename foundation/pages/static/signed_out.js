// The person goes on when each service in a frame has answered, or after four seconds.
// OpenID Connect Front-Channel Logout 1.0, section 3; who has no scripts presses the button.
"use strict";
const goOn = () => location.replace(document.getElementById("goes-on").href);
addEventListener("load", goOn, { once: true });
setTimeout(goOn, 4000);
