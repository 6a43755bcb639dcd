// Light or dark, as the system has it until the reader chooses. Runs before anything is drawn, so that nothing flashes.
(() => {
  const KEY = "reelgate-theme";
  const NAMES = { auto: "System", light: "Light", dark: "Dark" };
  const NEXT = { auto: "light", light: "dark", dark: "auto" };
  const root = document.documentElement;

  function stored() {
    try {
      return localStorage.getItem(KEY) in NEXT ? localStorage.getItem(KEY) : "auto";
    } catch {
      return "auto"; // storage may be forbidden
    }
  }

  function apply(theme) {
    if (theme === "auto") delete root.dataset.theme;
    else root.dataset.theme = theme;
  }

  function name(button) {
    button.title = `${NAMES[theme]} colours: change`;
    button.setAttribute("aria-label", button.title);
  }

  let theme = stored();
  apply(theme);
  document.addEventListener("DOMContentLoaded", () => {
    const button = document.getElementById("theme");
    name(button);
    button.addEventListener("click", () => {
      theme = NEXT[theme];
      apply(theme);
      name(button);
      try {
        localStorage.setItem(KEY, theme);
      } catch {
        // it lasts until the page is left
      }
    });
  });
})();
