import { normalizeIp } from "../normalize/normalize-ip.ts";
import { aesDecrypt, aesEncrypt } from "./aes-siv.ts";
import { ipBlock, ipOfBlock } from "./ip-block.ts";
import type { KeyedOperator } from "./operator.ts";

/**
 * ipcrypt-deterministic (draft-denis-ipcrypt): the address's 16 bytes as one block of AES-128. Reversible with the key; the
 * token is an address that has nothing in common with the first, nearly always IPv6. Any address is a token, as there is
 * no room in it to prove that it was made with the key.
 */
export const ipcryptDeterministicOperator: KeyedOperator = {
  name: "ipcrypt-deterministic",
  needsKey: true,
  usesNormalization: true,
  keyBytes: 16,
  tokenLetter: null,
  tokenChars: () => 39,
  create({ key }) {
    const encrypt = aesEncrypt(key);
    return (ip) => ipOfBlock(encrypt(ipBlock(ip)));
  },
  chain: null,
  reveal({ key }) {
    const decrypt = aesDecrypt(key);
    return (token) => {
      // An `inet` column may give another spelling than it was given.
      const ip = normalizeIp(token);
      return ip === null ? null : ipOfBlock(decrypt(ipBlock(ip)));
    };
  },
};
