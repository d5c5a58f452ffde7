import { PiipeError } from "../errors.ts";

/** What AWS's libraries say when the standard chain finds nothing, and AWS of what it found. */
const CREDENTIALS: ReadonlySet<string> = new Set([
  "CredentialsProviderError",
  "TokenProviderError",
  "ExpiredTokenException",
  "InvalidClientTokenId",
  "InvalidSignatureException",
  "UnrecognizedClientException",
]);

/** The name of an error of AWS: a word of AWS's, or of whoever answers in its place, and then not to be shown. */
export function awsErrorName(error: unknown): string {
  const name = error instanceof Error ? error.name : "";
  return /^\w{1,64}$/.test(name) ? name : "Error";
}

/** null: it is about something else. */
export function credentialsFailure(error: unknown, doing: string): PiipeError | null {
  const name = awsErrorName(error);
  if (!CREDENTIALS.has(name)) return null;
  return new PiipeError(
    "queue.credentials",
    `there are no AWS credentials that are accepted, while ${doing} (${name})`,
    {
      hint: "Set AWS_PROFILE or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, run `aws sso login`, or give the machine a role.",
      cause: error,
    },
  );
}
