"use strict";
// The page's scripts share one global scope; the block keeps this one's names out of it.
{
  const CODE = "/v2/watch/auth/login/qr/get-code";
  const TOKEN = "/v2/watch/auth/login/qr/get-token";
  const SESSION = "/v2/watch/auth/session";
  const REFRESH = "/v2/watch/auth/token/refresh";
  const LOGOUT = "/v2/watch/auth/logout";
  const LOG_LINES = 12;

  const tv = document.getElementById("tv");
  const part = (name) => document.getElementById(`tv-${name}`);
  const start = part("start");
  const device = part("device");
  const apiKey = tv.dataset.key;
  const still = matchMedia("(prefers-reduced-motion: reduce)");

  /** Ends the sign-in that runs, or the one that is signed in, when the next starts. */
  let run = new AbortController();
  /** A TV keeps its identifier; another device is another TV. */
  let udid = crypto.randomUUID();
  /** In memory only: a page of a demo need not stay signed in. */
  let tokens = null;

  /** What ends a sign-in; the message is for the screen. */
  class Stop extends Error {}

  // What is seen

  function show(name) {
    tv.dataset.shown = name;
    const panels = [...tv.querySelectorAll("[data-panel]")];
    for (const panel of panels) panel.hidden = panel.dataset.panel !== name;
    // Focus on something that goes away would fall back to the top of the page.
    if (document.activeElement?.closest("[data-panel][hidden]")) {
      const [first = start] = tv.querySelectorAll(`[data-panel="${name}"] :is(a, button)`);
      first.focus({ preventScroll: true });
    }
    part("name").textContent = name === "start" ? "" : device.selectedOptions[0].text;
    start.textContent = name === "waiting" ? "New code" : "Show code";
    if (name !== "waiting") next("");
  }

  /** The live region. The same text again must not be read out again. */
  function status(text) {
    const region = part("status");
    if (region.textContent !== text) region.textContent = text;
  }

  /** What comes next and when: beside the live region, because it changes every second. */
  function next(text) {
    part("next").textContent = text;
  }

  function stopped(why) {
    tokens = null;
    part("why").textContent = why;
    show("stopped");
    status(why);
  }

  function logged(method, path, http, code) {
    const line = document.createElement("li");
    const cells = [["span", method], ["code", path], ["b", http], ["span", code]];
    for (const [tag, text] of cells) {
      const cell = document.createElement(tag);
      cell.textContent = text;
      line.append(cell);
    }
    line.className = http === 202 ? "pending" : http >= 200 && http < 300 ? "good" : "bad";
    const log = part("log");
    const earlier = log.querySelectorAll("li:not(.empty)");
    log.replaceChildren(line, ...[...earlier].slice(0, LOG_LINES - 1));
  }

  const clockTime = new Intl.DateTimeFormat("en-GB", { timeStyle: "short" });
  const dateTime = new Intl.DateTimeFormat("en-GB", { dateStyle: "medium", timeStyle: "short" });

  /** When an access token ends, for people only: the stack's clock can be moved, the browser's not. */
  function validUntil(token) {
    const claims = token.split(".")[1].replaceAll("-", "+").replaceAll("_", "/");
    return clockTime.format(JSON.parse(atob(claims)).exp * 1000);
  }

  const minutes = (seconds) => `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;

  // Calls and waits

  async function call(method, path, bearer, body, signal) {
    const headers = { authorization: `Bearer ${bearer}` };
    if (body) headers["content-type"] = "application/json";
    try {
      const init = { method, headers, body: body && JSON.stringify(body), signal, cache: "no-store" };
      const response = await fetch(path, init);
      const data = await response.json().catch(() => ({}));
      logged(method, path, response.status, data.status_code ?? "–");
      return { http: response.status, data, retryAfter: Number(response.headers.get("retry-after")) || 10 };
    } catch {
      signal.throwIfAborted();
      logged(method, path, "–", "no answer");
      return { http: 0, data: { status_code: "No answer", detail: "the local stack does not run, or is busy" } };
    } finally {
      signal.throwIfAborted();
    }
  }

  function described({ http, data }) {
    return `${data.status_code ?? `HTTP ${http}`}: ${data.detail ?? data.message ?? "no detail"}`;
  }

  /** Waits, and tells `each` every second how many are left. */
  async function hold(seconds, signal, each) {
    const until = performance.now() + seconds * 1000;
    for (let left = until - performance.now(); left > 0; left = until - performance.now()) {
      each(Math.ceil(left / 1000));
      await new Promise((resolve) => setTimeout(resolve, left % 1000 || 1000));
      signal.throwIfAborted();
    }
  }

  // Signing in

  async function newCode(signal) {
    for (;;) {
      const answer = await call("POST", CODE, apiKey, { device: device.value, udid }, signal);
      if (answer.http === 200) return answer.data;
      if (answer.http !== 429) throw new Stop(described(answer));
      // The code of before is not this TV's any more.
      show("start");
      status(described(answer));
      await hold(answer.retryAfter, signal, (left) => next(`next try in ${left} s`));
    }
  }

  function showCode(code, isFirst) {
    const { login_code, login_url } = code;
    part("image").src = `${login_url}/image.svg`;
    // The code is the address' last part; a line may break before it.
    const address = login_url.replace(/^https?:\/\//, "").slice(0, -login_code.length);
    part("address").replaceChildren(address, document.createElement("wbr"), login_code);
    part("code").textContent = login_code;
    part("phone").href = login_url;
    show("waiting");
    status(isFirst ? "Waiting for the phone" : "The code expired; this is a new one");
  }

  function polled(times) {
    return times === 0 ? "first poll" : `polled ${times === 1 ? "once" : `${times} times`}, next`;
  }

  /** Asks for tokens until there are some; `null` when the code has expired. */
  async function poll(code, signal) {
    const { login_code, device_code, polling_interval, login_code_expiry } = code;
    const expiry = performance.now() + login_code_expiry * 1000;
    let wait = polling_interval;
    for (let times = 0; ; times += 1) {
      await hold(wait, signal, (left) => {
        const valid = Math.max(0, Math.ceil((expiry - performance.now()) / 1000));
        part("valid").textContent = `Valid for ${minutes(valid)}`;
        next(`${polled(times)} in ${left} s`);
      });
      if (!still.matches) part("light").animate({ opacity: [1, 0.2, 1] }, 600);
      // `device_code` is left out of the JSON when the key did not ask for one.
      const answer = await call("POST", TOKEN, apiKey, { login_code, udid, device_code }, signal);
      const { http, data } = answer;
      if (http === 200) return data;
      // Only the stack says that a code has expired: its clock is the one that counts.
      if (data.status_code === "W2002") return null;
      if (data.status_code === "W2101") throw new Stop("Sign-in was refused on the phone.");
      wait = http === 429 ? answer.retryAfter : polling_interval;
      if (http === 202) status("Waiting for the phone");
      else if (http === 0 || http === 429 || http >= 500) status(described(answer));
      else throw new Stop(described(answer));
    }
  }

  async function signIn(signal) {
    // Counted in codes and not by a clock, so that moving the stack's clock moves this too.
    for (let spent = 0; ; ) {
      const code = await newCode(signal);
      showCode(code, spent === 0);
      const granted = await poll(code, signal);
      if (granted) return granted;
      spent += code.login_code_expiry;
      if (spent >= code.page_redirect_time) throw new Stop("Nobody signed in before the code expired.");
    }
  }

  async function showSession(signal) {
    const answer = await call("GET", SESSION, tokens.token, null, signal);
    const { user, enterprise, session, expires_at } = answer.http === 200 ? answer.data : {};
    // Somebody who came with a PIN can be without a name.
    part("who").textContent = user ? `Signed in as ${user.username ?? user.email ?? user.id}` : "Signed in";
    part("enterprise").textContent = enterprise ?? "–";
    part("session").textContent = session ?? "–";
    part("ends").textContent = expires_at ? dateTime.format(expires_at * 1000) : "–";
    show("signed-in");
    status(user ? `Signed in, access token valid until ${validUntil(tokens.token)}` : described(answer));
  }

  /** Runs one thing that the next start ends; shows why it stopped. */
  async function guarded(task) {
    const { signal } = run;
    try {
      await task(signal);
    } catch (error) {
      if (signal.aborted) return;
      if (!(error instanceof Stop)) console.error(error);
      stopped(error.message);
    }
  }

  function startOver() {
    run.abort();
    run = new AbortController();
    status("Asking for a code");
    guarded(async (signal) => {
      tokens = await signIn(signal);
      await showSession(signal);
    });
  }

  // Signed in

  async function refreshed(signal) {
    const answer = await call("POST", REFRESH, apiKey, { refresh_token: tokens.refresh_token }, signal);
    if (answer.http === 401) throw new Stop(described(answer));
    if (answer.http !== 200) return status(described(answer));
    // A key that rotates gives a new refresh token too; else the one at hand stays good.
    const { token, refresh_token = tokens.refresh_token } = answer.data;
    tokens = { token, refresh_token };
    status(`New access token, valid until ${validUntil(token)}`);
  }

  async function signedOut(signal) {
    const answer = await call("POST", LOGOUT, apiKey, { token: tokens.token }, signal);
    if (answer.http !== 200) return status(described(answer));
    tokens = null;
    show("start");
    status("Signed out");
  }

  /** One call at a time: two refreshes at once would race for the token. */
  let busy = false;
  async function once(task) {
    if (busy || !tokens) return;
    busy = true;
    await guarded(task);
    busy = false;
  }

  start.addEventListener("click", startOver);
  part("refresh").addEventListener("click", () => once(refreshed));
  part("logout").addEventListener("click", () => once(signedOut));
  device.addEventListener("change", () => {
    udid = crypto.randomUUID();
    if (tv.dataset.shown === "waiting") startOver();
  });
}
