// oidc-provider on loopback, with its own login and consent forms, for the browser tests:
//   node provider.mjs <signs with: ES256 | RS256> <client authenticates by: client_secret_basic | client_secret_post>
// USHER_NODE_MODULES is the folder that has oidc-provider, CLIENT_SECRET what the client knows.
// It prints `listening <issuer>` when it is ready.

import { generateKeyPairSync, randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

const [alg, method] = process.argv.slice(2);
const { CLIENT_SECRET: secret, USHER_NODE_MODULES: folder } = process.env;
if (!alg || !method || !secret || !folder) {
  throw new Error('node provider.mjs ES256 client_secret_basic, with CLIENT_SECRET and USHER_NODE_MODULES');
}
// It says at length that its memory and its forms are for tests alone.
console.info = console.warn = () => {};
const { resolve } = createRequire(join(folder, 'here.js'));
const { default: Provider } = await import(pathToFileURL(resolve('oidc-provider')));

// The issuer is part of the configuration, so the port comes first.
const server = createServer();
server.listen(0, '127.0.0.1');
await once(server, 'listening');
const issuer = `http://127.0.0.1:${server.address().port}`;

const key = (kid, alg, type, options) => {
  const { privateKey } = generateKeyPairSync(type, options);
  return { ...privateKey.export({ format: 'jwk' }), kid, alg, use: 'sig' };
};

const provider = new Provider(issuer, {
  clients: [
    {
      client_id: 'usher',
      client_secret: secret,
      redirect_uris: ['http://localhost:3000/login/sso_callback'],
      response_types: ['code'],
      grant_types: ['authorization_code'],
      token_endpoint_auth_method: method,
      id_token_signed_response_alg: alg,
    },
  ],
  // What discovery tells, so that the client has no choice.
  clientAuthMethods: [method],
  enabledJWA: { idTokenSigningAlgValues: [alg] },
  jwks: {
    keys: [
      key('rsa', 'RS256', 'rsa', { modulusLength: 2048 }),
      key('ec', 'ES256', 'ec', { namedCurve: 'P-256' }),
    ],
  },
  cookies: { keys: [randomUUID()] },
  pkce: { required: () => true },
  claims: { openid: ['sub'], email: ['email', 'email_verified'], profile: ['name'] },
  // Otherwise an ID token that comes with an access token has no e-mail.
  conformIdTokenClaims: false,
  // The stack's clock can be an hour ahead.
  ttl: { IdToken: 24 * 60 * 60 },
  features: { devInteractions: { enabled: true } },
  findAccount: (_, login) => ({
    accountId: login,
    claims: () => ({
      sub: login,
      name: login,
      ...(login.includes('@') && { email: login, email_verified: true }),
    }),
  }),
});
provider.on('server_error', (_, error) => console.error(error));
server.on('request', provider.callback());
console.log(`listening ${issuer}`);
