/** Controls (C0, C1), line separators, and marks of the writing direction: a terminal or a page obeys them. */
const UNPRINTABLE = /[\p{Cc}\p{Zl}\p{Zp}\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/gu

/** A text as it may stand in a line. Names and messages come from whatever answered: each such mark is replaced. */
export function printable(text: string): string {
  return text.replace(UNPRINTABLE, '\ufffd')
}
