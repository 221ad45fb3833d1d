// Fills OpenAuth's table with its keys and one user, and prints as JSON the
// requests to measure:
//   events.login     the POST that checks the password; gives 302, repeatable
//   events.refresh   the same refresh token each time; gives 200, repeatable
//   events.jwks      the public keys
//   events.rotate    PREPARE_TOKENS events, each with a fresh refresh token of
//                    its own, to be sent once each: what a real refresh costs
import { createHash, randomBytes } from "node:crypto";
import { ScryptHasher } from "@openauthjs/openauth/provider/password";
import { Storage } from "@openauthjs/openauth/storage/storage";
import { ensureTable } from "./table.mjs";

// Standard output is for the answer only. OpenAuth logs each request with the
// function that it finds here when it is loaded.
console.log = console.error;
const { handler, storage } = await import("./openauth.mjs");

await ensureTable(process.env.OPENAUTH_TABLE);

const HOST = "auth.example.com";
const EMAIL = "user@example.com";
const PASSWORD = "correct horse battery staple";
const CALLBACK = "https://app.example.com/callback";
const CLIENT = "app";

// An event as API Gateway makes it for an HTTP API, payload format 2.0.
function event(method, path, { query = {}, form, cookies } = {}) {
  const rawQueryString = new URLSearchParams(query).toString();
  const headers = {
    accept: "*/*",
    host: HOST,
    "user-agent": "bench",
    "x-forwarded-for": "192.0.2.1",
    "x-forwarded-port": "443",
    "x-forwarded-proto": "https",
  };
  if (form) headers["content-type"] = "application/x-www-form-urlencoded";
  return {
    version: "2.0",
    routeKey: "$default",
    rawPath: path,
    rawQueryString,
    ...(cookies && { cookies }),
    headers,
    ...(rawQueryString && { queryStringParameters: query }),
    requestContext: {
      accountId: "123456789012",
      apiId: "bench",
      domainName: HOST,
      domainPrefix: "auth",
      http: {
        method,
        path,
        protocol: "HTTP/1.1",
        sourceIp: "192.0.2.1",
        userAgent: "bench",
      },
      requestId: randomBytes(8).toString("hex"),
      routeKey: "$default",
      stage: "$default",
      time: "01/Jan/2025:00:00:00 +0000",
      timeEpoch: 1735689600000,
    },
    // API Gateway encodes the body of each form.
    ...(form && { body: Buffer.from(new URLSearchParams(form).toString()).toString("base64") }),
    isBase64Encoded: Boolean(form),
  };
}

async function send(what, expected) {
  const answer = await handler(what, {});
  if (answer.statusCode !== expected) {
    throw new Error(`${what.rawPath}: ${answer.statusCode}, not ${expected}: ${answer.body}`);
  }
  return answer;
}

// The user, as the provider would store it after its mail was confirmed.
await Storage.set(storage, ["email", EMAIL, "password"], await ScryptHasher().hash(PASSWORD));

// What a browser does: start, get the form, send the password, trade the code.
const verifier = randomBytes(32).toString("base64url");
const started = await send(
  event("GET", "/authorize", {
    query: {
      client_id: CLIENT,
      redirect_uri: CALLBACK,
      response_type: "code",
      state: "s",
      code_challenge: createHash("sha256").update(verifier).digest("base64url"),
      code_challenge_method: "S256",
    },
  }),
  302,
);
// The state of the login is in an encrypted cookie, which may be sent again.
const cookies = started.cookies.map((cookie) => cookie.split(";")[0]);
await send(event("GET", "/password/authorize", { cookies }), 200);
const login = event("POST", "/password/authorize", {
  cookies,
  form: { email: EMAIL, password: PASSWORD },
});

async function newRefreshEvent() {
  const { headers } = await send(login, 302);
  const code = new URL(headers.location).searchParams.get("code");
  const form = {
    grant_type: "authorization_code",
    client_id: CLIENT,
    code,
    code_verifier: verifier,
    redirect_uri: CALLBACK,
  };
  const { refresh_token } = JSON.parse((await send(event("POST", "/token", { form }), 200)).body);
  return event("POST", "/token", { form: { grant_type: "refresh_token", refresh_token } });
}

const refresh = await newRefreshEvent();
// The first use of a token differs from the later ones, so it is done here.
// A strict issuer would take the token only once.
if (process.env.OPENAUTH_REUSE !== "0") {
  await send(refresh, 200);
  await send(refresh, 200);
}
await send(login, 302);
const jwks = event("GET", "/.well-known/jwks.json");
await send(jwks, 200);

const rotate = [];
for (let n = Number(process.env.PREPARE_TOKENS ?? 0); n > 0; n--) {
  rotate.push(await newRefreshEvent());
}

process.stdout.write(JSON.stringify({ events: { login, refresh, jwks, rotate } }) + "\n");
