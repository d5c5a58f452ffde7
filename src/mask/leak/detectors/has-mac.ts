/**
 * EUI-48 (IEEE 802): six pairs with one kind of separator, or three groups of four with dots. One letter at least, as six
 * pairs of digits are also a date and a time: that misses one address in 280. Not the broadcast address.
 */
const MAC =
  /(?<![\w:.-])(?=[\d:.-]{0,16}[a-f])(?!(?:ff[:-]){5}ff)(?:[\da-f]{2}([:-])(?:[\da-f]{2}\1){4}[\da-f]{2}|[\da-f]{4}\.[\da-f]{4}\.[\da-f]{4})(?![\w:-]|\.\w)/i;

export const hasMac = (text: string): boolean => MAC.test(text);
