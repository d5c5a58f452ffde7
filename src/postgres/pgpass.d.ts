declare module "pgpass/lib/helper.js" {
  import type { ReadStream, Stats } from "node:fs";

  /** The parts of pgpass: its whole takes the file's name from the environment alone. */
  const helper: {
    /** @returns where it warned to before; null: nowhere */
    warnTo(stream: null): unknown;
    getFileName(): string;
    usePgPass(stats: Stats, file: string): boolean;
    getPassword(
      place: { readonly host: string; readonly port: number; readonly database: string; readonly user: string },
      stream: ReadStream,
      found: (password: string | undefined) => void,
    ): void;
  };
  export default helper;
}
