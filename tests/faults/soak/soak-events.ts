import { Canaries } from "../../support/canaries.ts";
import { SeededRandom } from "../../support/seeded-random.ts";

/** One in so many is of the wrong type, and belongs into the quarantine. */
const BAD_EVERY = 500;
const DEVICES = 500;
/** Few, as each is searched for in every form. */
const ADDRESSES = 8;

/** Login events without end, each with a user of its own; what of them the table must hold. */
export class SoakEvents {
  readonly canaries = new Canaries();
  readonly #random: SeededRandom;
  readonly #devices: readonly string[];
  readonly #addresses: readonly string[];
  readonly #expected = new Map<string, string>();
  readonly #usedAddresses = new Set<string>();
  readonly #usedDevices = new Set<string>();
  #sent = 0;
  #bad = 0;

  constructor(seed: number) {
    this.#random = new SeededRandom(seed);
    this.#devices = Array.from({ length: DEVICES }, () => this.canaries.text());
    this.#addresses = Array.from({ length: ADDRESSES }, (_, index) =>
      this.canaries.note(`2001:db8:ca0${index}:${(0x1000 + this.#random.below(0xe000)).toString(16)}::7`),
    );
  }

  get sent(): number {
    return this.#sent;
  }

  get bad(): number {
    return this.#bad;
  }

  /** The bodies of the next messages. */
  take(count: number): string[] {
    return Array.from({ length: count }, () => this.#next());
  }

  /** The values of each user's row that are stored as they are, as `STORED_ROWS` reads them. */
  get expected(): ReadonlyMap<string, string> {
    return this.#expected;
  }

  /** How many addresses and devices were used: the stored tokens must be as many. */
  get distinct(): { readonly addresses: number; readonly devices: number } {
    return { addresses: this.#usedAddresses.size, devices: this.#usedDevices.size };
  }

  #next(): string {
    this.#sent += 1;
    const user = `user-${String(this.#sent).padStart(8, "0")}`;
    const ip = this.#random.pick(this.#addresses);
    const device = this.#random.pick(this.#devices);
    const [major, minor, patch] = [this.#random.below(10), this.#random.below(100), this.#random.below(1_000)];
    const kind = this.#random.pick(["android", "ios"]);
    const locale = this.#random.pick([null, "US", "DE"]);
    const event = { user_id: user, app_version: `${major}.${minor}.${patch}`, device_type: kind, ip, locale };
    if (this.#sent % BAD_EVERY === 0) {
      this.#bad += 1;
      return JSON.stringify({ ...event, device_id: [device] });
    }
    this.#usedAddresses.add(ip);
    this.#usedDevices.add(device);
    const version = major * 1_000_000 + minor * 1_000 + patch;
    const values = [user, kind, ...(locale === null ? [] : [locale]), version];
    this.#expected.set(user, values.join("|"));
    return JSON.stringify({ ...event, device_id: device });
  }
}

/** concat_ws leaves NULL out. */
export const STORED_ROWS = `
SELECT user_id, concat_ws('|', user_id, device_type, locale, app_version) AS text FROM user_logins`;

export const STORED_TOKENS = `
SELECT count(DISTINCT masked_ip)::integer AS addresses, count(DISTINCT masked_device_id)::integer AS devices
FROM user_logins`;
