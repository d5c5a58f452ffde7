import { InvalidArgumentError } from "commander";
import type { ListenAddress } from "../telemetry/metrics-listener.ts";

const PORT_MAX = 65_535;

/** Such as `127.0.0.1:9464`, `localhost:0` or `[::1]:9464`. */
export function parseListenAddress(text: string): ListenAddress {
  const [, bracketed, plain, port] = /^(?:\[([\da-f:.]+)\]|([\w.-]+)):(\d{1,5})$/i.exec(text) ?? [];
  const host = bracketed ?? plain;
  if (host === undefined || Number(port) > PORT_MAX) {
    throw new InvalidArgumentError(
      "Give host:port, such as 127.0.0.1:8080, 0.0.0.0:8080 for all addresses, or [::1]:8080.",
    );
  }
  return { host, port: Number(port) };
}
