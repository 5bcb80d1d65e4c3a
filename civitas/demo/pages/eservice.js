// Who comes back to this page from their account sees at once what holds now.
addEventListener("focus", () => location.reload());
document.addEventListener("visibilitychange", () => {
  if (document.visibilityState === "visible") location.reload();
});
