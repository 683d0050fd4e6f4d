// The filter of the alerts, at work while it is typed.
const pause = 250; // ms without a key until the page is asked

export function followFilter(update) {
  const form = document.querySelector("form[data-filter]");
  if (!form) return;
  let timer = 0;
  const apply = async () => {
    const wanted = new URLSearchParams();
    for (const [name, value] of new FormData(form)) if (value) wanted.set(name, value);
    const url = new URL(form.action);
    url.search = wanted;
    history.replaceState(null, "", url);
    try {
      await update(url.href);
    } catch {
      form.submit(); // the browser says what is wrong
    }
  };
  form.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(apply, pause);
  });
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    clearTimeout(timer);
    apply();
  });
}
