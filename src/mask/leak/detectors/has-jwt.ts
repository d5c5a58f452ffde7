/** RFC 7519 in the compact form of RFC 7515 section 7.1. The first character of the header is a brace, with or without space after it. */
const CANDIDATE = /(?<![\w-])(e[wy][\w-]{8,})\.[\w-]+\.[\w-]*/g;

/** `"alg"` in base64, wherever it begins within three bytes: decoding each of many candidates would be dear. */
const ALG = /ImFsZy[I-L]|[CSiy]JhbGci|iYWxnI[g-v]/;

export function hasJwt(text: string): boolean {
  CANDIDATE.lastIndex = 0;
  for (let match = CANDIDATE.exec(text); match !== null; match = CANDIDATE.exec(text)) {
    if (ALG.test(match[1] ?? "")) return true;
  }
  return false;
}
