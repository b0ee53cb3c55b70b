import { printable, printableJson } from '@tenantry/app-support'

/** Writes lines to the standard output. They are made by `table`, or of what is printable. */
export function say(lines: string): void {
  process.stdout.write(`${lines}\n`)
}

/** Writes a sentence to the standard error, whatever is in it. */
export function complain(sentence: string): void {
  process.stderr.write(`${sentence.split('\n').map(printable).join('\n')}\n`)
}

/** Writes one JSON document. */
export function sayJson(value: unknown): void {
  say(printableJson(value, 2))
}
