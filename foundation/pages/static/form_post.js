// The answer of a sign-in goes on by itself; who has no scripts presses the button.
// OAuth 2.0 Form Post Response Mode 1.0, section 2.
"use strict";
document.getElementById("answer").submit();
