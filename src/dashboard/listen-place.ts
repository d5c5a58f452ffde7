import { lookup } from "node:dns/promises";
import { BlockList, isIP, isIPv6 } from "node:net";
import { PiipeError } from "../errors.ts";

export interface ListenPlace {
  readonly address: string;
  /** 0: any that is free. */
  readonly port: number;
  /** Nobody outside this machine reaches it. */
  readonly isLoopback: boolean;
  /** As they stand in a Host header. */
  readonly names: readonly string[];
}

const LOOPBACK = new BlockList();
LOOPBACK.addSubnet("127.0.0.0", 8, "ipv4");
LOOPBACK.addAddress("::1", "ipv6");

/**
 * Where to listen. A name is resolved once, here: what is judged is what is listened on.
 * @throws {PiipeError} `dashboard.address` when there is no such host
 */
export async function resolveListenPlace({ host, port }: { host: string; port: number }): Promise<ListenPlace> {
  const address = isIP(host) > 0 ? host : await resolve(host);
  const isLoopback = LOOPBACK.check(address, isIPv6(address) ? "ipv6" : "ipv4");
  return { address, port, isLoopback, names: [...new Set([host, address])].map(inHostHeader) };
}

async function resolve(host: string): Promise<string> {
  try {
    return (await lookup(host)).address;
  } catch (cause) {
    throw new PiipeError("dashboard.address", `the dashboard cannot listen on ${host}: the name leads to no address`, {
      hint: "Give --dashboard an address of this machine, such as 127.0.0.1:4780.",
      cause,
    });
  }
}

/** The way a browser writes it. */
const inHostHeader = (host: string): string => new URL(`http://${isIPv6(host) ? `[${host}]` : host}/`).hostname;
