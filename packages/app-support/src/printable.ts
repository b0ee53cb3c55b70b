/**
 * What a terminal takes for an order, or what makes a line read otherwise than it is written: controls (C0, C1),
 * line separators, and marks of the writing direction.
 */
const UNPRINTABLE = /[\p{Cc}\p{Zl}\p{Zp}\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/gu

/**
 * A text as it may be shown in a line: tenants' names and the like were chosen by others, and a terminal obeys what
 * it is sent. A mark stays where something was, so that two names that differ go on looking different.
 */
export function printable(text: string): string {
  return text.replace(UNPRINTABLE, '\ufffd')
}

/** A value as JSON that a terminal may be shown: nothing is lost, what is not printable is escaped. */
export function printableJson(value: unknown, indent?: number): string {
  const escaped = (character: string) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`
  return JSON.stringify(value, undefined, indent).replace(UNPRINTABLE, (character) =>
    // The line breaks are those of the indentation: JSON has escaped all others.
    character === '\n' ? character : escaped(character),
  )
}
