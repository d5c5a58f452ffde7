import type { AwsCredentialIdentity } from "@smithy/types";

/** Which AWS credentials are used. Nothing of it is secret. */
export interface AwsIdentity {
  /** The last four characters of the access key's id, which is no secret itself. */
  readonly accessKeyEnd: string;
  /** Where the standard chain found them, such as `the environment`; null: it does not say. */
  readonly origin: string | null;
  /** They came with a session token. */
  readonly isTemporary: boolean;
  /** Somebody else's program renews them before they expire. */
  readonly isRenewed: boolean;
  readonly expiresAt: Date | null;
}

interface CredentialOrigin {
  /** As the chain marks what it found (`$source`). */
  readonly mark: string;
  readonly text: string;
  readonly isRenewed: boolean;
}

/** The first that fits counts: a role that a profile names is marked as both. */
const ORIGINS: readonly CredentialOrigin[] = [
  { mark: "CREDENTIALS_ENV_VARS_STS_WEB_ID_TOKEN", text: "a web identity of the environment", isRenewed: true },
  { mark: "CREDENTIALS_PROFILE_STS_WEB_ID_TOKEN", text: "a web identity of the profile", isRenewed: true },
  { mark: "CREDENTIALS_STS_ASSUME_ROLE_WEB_ID", text: "a web identity", isRenewed: true },
  { mark: "CREDENTIALS_STS_ASSUME_ROLE", text: "a role that the profile names", isRenewed: true },
  { mark: "CREDENTIALS_PROFILE_SSO", text: "single sign-on of the profile", isRenewed: true },
  { mark: "CREDENTIALS_PROFILE_SSO_LEGACY", text: "single sign-on of the profile", isRenewed: true },
  { mark: "CREDENTIALS_SSO", text: "single sign-on", isRenewed: true },
  { mark: "CREDENTIALS_SSO_LEGACY", text: "single sign-on", isRenewed: true },
  { mark: "CREDENTIALS_PROFILE_LOGIN", text: "the profile's `aws login`", isRenewed: true },
  { mark: "CREDENTIALS_LOGIN", text: "`aws login`", isRenewed: true },
  { mark: "CREDENTIALS_PROFILE_PROCESS", text: "the profile's credential_process", isRenewed: true },
  { mark: "CREDENTIALS_PROCESS", text: "a credential_process", isRenewed: true },
  { mark: "CREDENTIALS_HTTP", text: "the container's role", isRenewed: true },
  { mark: "CREDENTIALS_IMDS", text: "the instance's role", isRenewed: true },
  { mark: "CREDENTIALS_ENV_VARS", text: "the environment", isRenewed: false },
  { mark: "CREDENTIALS_PROFILE", text: "the shared files' profile", isRenewed: false },
];

export function identityOf(credentials: AwsCredentialIdentity): AwsIdentity {
  const marks = "$source" in credentials ? credentials.$source : undefined;
  const origin = ORIGINS.find(({ mark }) => typeof marks === "object" && marks !== null && Object.hasOwn(marks, mark));
  return {
    accessKeyEnd: credentials.accessKeyId.slice(-4),
    origin: origin?.text ?? null,
    isTemporary: credentials.sessionToken !== undefined,
    isRenewed: origin?.isRenewed ?? true,
    expiresAt: credentials.expiration ?? null,
  };
}
