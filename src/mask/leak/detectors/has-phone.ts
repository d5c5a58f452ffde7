/** ITU-T E.164: a plus sign, a country code and up to 15 digits altogether, grouped as people do. */
const INTERNATIONAL = /(?<![\w+/=.])\+(?:[ .()/-]{0,2}[1-9])(?:[ .()/-]{0,2}\d){7,14}(?!\w|\.\d)/;
/**
 * The North American plan, where area and exchange begin with 2 to 9: only with brackets or with one kind of separator, as
 * ten digits alone are any number.
 */
const NORTH_AMERICAN =
  /(?<![\w.+-])(?:1[-. ])?(?:\([2-9]\d\d\) ?[2-9]\d\d[-. ]|[2-9]\d\d([-.])[2-9]\d\d\1)\d{4}(?!\w|[.-]\d)/;

export const hasInternationalPhone = (text: string): boolean => INTERNATIONAL.test(text);

export const hasFormattedPhone = (text: string): boolean => NORTH_AMERICAN.test(text);
