// An OpenAuth issuer as a Lambda function behind an API Gateway HTTP API.
import { issuer } from "@openauthjs/openauth";
import { PasswordProvider } from "@openauthjs/openauth/provider/password";
import { DynamoStorage } from "@openauthjs/openauth/storage/dynamo";
import { createSubjects } from "@openauthjs/openauth/subject";
import { PasswordUI } from "@openauthjs/openauth/ui/password";
import { handle } from "hono/aws-lambda";
import { object, string } from "valibot";

const DAY = 24 * 60 * 60;

export const storage = DynamoStorage({
  table: process.env.OPENAUTH_TABLE,
  // Without an endpoint the storage talks to the region's DynamoDB.
  endpoint: process.env.AWS_ENDPOINT_URL,
});

const password = PasswordProvider(
  PasswordUI({
    // Nobody reads mail in a benchmark.
    sendCode: async () => {},
  }),
);

export const app = issuer({
  providers: { password },
  storage,
  subjects: createSubjects({ user: object({ email: string() }) }),
  ttl: {
    access: 15 * 60,
    refresh: 30 * DAY,
    // OpenAuth replaces a refresh token at each use, but takes the old one for
    // this long. The first use writes two items, each later one only reads.
    // OPENAUTH_REUSE=0 is strict: each use deletes one item and writes one.
    reuse: Number(process.env.OPENAUTH_REUSE ?? DAY),
  },
  allow: async () => true,
  success: (response, { email }) => response.subject("user", { email }),
});

export const handler = handle(app);
