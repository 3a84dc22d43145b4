/**
 * The field for the API key above GraphiQL, and the script behind it. The key is only a variable of
 * that script: a reload forgets it, and nothing writes it to the browser's storage. Requests that
 * come before it wait for it. GraphiQL's own field for headers is switched off, because GraphiQL
 * stores what is typed there.
 */
export const KEY_FORM = `
<style>
  body { display: flex; flex-direction: column; height: 100vh; margin: 0; }
  #root { flex: 1; min-height: 0; height: auto; }
  #key-form { display: flex; gap: 0.5rem; align-items: center; padding: 0.5rem 1rem; font: 14px system-ui, sans-serif;
    color: #fff; background: #1f2937; }
  #key-form input { flex: 0 1 26rem; padding: 0.3rem 0.5rem; border: 1px solid #6b7280; border-radius: 4px;
    font: 13px ui-monospace, monospace; color: #111; background: #fff; }
  #key-form button { padding: 0.3rem 0.75rem; border: 0; border-radius: 4px; background: #e5e7eb; color: #111; }
</style>
<form id="key-form">
  <label for="key">API key</label>
  <input id="key" type="password" autocomplete="off" spellcheck="false" placeholder="mtr_live_..." autofocus>
  <button>Use</button>
  <output id="key-state" for="key">Enter a key: the schema and your queries wait for it. It is not stored.</output>
</form>`;

export const KEY_SCRIPT = `
(() => {
  const form = document.getElementById('key-form');
  const field = document.getElementById('key');
  const state = document.getElementById('key-state');
  let key = '';
  let waiting = [];
  const send = window.fetch.bind(window);
  const haveKey = () => key ? Promise.resolve() : new Promise((resolve) => {
    waiting.push(resolve);
    field.focus();
  });
  window.fetch = async (input, init = {}) => {
    const url = new URL(input instanceof Request ? input.url : input, location.href);
    if (url.origin !== location.origin || url.pathname !== location.pathname) return send(input, init);
    await haveKey();
    const headers = new Headers(init.headers ?? (input instanceof Request ? input.headers : undefined));
    headers.set('Authorization', 'Bearer ' + key);
    return send(input, { ...init, headers });
  };
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    const changed = key !== '' && key !== field.value.trim();
    key = field.value.trim();
    if (key === '') return;
    state.textContent = 'This key is used until the page is left or reloaded. It is not stored.';
    for (const resolve of waiting.splice(0)) resolve();
    // Another key may see another schema.
    if (changed) document.querySelector('[aria-label^="Re-fetch"]')?.click();
  });
  // The bundle writes the query into the address, where a reload would run it. Tabs are in storage.
  history.replaceState = () => {};
  // Earlier versions of this page stored the key with the headers, the tabs and the history.
  for (const name of Object.keys(localStorage)) {
    const holdsKey = (localStorage.getItem(name) ?? '').includes('mtr_live_');
    if (name === 'graphiql:headers' || (name.startsWith('graphiql:') && holdsKey)) localStorage.removeItem(name);
  }
})();
`;
