// oidc-provider as a plain server on 127.0.0.1, with its state in DynamoDB.
// It makes one refresh token at the start and prints, as one line of JSON, the
// request that uses it. The token stays valid, so that request can be repeated;
// with OIDC_ROTATE=1 each answer has the next token, and the old one is spent.
import { generateKeyPairSync, randomUUID } from "node:crypto";
import { createServer } from "node:http";
import {
  DeleteItemCommand,
  GetItemCommand,
  PutItemCommand,
  QueryCommand,
  UpdateItemCommand,
} from "@aws-sdk/client-dynamodb";
import { dynamodb, ensureTable } from "./table.mjs";

// Standard output is for the answer only; the provider prints notices there.
console.log = console.info = console.error;
const { Provider } = await import("oidc-provider");

const TableName = process.env.OIDC_TABLE ?? process.env.OPENAUTH_TABLE;
const CLIENT = "app";
const RESOURCE = "https://api.example.com";
const DAY = 24 * 60 * 60;
const now = () => Math.floor(Date.now() / 1000);

// One item for each stored object, and small items that point to it: from its
// uid, its user code, and the grant with which it is revoked.
class DynamoAdapter {
  constructor(model) {
    this.model = model;
  }

  key(id, model = this.model) {
    return { pk: { S: `oidc:${model}:${id}` }, sk: { S: "-" } };
  }

  async upsert(id, payload, expiresIn) {
    const expiry = expiresIn ? { expiry: { N: String(now() + expiresIn) } } : {};
    const data = { data: { S: JSON.stringify(payload) } };
    const items = [{ ...this.key(id), ...expiry, ...data }];
    const target = { target: { S: id }, ...expiry };
    if (payload.uid) items.push({ ...this.key(payload.uid, "uid"), ...target });
    if (payload.userCode) items.push({ ...this.key(payload.userCode, "userCode"), ...target });
    if (payload.grantId) {
      items.push({
        ...this.key(payload.grantId, `grant:${this.model}`),
        sk: { S: id },
        ...expiry,
      });
    }
    await Promise.all(items.map((Item) => dynamodb.send(new PutItemCommand({ TableName, Item }))));
  }

  async item(Key) {
    const { Item } = await dynamodb.send(
      new GetItemCommand({ TableName, Key, ConsistentRead: true }),
    );
    // DynamoDB may remove an item long after it has expired.
    if (Item && !(Item.expiry && Number(Item.expiry.N) < now())) return Item;
  }

  async find(id) {
    const item = await this.item(this.key(id));
    if (!item) return undefined;
    const payload = JSON.parse(item.data.S);
    return item.usedAt ? { ...payload, consumed: Number(item.usedAt.N) } : payload;
  }

  async findBy(index, value) {
    const item = await this.item(this.key(value, index));
    return item && this.find(item.target.S);
  }

  findByUid(uid) {
    return this.findBy("uid", uid);
  }

  findByUserCode(userCode) {
    return this.findBy("userCode", userCode);
  }

  async consume(id) {
    await dynamodb.send(
      new UpdateItemCommand({
        TableName,
        Key: this.key(id),
        UpdateExpression: "SET usedAt = :now",
        // An update must not bring back an item that is gone.
        ConditionExpression: "attribute_exists(pk)",
        ExpressionAttributeValues: { ":now": { N: String(now()) } },
      }),
    );
  }

  async destroy(id) {
    await dynamodb.send(new DeleteItemCommand({ TableName, Key: this.key(id) }));
  }

  async revokeByGrantId(grantId) {
    const { pk } = this.key(grantId, `grant:${this.model}`);
    const { Items } = await dynamodb.send(
      new QueryCommand({
        TableName,
        KeyConditionExpression: "pk = :pk",
        ExpressionAttributeValues: { ":pk": pk },
      }),
    );
    await Promise.all(Items.map(({ sk }) => this.destroy(sk.S)));
  }
}

const server = createServer();
await new Promise((resolve) => server.listen(Number(process.env.PORT ?? 0), "127.0.0.1", resolve));
const url = `http://127.0.0.1:${server.address().port}`;

const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
const provider = new Provider(url, {
  adapter: DynamoAdapter,
  jwks: { keys: [{ ...privateKey.export({ format: "jwk" }), alg: "ES256", use: "sig", kid: "1" }] },
  clients: [
    {
      client_id: CLIENT,
      // A public client, as a web page or a phone's app is.
      token_endpoint_auth_method: "none",
      grant_types: ["authorization_code", "refresh_token"],
      redirect_uris: ["https://app.example.com/callback"],
    },
  ],
  clientDefaults: { id_token_signed_response_alg: "ES256" },
  findAccount: (_, id) => ({ accountId: id, claims: () => ({ sub: id }) }),
  cookies: { keys: [randomUUID()] },
  scopes: ["openid", "offline_access", "api"],
  rotateRefreshToken: process.env.OIDC_ROTATE === "1",
  ttl: { AccessToken: 15 * 60, Grant: 30 * DAY, RefreshToken: 30 * DAY },
  features: {
    devInteractions: { enabled: false },
    // Only an access token for a resource can be a JWT.
    resourceIndicators: {
      enabled: true,
      getResourceServerInfo: () => ({
        scope: "api",
        audience: RESOURCE,
        accessTokenFormat: "jwt",
        accessTokenTTL: 15 * 60,
        jwt: { sign: { alg: "ES256" } },
      }),
    },
  },
});

// What a login in a browser would leave behind.
await ensureTable(TableName);
const accountId = "user";
const grant = new provider.Grant({ accountId, clientId: CLIENT });
grant.addOIDCScope("offline_access");
grant.addResourceScope(RESOURCE, "api");
const refreshToken = new provider.RefreshToken({
  accountId,
  client: await provider.Client.find(CLIENT),
  authTime: now(),
  grantId: await grant.save(),
  gty: "authorization_code",
  resource: RESOURCE,
  // Without openid there is no ID token: one signature for each request.
  scope: "offline_access api",
});
const form = {
  grant_type: "refresh_token",
  client_id: CLIENT,
  refresh_token: await refreshToken.save(),
};

// The provider answers 500 without a word about the reason.
provider.on("server_error", (_, error) => console.error(error));
server.on("request", provider.callback());
process.stdout.write(
  JSON.stringify({
    url: `${url}/token`,
    headers: { "content-type": "application/x-www-form-urlencoded" },
    body: new URLSearchParams(form).toString(),
  }) + "\n",
);
