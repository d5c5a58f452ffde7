import { isHttpUrl, queueUrlParts } from "../../../config/service-url.ts";
import { PiipeError } from "../../../errors.ts";

/** What the configuration says of the queue. */
export interface QueueAddress {
  readonly name: string;
  /** As configured, or null when SQS must be asked. */
  readonly url: string | null;
  /** The owner's AWS account when an ARN names it. */
  readonly accountId: string | null;
  /** The region that the ARN or the URL's host names. */
  readonly region: string | null;
}

const NAME = /^(?=.{1,80}$)[A-Za-z0-9_-]+(?:\.fifo)?$/;
/** https://docs.aws.amazon.com/IAM/latest/UserGuide/reference-arns.html */
const ARN = /^arn:aws[a-z-]*:sqs:([a-z0-9-]+):(\d{12}):(.+)$/;
/** `sqs.eu-west-1.amazonaws.com`, FIPS, dual-stack, VPC endpoints; LocalStack's host names follow the first form. */
const REGION_AFTER_SERVICE = /(?:^|\.)sqs(?:-fips)?\.([a-z]{2,}(?:-[a-z]+)+-\d+)\./;
/** `eu-west-1.queue.amazonaws.com`, the older form. */
const REGION_BEFORE_SERVICE = /^([a-z]{2,}(?:-[a-z]+)+-\d+)\.queue\./;

/** DNS suffixes by the region's prefix; the first that fits counts. From the partitions of AWS's SDKs. */
const DNS_SUFFIXES: readonly (readonly [prefix: string, suffix: string])[] = [
  ["cn-", "amazonaws.com.cn"],
  ["us-isob-", "sc2s.sgov.gov"],
  ["us-isof-", "csp.hci.ic.gov"],
  ["us-iso-", "c2s.ic.gov"],
  ["eu-isoe-", "cloud.adc-e.uk"],
  ["eusc-", "amazonaws.eu"],
  ["", "amazonaws.com"],
];

function invalid(message: string): PiipeError {
  return new PiipeError("config.invalid", message, {
    hint: "Give the queue's name (such as login-queue), its URL, or its ARN (arn:aws:sqs:REGION:ACCOUNT:NAME).",
  });
}

function parseArn(text: string): QueueAddress {
  const match = ARN.exec(text);
  const [, region, accountId, name] = match ?? [];
  if (region === undefined || accountId === undefined || name === undefined || !NAME.test(name)) {
    throw invalid("source.sqs.queue looks like an ARN but is not one of a queue");
  }
  return { name, url: null, accountId, region };
}

function regionOfHost(host: string): string | null {
  if (host === "queue.amazonaws.com") return "us-east-1";
  return (REGION_AFTER_SERVICE.exec(host) ?? REGION_BEFORE_SERVICE.exec(host))?.[1] ?? null;
}

function parseUrl(text: string): QueueAddress {
  const parts = queueUrlParts(text);
  const name = parts?.path.split("/").findLast((part) => part !== "");
  if (parts === null || name === undefined || !NAME.test(name)) {
    throw invalid("source.sqs.queue looks like a URL but is not one of a queue");
  }
  return { name, url: text, accountId: null, region: regionOfHost(parts.host.toLowerCase()) };
}

/** @throws PiipeError `config.invalid` when the text is no name, URL or ARN. */
export function parseQueue(text: string): QueueAddress {
  if (text.startsWith("arn:")) return parseArn(text);
  if (/^https?:\/\//i.test(text)) return parseUrl(text);
  if (NAME.test(text)) return { name: text, url: null, accountId: null, region: null };
  throw invalid("source.sqs.queue is no name of a queue");
}

/**
 * Where AWS answers for the queue: the host of its URL.
 * @throws PiipeError `config.invalid` when it has none, as those of a local server whose endpoint is to be set
 */
export function originOf(queueUrl: string): URL {
  if (isHttpUrl(queueUrl)) return new URL("/", queueUrl);
  throw new PiipeError("config.invalid", "the queue's URL has no host that can be asked", {
    hint: "Set source.sqs.endpoint (or AWS_ENDPOINT_URL_SQS) to the server's own address, such as http://localhost:4566: all requests then go there.",
  });
}

/** For people, of an ARN that SQS gave. */
export const nameOfArn = (arn: string): string => arn.slice(arn.lastIndexOf(":") + 1);

/** Whether AWS itself answers there, dual-stack endpoints and those of a VPC included. */
export function isAwsHost(host: string): boolean {
  return ["api.aws", ...DNS_SUFFIXES.map(([, suffix]) => suffix)].some((suffix) => host.endsWith(`.${suffix}`));
}

/** AWS's own endpoint of a service in a region. */
export function regionalEndpoint(service: "sqs" | "s3", region: string): URL {
  const suffix = DNS_SUFFIXES.find(([prefix]) => region.startsWith(prefix))?.[1] ?? "amazonaws.com";
  return new URL(`https://${service}.${region}.${suffix}/`);
}

/**
 * Which of the queues the configuration means, as far as that can be told without asking SQS. A name, or a URL, may fit
 * the queues of several accounts; of these the configured region decides where it can. Servers other than AWS make up
 * their ARNs, so that a region that fits none decides nothing.
 * @param arns such as the quarantine holds
 * @throws PiipeError `config.invalid` when the configured queue is no name, URL or ARN
 */
export function queuesNamed(
  { queue, region }: { readonly queue: string; readonly region: string | null },
  arns: readonly string[],
): readonly string[] {
  if (queue.startsWith("arn:")) return arns.filter((arn) => arn === queue);
  const address = parseQueue(queue);
  const named = arns.filter((arn) => arn.split(":").at(-1) === address.name);
  const wanted = region ?? address.region;
  const inRegion = named.filter((arn) => arn.split(":").at(-3) === wanted);
  return inRegion.length > 0 ? inRegion : named;
}

/**
 * Whether the configuration may mean the queue with this ARN: what its name, URL and region leave open, any fits.
 * @throws PiipeError `config.invalid` when the configured queue is no name, URL or ARN
 */
export function mayMeanQueue(
  { queue, region }: { readonly queue: string; readonly region: string | null },
  arn: string,
): boolean {
  if (queue.startsWith("arn:")) return queue === arn;
  const address = parseQueue(queue);
  const [ofRegion, ofAccount, ofName] = arn.split(":").slice(-3);
  const wantedRegion = region ?? address.region;
  const wantedAccount = address.url === null ? null : awsAccountOf(address.url);
  return (
    address.name === ofName &&
    (wantedRegion === null || wantedRegion === ofRegion) &&
    (wantedAccount === null || wantedAccount === ofAccount)
  );
}

/** Of a queue's URL at AWS, `https://sqs.eu-west-1.amazonaws.com/123456789012/queue`; null: of another server. */
function awsAccountOf(url: string): string | null {
  const parts = queueUrlParts(url);
  if (parts === null || !isAwsHost(parts.host.toLowerCase())) return null;
  return /^\/(\d{12})\//.exec(parts.path)?.[1] ?? null;
}
