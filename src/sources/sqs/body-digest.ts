import { getFips, hash } from "node:crypto";

/** In FIPS mode there is no MD5; TLS then has to do. The official client asks for the same. */
const isMd5Available = getFips() === 0;

/** True when the body is what SQS took the digest of. */
export function isBodyIntact(body: string, md5OfBody: string): boolean {
  return !isMd5Available || hash("md5", body) === md5OfBody;
}
