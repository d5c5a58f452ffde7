/** ddd-dd-dddd. The Social Security Administration gives no area 000, 666 or 9xx, no group 00 and no serial 0000. */
const US_SSN = /(?<![\w.-])(?!000|666|9)\d{3}-(?!00)\d\d-(?!0000)\d{4}(?!\w|[.-]\d|-\w)/;

export const hasUsSsn = (text: string): boolean => US_SSN.test(text);
