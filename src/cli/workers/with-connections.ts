import type { Config } from "../../config/config.ts";

export function withConnections(config: Config, maxConnections: number): Config {
  return { ...config, sink: { postgres: { ...config.sink.postgres, maxConnections } } };
}
