/** Names of columns and fields that say that their values are personal data, split into words. Words are singular here. */

const PERSONAL_WORDS: ReadonlySet<string> = new Set(
  (
    "ip ipaddr ipaddress clientip remoteip userip sourceip email mail emailaddress " +
    "phone telephone tel mobile mobilephone homephone phonenumber msisdn fax " +
    "ssn passport birth birthday birthdate dob dateofbirth " +
    "surname firstname lastname fullname username nickname screenname " +
    "address addr street streetaddress iban card cardnumber creditcard pan cvv cvc " +
    "mac macaddress imei imsi iccid idfa idfv gaid aaid deviceid androidid " +
    "latitude longitude lat lng lon geo geolocation geohash gps coordinates " +
    "cookie session sessionid fingerprint useragent ua password passwd jwt"
  ).split(" "),
);

/** Words that are personal only beside one of their companions. */
const PERSONAL_PAIRS: ReadonlyMap<string, ReadonlySet<string>> = new Map(
  Object.entries({
    name: "first last full middle given family maiden nick user display screen legal real birth customer client contact person patient employee member holder owner sender recipient passenger guest driver author committer pusher actor buyer seller subscriber visitor",
    id: "device advertising ad android apple national tax identity personal vendor social anonymous pseudo visitor principal",
    identifier: "device advertising vendor",
    uuid: "device",
    userid: "domain network",
    login: "sender owner author committer pusher actor user",
    serial: "device",
    number: "national license licence tax social insurance account",
    security: "social",
    key: "access",
    agent: "user",
    for: "forwarded",
  }).map(([word, companions]) => [word, new Set(companions.split(" "))] as const),
);

/** Things with names and owners of their own, which are no person's: `repository.full_name`, `repository.owner.login`. */
const THINGS: ReadonlySet<string> = new Set("repository repo bucket library package".split(" "));
/** Of a thing as well as of a person. */
const SHARED_COMPANIONS: ReadonlySet<string> = new Set(["full", "display", "owner"]);

/** What is said of something personal is not personal itself: `card_type`, `email_verified`, `session_count`. */
const ATTRIBUTES: ReadonlySet<string> = new Set(
  (
    "type kind class count version verified enabled disabled status state flag model brand vendor os platform app " +
    "provider carrier format length size duration seconds total valid confirmed consent country opt in out source " +
    "continent timezone language locale currency funding category"
  ).split(" "),
);
const QUESTIONS: ReadonlySet<string> = new Set(["is", "has", "had", "can", "num", "count"]);

/** Words that end with an s and are no plurals, or stand in a list as they are. */
const KNOWN_WORDS: ReadonlySet<string> = new Set([...PERSONAL_WORDS, ...ATTRIBUTES, ...QUESTIONS]);

/** `clientIPAddress2` has the words client, IP, Address and 2, and `userIDs` has user and IDs. */
const WORD = /\p{Lu}{2,}s(?!\p{Ll})|\p{Lu}+(?!\p{Ll})|\p{Lu}?\p{Ll}+|\p{N}+/gu;

/** An acronym of which the rest is in lower case: `IPv4`. */
const IP_OF_VERSION = /(ip)v(?=[46])/gi;

/** The words of a name, however it joins them, in lower case. */
export const wordsOf = (name: string): readonly string[] =>
  (name.replace(IP_OF_VERSION, "$1_").match(WORD) ?? []).map((word) => word.toLowerCase());

/** `ids` is `id`, and `addresses` is `address`. Of what ends like a plural and is none (`gps`) it makes no word. */
export function singularOf(word: string): string {
  if (!word.endsWith("s") || word.endsWith("ss") || word.endsWith("us")) return word;
  if (word === "cookies") return "cookie";
  if (word.endsWith("ies")) return `${word.slice(0, -3)}y`;
  return word.slice(0, /(?:ss|x|us)es$/.test(word) ? -2 : -1);
}

/** The word as the lists have it: as it is, or in the singular. */
const listed = (word: string): string => (word.endsWith("s") && !KNOWN_WORDS.has(word) ? singularOf(word) : word);

/**
 * The part of a column's or a field's name that says that its values are personal data (`ip`, `first_name`), or null.
 * Whole words only: `zip`, `description` and `shipping_type` have no `ip`. In a dotted path every step counts. What is said of
 * one is said of several: `device_ids`, `devices.id`.
 */
export function personalPartOf(name: string): string | null {
  const words = wordsOf(name).map(listed);
  if (QUESTIONS.has(words[0] ?? "") || isAttribute(words)) return null;
  for (const [index, word] of words.entries()) {
    if (PERSONAL_WORDS.has(word)) return word;
    const before = words[index - 1];
    if (before === undefined || PERSONAL_PAIRS.get(word)?.has(before) !== true) continue;
    if (!(SHARED_COMPANIONS.has(before) && THINGS.has(words[index - 2] ?? ""))) return `${before}_${word}`;
  }
  return words.length === 1 && words[0] === "device" ? "device" : null;
}

/** `mobile_brand_name` is a brand's, and `country_code` a country's. */
const isAttribute = (words: readonly string[]): boolean => {
  const last = words.at(-1) ?? "";
  return ATTRIBUTES.has(last) || ((last === "name" || last === "code") && ATTRIBUTES.has(words.at(-2) ?? ""));
};
