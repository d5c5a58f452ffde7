import { parseQueue } from "./client/queue-address.ts";

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
