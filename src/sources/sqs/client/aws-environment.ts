import type { AwsCredentialIdentity } from "@smithy/types";
import { isHttpUrl } from "../../../config/service-url.ts";
import { PiipeError } from "../../../errors.ts";

/**
 * The region as AWS's tools find it: AWS_REGION, AWS_DEFAULT_REGION (the CLI's), the shared config file's profile,
 * and last the instance's metadata. https://docs.aws.amazon.com/sdkref/latest/guide/feature-region.html
 * @throws PiipeError `queue.region-missing`
 */
export async function findRegion(): Promise<string> {
  const { loadConfig, NODE_REGION_CONFIG_OPTIONS } = await import("@smithy/core/config");
  const load = loadConfig({
    environmentVariableSelector: (env) => env["AWS_REGION"] || env["AWS_DEFAULT_REGION"] || undefined,
    configFileSelector: NODE_REGION_CONFIG_OPTIONS.configFileSelector,
    default: NODE_REGION_CONFIG_OPTIONS.default,
  });
  try {
    return await load();
  } catch (error) {
    throw new PiipeError("queue.region-missing", "no AWS region is configured", {
      hint: "Set source.sqs.region, AWS_REGION, or `region` of the profile in ~/.aws/config; or give the queue's URL or ARN. For a queue server of your own any region will do, such as us-east-1.",
      cause: error,
    });
  }
}

function isTrue(value: string | undefined): boolean {
  return value?.toLowerCase() === "true";
}

/** A service whose endpoint may be configured: as the settings call it, and as people do. */
const SERVICES = { sqs: "SQS", s3: "S3" } as const;
type Service = keyof typeof SERVICES;

/**
 * The endpoint as AWS's tools find it, or null when AWS's own is meant: AWS_ENDPOINT_URL_SQS, AWS_ENDPOINT_URL, the
 * `services` section of the profile, the profile's endpoint_url; none when configured endpoints are to be ignored.
 * https://docs.aws.amazon.com/sdkref/latest/guide/feature-ss-endpoints.html
 */
export async function findEndpoint(service: Service): Promise<string | null> {
  const { CONFIG_PREFIX_SEPARATOR, loadConfig } = await import("@smithy/core/config");
  const isIgnored = await loadConfig<boolean>({
    environmentVariableSelector: (env) => {
      const value = env["AWS_IGNORE_CONFIGURED_ENDPOINT_URLS"];
      return value === undefined ? undefined : isTrue(value);
    },
    configFileSelector: (profile) => {
      const value = profile["ignore_configured_endpoint_urls"];
      return value === undefined ? undefined : isTrue(value);
    },
    default: false,
  })();
  if (isIgnored) return null;
  const endpoint = await loadConfig({
    environmentVariableSelector: (env) =>
      env[`AWS_ENDPOINT_URL_${SERVICES[service]}`] || env["AWS_ENDPOINT_URL"] || undefined,
    configFileSelector: (profile, file) => {
      const section = file?.[`services${CONFIG_PREFIX_SEPARATOR}${profile["services"]}`];
      return section?.[`${service}${CONFIG_PREFIX_SEPARATOR}endpoint_url`] || profile["endpoint_url"] || undefined;
    },
    default: "",
  })();
  return endpoint || null;
}

/** @throws PiipeError `config.invalid` */
export function parseEndpoint(service: Service, text: string): URL {
  const name = SERVICES[service];
  if (!isHttpUrl(text)) {
    // Nothing of it is quoted: what is no URL may hold a password.
    throw new PiipeError(
      "config.invalid",
      `the endpoint of ${name} is no http or https URL without user and password`,
      {
        hint: `Write it with its scheme, such as http://localhost:4566, in source.${service}.endpoint, AWS_ENDPOINT_URL_${name}, AWS_ENDPOINT_URL or the profile's endpoint_url.`,
      },
    );
  }
  return new URL(text);
}

/** Gives credentials that are valid now. */
export interface CredentialSource {
  /** What is at hand and holds for five minutes at least; null: ask `current`. */
  known(): AwsCredentialIdentity | null;
  /** @throws PiipeError `queue.credentials`; retryable when there were credentials before. */
  current(): Promise<AwsCredentialIdentity>;
  /** Forgets what it has and looks again, because AWS refused it. Several callers share one look-up. */
  refresh(): Promise<void>;
}

/** A key that does not expire, such as any local queue server takes. */
export interface StaticCredentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
}

export function staticCredentials(credentials: StaticCredentials): CredentialSource {
  return {
    known: () => credentials,
    current: () => Promise.resolve(credentials),
    refresh: () => Promise.resolve(),
  };
}

type Provider = () => Promise<AwsCredentialIdentity>;

/** Time for a person to confirm a `credential_process`. Parts of the chain know no limit of their own. */
const LOOK_UP_TIMEOUT_MS = 60_000;
/** As the chain itself does. */
const RENEWED_BEFORE_MS = 300_000;

/**
 * AWS's standard chain: environment, shared files and AWS_PROFILE, SSO, web identity, container, instance role.
 * Remembers what it found and renews it five minutes before it expires.
 */
export class StandardCredentials implements CredentialSource {
  readonly #region: string;
  readonly #lookUpTimeoutMs: number;
  #provider: Provider | null = null;
  #refreshing: Promise<void> | null = null;
  #wasFound = false;
  #found: AwsCredentialIdentity | null = null;

  constructor(region: string, lookUpTimeoutMs = LOOK_UP_TIMEOUT_MS) {
    this.#region = region;
    this.#lookUpTimeoutMs = lookUpTimeoutMs;
  }

  /** Saves each request the look-up's timer and turns of the event loop. */
  known(): AwsCredentialIdentity | null {
    const expiresMs = this.#found?.expiration?.getTime() ?? Number.POSITIVE_INFINITY;
    return expiresMs - Date.now() > RENEWED_BEFORE_MS ? this.#found : null;
  }

  async current(): Promise<AwsCredentialIdentity> {
    try {
      const provider = (this.#provider ??= await this.#chain(false));
      const credentials = await this.#inTime(provider());
      if (credentials !== null) {
        this.#wasFound = true;
        // Else there was a refresh meanwhile: AWS has refused these.
        if (provider === this.#provider) this.#found = credentials;
        return credentials;
      }
    } catch (error) {
      throw new PiipeError("queue.credentials", "no AWS credentials were found", {
        retryable: this.#wasFound,
        hint: "Set AWS_PROFILE or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, run `aws configure` or `aws sso login`, or give the machine a role. For a queue server of your own any key and secret will do.",
        cause: error,
      });
    }
    // Whoever asks the same chain again waits for the same look-up.
    await this.refresh();
    throw new PiipeError("queue.credentials", "looking for AWS credentials took too long", {
      retryable: this.#wasFound,
      hint: "Check what gives them: the profile's credential_process, SSO, or the network to AWS STS or to the machine's role.",
    });
  }

  /** null: there was no answer in time. */
  async #inTime(lookUp: Promise<AwsCredentialIdentity>): Promise<AwsCredentialIdentity | null> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<null>((resolve) => {
      timer = setTimeout(() => resolve(null), this.#lookUpTimeoutMs);
    });
    try {
      return await Promise.race([lookUp, late]);
    } finally {
      clearTimeout(timer);
    }
  }

  refresh(): Promise<void> {
    this.#found = null;
    this.#refreshing ??= this.#chain(true)
      .then((provider) => {
        this.#provider = provider;
        // While this was loading, a caller may have got the refused ones from the provider of before.
        this.#found = null;
      })
      .finally(() => {
        this.#refreshing = null;
      });
    return this.#refreshing;
  }

  async #chain(ignoreCache: boolean): Promise<Provider> {
    // Loaded only here: half of what starting piipe would cost otherwise.
    const { fromNodeProviderChain } = await import("@aws-sdk/credential-providers");
    return fromNodeProviderChain({ clientConfig: { region: this.#region }, ignoreCache });
  }
}
